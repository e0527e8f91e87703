// Command bench measures Brine through its real binaries on this machine: `make bench`. It prints figures and judges none.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"brine/internal/rig"
)

// options are what to measure, and how long.
type options struct {
	bin    string
	rounds int
	events int
	size   int
	idle   time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "`folder` of the binaries")
	flag.IntVar(&o.rounds, "rounds", 300, "repetitions of each way of drifting")
	flag.IntVar(&o.events, "events", 100000, "events of each of the eight minions")
	flag.IntVar(&o.size, "size", 300, "bytes of an event as it is stored")
	flag.DurationVar(&o.idle, "idle", time.Minute, "how long the idle daemons are looked at")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	for _, part := range []struct {
		name    string
		measure func(context.Context, *rig.Rig, options) error
	}{
		{"edit to restored, through minion, master and back", restore},
		{"events from eight minions to synced and acknowledged", ingest},
		{"idle: memory and processor", idle},
	} {
		fmt.Printf("\n%s\n", part.name)
		if err := inRig(ctx, o, part.measure); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// inRig measures in a folder of its own, and leaves nothing behind.
func inRig(ctx context.Context, o options, measure func(context.Context, *rig.Rig, options) error) (err error) {
	dir, err := os.MkdirTemp("", "brine-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return err
	}
	r, err := rig.New(dir, bin)
	if err != nil {
		return err
	}
	defer func() {
		if serr := r.Stop(); err == nil {
			err = serr
		}
	}()
	return measure(ctx, r, o)
}
