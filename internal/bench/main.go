// Command bench measures Brine through its real binaries on this machine: `make bench`. It prints tables in Markdown, ready
// for docs/performance.md, and judges none.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"brine/internal/rig"
)

// options are what to measure, and how long.
type options struct {
	bin    string
	only   string
	rounds int
	files  int
	storm  int
	events int
	size   int
	idle   time.Duration
	war    time.Duration

	sockets int
}

// part is one thing that is measured, in an installation of its own.
type part struct {
	name    string // for -only
	title   string
	measure func(context.Context, *rig.Rig, options) (table, error)
}

func parts() []part {
	return []part{
		{"rule", "Edit to restored, through a rule: minion, master and back", restoreByRule},
		{"enforce", "Edit to restored, with `enforce: true`", restoreByEnforce},
		{"storm", "Many enforced files that drift at once", storm},
		{"war", "A drift war: the file is written again each millisecond", war},
		{"files", "A tree of many files: start and memory", files},
		{"ingest", "Events from eight minions to synced and acknowledged", ingest},
		{"decide", "Decisions carried out, each durable", decide},
		{"idle", "Idle: a master with ten minions", idle},
		{"beacons", "Idle: a minion with every beacon at its defaults, and each by itself", everyBeacon},
		{"sockets", "Many connections watched each second", sockets},
	}
}

func main() {
	var names []string
	for _, p := range parts() {
		names = append(names, p.name)
	}
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "`folder` of the binaries")
	flag.StringVar(&o.only, "only", strings.Join(names, ","), "what to measure")
	flag.IntVar(&o.rounds, "rounds", 300, "repetitions of each way of drifting")
	flag.IntVar(&o.files, "files", 100000, "files of the large tree")
	flag.IntVar(&o.storm, "storm", 1000, "files that drift at once")
	flag.IntVar(&o.events, "events", 100000, "events of each of the eight minions")
	flag.IntVar(&o.size, "size", 300, "bytes of an event as it is stored")
	flag.DurationVar(&o.idle, "idle", time.Minute, "how long the idle daemons are looked at")
	flag.IntVar(&o.sockets, "sockets", 10000, "sockets that are open while they are watched")
	flag.DurationVar(&o.war, "war", 10*time.Second, "how long the war goes on")
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
	left := strings.Split(o.only, ",")
	fmt.Println(machine())
	for _, p := range parts() {
		i := slices.Index(left, p.name)
		if i < 0 {
			continue
		}
		left = slices.Delete(left, i, i+1)
		fmt.Printf("\n### %s\n\n", p.title)
		if err := inRig(ctx, o, p.measure); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("-only: nothing is called %q", left)
	}
	return nil
}

// inRig measures in a folder of its own, and leaves nothing behind.
func inRig(ctx context.Context, o options, measure func(context.Context, *rig.Rig, options) (table, error)) (err error) {
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
	t, err := measure(ctx, r, o)
	if err == nil {
		fmt.Print(t)
	}
	return err
}
