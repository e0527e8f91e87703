package all

import (
	"errors"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/config"
)

const (
	together = 3 * time.Second
	// often is how often those sample that do: more often than by default, so that there is something to see of them.
	often = 100 * time.Millisecond
	// storm is more than any of them may tell at its defaults meanwhile, on a host on which others work.
	storm = 300
)

// All beacons at their defaults run together on this host: none floods, all end at once, and nothing of them is left.
func TestAllTogether(t *testing.T) {
	leaks, files := goleak.IgnoreCurrent(), openFiles(t)
	t.Run("run", func(t *testing.T) {
		running := map[string]*beacontest.Live{}
		for _, m := range List() {
			env := beacons.Env{}
			if m.Interval > 0 {
				env.Interval = often
			}
			options := "{}"
			if m.Name == "file" { // it watches nothing by itself
				options = "{paths: {/etc: {recurse: true}}}"
			}
			if err := accepts(m, options); err != nil {
				t.Errorf("%s: without options: %v", m.Name, err)
				continue
			}
			running[m.Name] = beacontest.Start(t, m, options, env)
		}
		time.Sleep(together) // there is nothing to wait for: they have nothing to tell
		for name, live := range running {
			if n := live.Told(); n > storm {
				t.Errorf("%s has told %d things within %s", name, n, together)
			}
		}
	})
	if err := goleak.Find(leaks); err != nil {
		t.Error(err)
	}
	if now := openFiles(t); now > files {
		t.Errorf("%d files are open; %d were", now, files)
	}
}

func accepts(m beacons.Module, options string) error {
	n, faults := config.Parse(m.Name, []byte(options))
	return errors.Join(faults.Err(), n.Decode(m.Config()).Err())
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
