package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/rig"
)

// wanted is the managed file's content.
var wanted = []byte("as it was meant to be\n")

// patience is how long one restore may take before the measurement gives up.
const patience = 10 * time.Second

// restore lets a file drift again and again and takes the time until it is right, as somebody sees who looks at the file.
func restore(ctx context.Context, r *rig.Rig, o options) error {
	file, err := managed(ctx, r)
	if err != nil {
		return err
	}
	other := file + ".other"
	for _, way := range []struct {
		name string
		do   func(i int) error
	}{
		{"in place", func(i int) error { return os.WriteFile(file, fmt.Appendf(nil, "drift %d\n", i), 0o644) }},
		{"append", func(i int) error { return appendTo(file, fmt.Appendf(nil, "drift %d\n", i)) }},
		{"rename over", func(i int) error {
			if err := os.WriteFile(other, fmt.Appendf(nil, "drift %d\n", i), 0o644); err != nil {
				return err
			}
			return os.Rename(other, file)
		}},
		{"delete", func(int) error { return os.Remove(file) }},
		{"chmod", func(int) error { return os.Chmod(file, 0o600) }},
	} {
		var took []time.Duration
		for i := range o.rounds {
			if err := way.do(i); err != nil {
				return err
			}
			d, err := untilRight(ctx, file)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", way.name, i, err)
			}
			took = append(took, d)
			if err := settled(ctx, r, file); err != nil {
				return err
			}
		}
		fmt.Printf("  %-12s %s\n", way.name, percentiles(took))
	}
	return nil
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
	m, err := r.NewMinion("web1", "beacons: {file: {paths: {"+file+": {settle: 0s}}}}\n")
	if err != nil {
		return "", err
	}
	if err := r.Start(m); err != nil {
		return "", err
	}
	if err := r.Accept(ctx, "web1"); err != nil {
		return "", err
	}
	if err := r.Online(ctx, "web1"); err != nil {
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

func appendTo(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(text)
	return err
}

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
		time.Sleep(20 * time.Microsecond)
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

func percentiles(d []time.Duration) string {
	slices.Sort(d)
	at := func(p float64) time.Duration {
		return d[min(len(d)-1, int(p*float64(len(d))))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("median %-8s p90 %-8s p99 %-8s max %-8s (%d times)", at(0.5), at(0.9), at(0.99), d[len(d)-1].Round(10*time.Microsecond), len(d))
}
