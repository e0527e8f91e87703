package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/job"
	"brine/internal/rig"
)

// neighbours are the enforced files of the folder in which the war is, so that it stays watched.
const neighbours = 10

// war writes an enforced file again each millisecond, whatever Brine makes of it.
func war(ctx context.Context, r *rig.Rig, o options) (table, error) {
	t := table{head: []string{"writes", "over", "minion's processor", "master's processor", "log lines of the minion", "drift events", "right after", "settled after"}}
	e, err := enforce(ctx, r, neighbours)
	if err != nil {
		return t, err
	}
	file := e.files[0]
	lines := logLines(r)
	minion, master, start := cpuTime(e.minion.PID()), cpuTime(r.Master.PID()), time.Now()
	writes := 0
	for tick := time.NewTicker(time.Millisecond); time.Since(start) < o.war; <-tick.C {
		if err := os.WriteFile(file, []byte("war\n"), 0o644); err != nil {
			return t, err
		}
		writes++
	}
	over := time.Now()
	minion, master = cpuTime(e.minion.PID())-minion, cpuTime(r.Master.PID())-master
	right, err := untilRight(ctx, file)
	if err != nil {
		return t, err
	}
	tag := "brine/drift/" + e.minion.ID + "/**"
	if err := r.Wait(ctx, "the war is over", func() (bool, error) {
		list, err := tags(ctx, r, tag+"/"+job.DriftSettled)
		return len(list) > 0, err
	}); err != nil {
		return t, err
	}
	settled := time.Since(over)
	if _, err := untilRight(ctx, file); err != nil {
		return t, err
	}
	list, err := tags(ctx, r, tag)
	if err != nil {
		return t, err
	}
	t.add(fmt.Sprint(writes), seconds(over.Sub(start)), share(minion, over.Sub(start))+" of a core", share(master, over.Sub(start)),
		fmt.Sprint(logLines(r)-lines), counted(list), seconds(right), seconds(settled))
	return t, nil
}

func logLines(r *rig.Rig) int {
	text, _ := os.ReadFile(r.Path("log/web1.log"))
	return bytes.Count(text, []byte("\n"))
}

// tags are the last segments of the tags of what is in the log.
func tags(ctx context.Context, r *rig.Rig, pattern string) (list []string, err error) {
	for line, err := range r.Client.Events(ctx, api.Query{Tag: pattern}) {
		if err != nil {
			return nil, err
		}
		if line.Event != nil {
			list = append(list, path.Base(line.Event.Tag))
		}
	}
	return list, nil
}

// counted is "1 contested, 9 corrected".
func counted(list []string) string {
	times := map[string]int{}
	for _, what := range list {
		times[what]++
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(times)) {
		parts = append(parts, fmt.Sprintf("%d %s", times[what], what))
	}
	return strings.Join(parts, ", ")
}
