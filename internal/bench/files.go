package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/rig"
)

// perFolder is how many files each folder of the large tree has.
const perFolder = 100

// files takes the time and memory that a minion needs to watch a large tree: for the first time, and again; with and without the right
// to know who changes files.
func files(ctx context.Context, r *rig.Rig, o options) (table, error) {
	t := table{head: []string{"files", "folders", "actors", "baseline", "watching after", "processor time", "resident at the most", "PSS"}}
	tree, probe := r.Path("host/tree"), r.Path("host/probe")
	for i := range o.files {
		dir := filepath.Join(tree, fmt.Sprint(i/perFolder))
		if i%perFolder == 0 {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return t, err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), fmt.Appendf(nil, "file %d\n", i), 0o644); err != nil {
			return t, err
		}
	}
	if err := os.WriteFile(probe, nil, 0o644); err != nil {
		return t, err
	}
	if err := r.StartMaster(ctx); err != nil {
		return t, err
	}
	m, err := join(ctx, r, "beacons: {file: {paths: {"+tree+": {recurse: true}, "+probe+": {settle: 0s}}}}\n")
	if err != nil {
		return t, err
	}
	if err := watching(ctx, r, probe); err != nil {
		return t, err
	}
	bin := r.Bin
	for _, who := range []string{"yes", "no"} {
		r.Bin = bin
		if who == "no" {
			if r.Bin, err = withoutRights(r, bin); err != nil {
				fmt.Fprintf(os.Stderr, "without actors: not measured: %v\n", err)
				break
			}
		}
		for _, baseline := range []string{"none", "known"} {
			if err := m.Stop(); err != nil {
				return t, err
			}
			if baseline == "none" {
				if err := os.Remove(filepath.Join(m.Dir, "outbox.db")); err != nil {
					return t, err
				}
			}
			start := time.Now()
			if err := r.Start(m); err != nil {
				return t, err
			}
			if err := watching(ctx, r, probe); err != nil {
				return t, err
			}
			took, cpu := time.Since(start), cpuTime(m.PID())
			pss, err := memoryOf(m.PID(), "smaps_rollup", "Pss:")
			if err != nil {
				return t, err
			}
			most, err := memoryOf(m.PID(), "status", "VmHWM:")
			if err != nil {
				return t, err
			}
			t.add(fmt.Sprint(o.files), fmt.Sprint(o.files/perFolder), who, baseline, seconds(took), seconds(cpu), mib(most), mib(pss))
		}
	}
	return t, nil
}

// watching returns when the beacon tells of a second change: the first may have been found while it looked at everything, the second was
// noted, which it heeds only afterwards.
func watching(ctx context.Context, r *rig.Rig, probe string) error {
	for range 2 {
		if err := seen(ctx, r, probe); err != nil {
			return err
		}
	}
	return nil
}

// seen returns when a change of the probe is told.
func seen(ctx context.Context, r *rig.Rig, probe string) error {
	text := time.Now().String()
	tag := "brine/beacon/web1/file" + event.EscapeTag(probe)
	var last uint64
	for line, err := range r.Client.Events(ctx, api.Query{Tag: tag, Reverse: true, Limit: 1}) {
		if err != nil {
			return err
		}
		if line.Event != nil {
			last = line.Event.Pos
		}
	}
	n := 0
	return r.Wait(ctx, "the tree is watched", func() (bool, error) {
		if n++; n%20 == 1 { // until then what is written may be taken for the baseline
			if err := os.WriteFile(probe, fmt.Appendf(nil, "%s %d\n", text, n), 0o644); err != nil {
				return false, err
			}
		}
		for line, err := range r.Client.Events(ctx, api.Query{Tag: tag, Reverse: true, Limit: 1}) {
			if err != nil {
				return false, err
			}
			if line.Event != nil {
				return line.Event.Pos > last, nil
			}
		}
		return false, nil
	})
}

// withoutRights makes a folder of binaries whose minion may not ask the kernel who changes files.
func withoutRights(r *rig.Rig, bin string) (string, error) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		return "", err
	}
	dir := r.Path("bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.Symlink(filepath.Join(bin, "brine-master"), filepath.Join(dir, "brine-master")); err != nil {
		return "", err
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %s --bounding-set=-sys_admin --inh-caps=-sys_admin '%s' \"$@\"\n", setpriv, filepath.Join(bin, "brine-minion"))
	return dir, os.WriteFile(filepath.Join(dir, "brine-minion"), []byte(script), 0o755)
}
