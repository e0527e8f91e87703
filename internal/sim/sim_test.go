package sim

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	seed  = flag.Uint64("seed", 0, "run this seed alone")
	seeds = flag.Int("seeds", 30, "how many seeds to run for each kind of world")
)

// worlds are kinds of bad times.
var worlds = map[string]Options{
	"calm":       {},
	"lossy":      {Drop: 0.05, Double: 0.05, Overtake: 0.1},
	"cut":        {Cut: 0.2},
	"crashing":   {Crash: 0.1, Fall: 0.1, Cut: 0.05},
	"refusing":   {Drop: 0.05, Overtake: 0.1, Cut: 0.1, Refused: 0.2},
	"uncompiled": {Cut: 0.05, Fall: 0.05, Uncompile: 0.6},
	"operated":   {Drop: 0.03, Cut: 0.1, Crash: 0.1, Fall: 0.05, Submits: 40},
	"failing":    {Cut: 0.05, Crash: 0.05, Fall: 0.05, Fail: 0.3, Uncompile: 0.1, Submits: 10},
	"snapshots":  {Drop: 0.02, Cut: 0.05, Crash: 0.03, Fall: 0.03, Snapshot: 0.05},
	"clones":     {Drop: 0.02, Cut: 0.05, Crash: 0.03, Fall: 0.03, Clones: 2},
	"rekeyed":    {Drop: 0.02, Cut: 0.05, Crash: 0.03, Fall: 0.03, Rekey: 0.05, Submits: 20},
	"backups":    {Drop: 0.02, Cut: 0.05, Crash: 0.03, Fall: 0.03, Backup: 0.05, Submits: 20},
	"everything": {Fail: 0.1, Drop: 0.03, Double: 0.05, Overtake: 0.1, Cut: 0.05, Crash: 0.05, Fall: 0.05, Uncompile: 0.2, Refused: 0.05, Rekey: 0.02, Submits: 20},
	"doomsday": {Fail: 0.1, Drop: 0.03, Double: 0.05, Overtake: 0.1, Cut: 0.05, Crash: 0.05, Fall: 0.05, Uncompile: 0.2, Refused: 0.05, Rekey: 0.02, Submits: 20,
		Snapshot: 0.02, Backup: 0.02, Clones: 1},
}

func TestWorlds(t *testing.T) {
	for name, opt := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opt.Minions, opt.Events, opt.Duration = 3, 60, 2*time.Minute
			for i := range *seeds {
				opt.Seed = uint64(i) + 1
				if *seed != 0 {
					opt.Seed = *seed
				}
				w, err := Run(opt)
				if err != nil {
					t.Fatalf("seed %d: %v\nreplay: go test ./internal/sim -run 'TestWorlds/%s' -seed %d\n%s",
						opt.Seed, err, name, opt.Seed, strings.Join(w.Trace(), "\n"))
				}
				if *seed != 0 {
					break
				}
			}
		})
	}
}

// The same seed is the same world, or a failure could not be replayed.
func TestReplays(t *testing.T) {
	opt := worlds["everything"]
	opt.Minions, opt.Events, opt.Duration, opt.Seed = 3, 40, time.Minute, 7
	var logs [2]string
	for i := range logs {
		w, err := Run(opt)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range w.master.disk.events {
			logs[i] += fmt.Sprintln(e.Pos, e.ID, e.Tag, e.Received)
		}
	}
	if logs[0] != logs[1] {
		t.Fatal("two runs of one seed differ")
	}
}
