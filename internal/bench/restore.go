package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/rig"

	"golang.org/x/sys/unix"
)

// wanted is the managed file's content.
var wanted = []byte("as it was meant to be\n")

// patience is how long one restore may take before the measurement gives up.
const patience = 10 * time.Second

// restoreByRule goes the whole way: event to the master, rule, job to the minion.
func restoreByRule(ctx context.Context, r *rig.Rig, o options) (table, error) {
	file, err := managed(ctx, r)
	if err != nil {
		return table{}, err
	}
	return restore(ctx, r, o, []string{file}, func(string) error { return settled(ctx, r, file) })
}

// restoreByEnforce is what the minion does by itself.
func restoreByEnforce(ctx context.Context, r *rig.Rig, o options) (table, error) {
	e, err := enforce(ctx, r, 1+len(ways())*o.rounds/(contestedAt-1))
	if err != nil {
		return table{}, err
	}
	times := map[string]int{}
	return restore(ctx, r, o, e.files, func(file string) error { times[file]++; return e.told(ctx, file, times[file]) })
}

// way is one of changing a file.
type way struct {
	name string
	do   func(file string, i int) error
}

func ways() []way {
	return []way{
		{"in place", func(file string, i int) error { return os.WriteFile(file, fmt.Appendf(nil, "drift %d\n", i), 0o644) }},
		{"append", func(file string, i int) error { return appendTo(file, fmt.Appendf(nil, "drift %d\n", i)) }},
		{"rename over", func(file string, i int) error {
			if err := os.WriteFile(file+".other", fmt.Appendf(nil, "drift %d\n", i), 0o644); err != nil {
				return err
			}
			return os.Rename(file+".other", file)
		}},
		{"delete", func(file string, _ int) error { return os.Remove(file) }},
		{"chmod", func(file string, _ int) error { return os.Chmod(file, 0o600) }},
	}
}

// between is the rest after each round: a beacon that commits more than 50 times a second for long is held back, and a round is two
// commits.
const between = 45 * time.Millisecond

// restore lets files drift in turn, again and again, and takes the time until each is right, as somebody sees who looks at it. calm
// returns when all that follows from the last drift is over.
func restore(ctx context.Context, r *rig.Rig, o options, files []string, calm func(file string) error) (table, error) {
	t := table{head: []string{"change", "median", "p90", "p99", "longest", "times", "processor time each"}}
	turn := 0
	for _, way := range ways() {
		var took []time.Duration
		before := processorTime(r)
		for i := range o.rounds {
			file := files[turn%len(files)]
			turn++
			if err := way.do(file, i); err != nil {
				return t, err
			}
			d, err := untilRight(ctx, file)
			if err != nil {
				return t, fmt.Errorf("%s, round %d: %w", way.name, i, err)
			}
			took = append(took, d)
			if err := calm(file); err != nil {
				return t, err
			}
			if err := pause(ctx, between); err != nil {
				return t, err
			}
		}
		cpu := processorTime(r) - before
		t.add(append(append([]string{way.name}, percentiles(took)...), fmt.Sprint(len(took)), ms(cpu/time.Duration(o.rounds)))...)
	}
	return t, nil
}

// managed sets up one minion with one managed file, and the rule that restores it.
func managed(ctx context.Context, r *rig.Rig) (string, error) {
	file := r.Path("host/etc/app.conf")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	for rel, text := range map[string]string{
		"host/etc/app.conf": string(wanted),
		"states/app.conf":   string(wanted),
		"states/app.sls":    file + ":\n  file.managed:\n    - source: brine://app.conf\n    - mode: '0644'\n",
		"reactors/app.yaml": "restore:\n  on: brine/beacon/*/file" + file + "\n  do: {state.apply: app}\n",
	} {
		if err := r.Write(rel, text); err != nil {
			return "", err
		}
	}
	if err := r.StartMaster(ctx); err != nil {
		return "", err
	}
	if _, err := join(ctx, r, "beacons: {file: {paths: {"+file+": {settle: 0s}}}}\n"); err != nil {
		return "", err
	}
	// Once unmeasured: the content travels, and the caches fill.
	if err := os.WriteFile(file, []byte("first drift\n"), 0o644); err != nil {
		return "", err
	}
	if _, err := untilRight(ctx, file); err != nil {
		return "", err
	}
	return file, settled(ctx, r, file)
}

// join starts the minion web1, and waits until the master has it.
func join(ctx context.Context, r *rig.Rig, extra string) (*rig.Minion, error) {
	return member(ctx, r, "web1", extra)
}

func appendTo(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(text)
	return err
}

// lookEvery is how often somebody looks at the file.
const lookEvery = 20 * time.Microsecond

// untilRight looks at the file without pause, as the machine has two cores, until it is as wanted.
func untilRight(ctx context.Context, file string) (time.Duration, error) {
	start := time.Now()
	for {
		info, err := os.Lstat(file)
		if err == nil && info.Mode() == 0o644 && info.Size() == int64(len(wanted)) {
			if text, err := os.ReadFile(file); err == nil && bytes.Equal(text, wanted) {
				return time.Since(start), nil
			}
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if time.Since(start) > patience {
			return 0, fmt.Errorf("not right after %s", patience)
		}
		ts := unix.NsecToTimespec(int64(lookEvery))
		_ = unix.Nanosleep(&ts, nil) // Go's own timers may take a millisecond
	}
}

// settled waits until nothing of the last drift is under way.
func settled(ctx context.Context, r *rig.Rig, file string) error {
	own := "brine/beacon/*/file" + event.EscapeTag(file)
	return r.Wait(ctx, "the last drift has been dealt with", func() (bool, error) {
		jobs, err := r.Client.Jobs(ctx, api.JobQuery{Open: true})
		if err != nil || len(jobs) > 0 {
			return false, err
		}
		for line, err := range r.Client.Events(ctx, api.Query{Tag: own, Reverse: true, Limit: 1}) {
			if err != nil {
				return false, err
			}
			if line.Event != nil {
				return line.Event.Own, nil
			}
		}
		return false, nil
	})
}
