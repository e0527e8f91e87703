package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"brine/internal/rig"
)

// idleMinions is how many minions the idle master has.
const idleMinions = 10

// idle looks at a master with ten minions, each with a file beacon, while nothing happens.
func idle(ctx context.Context, r *rig.Rig, o options) (table, error) {
	t := table{head: []string{"daemon", "PSS", "processor"}}
	file, err := managed(ctx, r)
	if err != nil {
		return t, err
	}
	pids := map[string]int{"master": r.Master.PID()}
	for i := 1; i < idleMinions; i++ {
		id := fmt.Sprintf("idle%d", i)
		m, err := r.NewMinion(id, "beacons: {file: {paths: {"+file+": {}}}}\n")
		if err != nil {
			return t, err
		}
		if err := r.Start(m); err != nil {
			return t, err
		}
		if err := r.Accept(ctx, id); err != nil {
			return t, err
		}
		if err := r.Online(ctx, id); err != nil {
			return t, err
		}
		pids["minion"] = m.PID()
	}
	if err := pause(ctx, calm); err != nil {
		return t, err
	}
	before := map[string]time.Duration{}
	for name, pid := range pids {
		before[name] = cpuTime(pid)
	}
	if err := pause(ctx, o.idle); err != nil {
		return t, err
	}
	for _, name := range []string{"master", "minion"} {
		pss, err := memoryOf(pids[name], "smaps_rollup", "Pss:")
		if err != nil {
			return t, err
		}
		used := cpuTime(pids[name]) - before[name]
		t.add(name, mib(pss), fmt.Sprintf("%s of a core over %s", share(used, o.idle), o.idle))
	}
	return t, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cpuTime is the processor time of a process, summed up over its threads as the scheduler measures it: the sums in /proc/PID/stat are
// counted by a clock tick of some milliseconds, which those who wake up often meet too often. Zero when it is gone.
func cpuTime(pid int) (sum time.Duration) {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	tasks, _ := os.ReadDir(dir)
	for _, t := range tasks {
		text, err := os.ReadFile(dir + "/" + t.Name() + "/schedstat")
		if err != nil {
			continue // it has ended
		}
		ran, _, _ := strings.Cut(string(text), " ")
		ns, _ := strconv.ParseInt(ran, 10, 64)
		sum += time.Duration(ns)
	}
	return sum
}

// share is a part of a core.
func share(used, of time.Duration) string {
	return fmt.Sprintf("%.2f %%", 100*used.Seconds()/of.Seconds())
}

// processorTime is that of all daemons of an installation.
func processorTime(r *rig.Rig) time.Duration {
	sum := cpuTime(r.Master.PID())
	for _, m := range r.Minions() {
		sum += cpuTime(m.PID())
	}
	return sum
}

// memoryOf is one figure of a process's memory, in bytes.
func memoryOf(pid int, file, figure string) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), figure); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no %s of process %d", figure, pid)
}
