package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"brine/internal/event"
	"brine/internal/rig"
)

// copyDir copies a data folder as a backup does.
func copyDir(w *world, from, to string) {
	w.t.Helper()
	w.must(os.RemoveAll(to))
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		w.t.Fatalf("cp: %v: %s", err, out)
	}
}

// shots fires n events and none may be refused.
func (g *gun) shots(n int) {
	g.w.t.Helper()
	for range n {
		g.w.must(g.shoot(g.w.ctx))
	}
}

// kept checks that each accepted event is in the log, under an id of its own.
func (w *world) kept(guns ...*gun) {
	w.t.Helper()
	times := w.times()
	for _, g := range guns {
		for n, id := range g.accepted {
			if times[shot{g.name, n}] == 0 {
				w.t.Errorf("event %d of %s (%s) was accepted and is swallowed", n, g.name, id)
			}
		}
	}
}

// incarnations counts those that fired events of the tests.
func (w *world) incarnations() int {
	seen := map[event.Incarnation]bool{}
	for _, e := range w.tagged("e2e/*", 0) {
		seen[e.ID.Inc] = true
	}
	return len(seen)
}

// A snapshot of the minion's memory is put back after it has gone on for a while.
func TestRestoredSnapshot(t *testing.T) {
	for _, c := range []struct {
		name   string
		inside int // events in the snapshot that the master had not got then
		later  int // events after the snapshot that the master has got
		away   int // events after the restore before the master is met
		after  int // and then
	}{
		{"nothing-new", 0, 5, 0, 5},
		{"fewer-than-lost", 0, 7, 3, 5},
		{"as-many-as-lost", 0, 7, 6, 5}, // and its start, which is an event too
		{"more-than-lost", 0, 7, 20, 5},
		{"unsent-inside", 4, 7, 3, 5},
		{"nothing-lost", 0, 0, 3, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.startMaster()
			m := w.minion("web1", "")
			g := w.aim(m, "a")
			g.shots(3)
			w.drained(m)
			if c.inside > 0 {
				w.must(w.Master.Stop())
				g.shots(c.inside)
			}
			w.must(m.Stop())
			backup := w.Path("backup")
			copyDir(w, m.Dir, backup)
			if c.inside > 0 {
				w.startMaster()
			}
			if c.later+c.inside > 0 {
				w.start(m)
				w.status(m)
				g.shots(c.later)
				w.drained(m)
				w.must(m.Stop())
			}
			copyDir(w, backup, m.Dir)
			w.must(w.Master.Stop())
			w.start(m)
			w.status(m)
			g.shots(c.away)
			w.startMaster()
			w.must(w.Online(w.ctx, m.ID))
			g.shots(c.after)
			w.drained(m)
			w.kept(g)
			w.sequences()
			renewed := len(w.tagged("brine/minion/web1/renewed", 0))
			if want := min(1, c.later+c.inside); renewed != want || c.away+c.after > 0 && w.incarnations() != 1+want {
				t.Errorf("%d events tell of a renewed memory, want %d; %d incarnations", renewed, want, w.incarnations())
				w.showLog(0)
			}
			w.none("brine/minion/web1/rejected")
			w.none("brine/gap/*")
		})
	}
}

// clone makes a second minion of the same id, key and memory, with a socket of its own.
func (w *world) clone(m *rig.Minion) *rig.Minion {
	w.t.Helper()
	c := w.prepare(m.ID+"-clone", "")
	copyDir(w, m.Dir, c.Dir)
	text, err := os.ReadFile(c.Config)
	w.must(err)
	w.write("etc/"+filepath.Base(c.Config), strings.Replace(string(text), "id: "+c.ID+"\n", "id: "+m.ID+"\n", 1))
	return c
}

// A cloned disk runs beside the first: both fire, both displace each other's sessions, and nothing is swallowed.
func TestClone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startMaster()
	m := w.minion("web1", "")
	a := w.aim(m, "a")
	a.shots(3)
	w.drained(m)
	w.must(m.Stop())
	twin := w.clone(m)
	b := w.aim(twin, "b")
	w.start(m)
	w.start(twin)
	w.status(m)
	w.status(twin)
	a.fire()
	b.fire()
	displaced := func() int { return len(w.tagged("brine/minion/web1/displaced", 0)) }
	w.until("both have met the master", func() bool { return displaced() >= sized(6, 2) && w.incarnations() >= 2 })
	w.Master.Kill()
	a.more(5)
	b.more(5)
	w.startMaster()
	a.more(20)
	b.more(20)
	a.cease()
	b.cease()
	// They take turns, for each session displaces the other.
	done := map[*rig.Minion]bool{}
	w.until("both have sent everything", func() bool {
		for _, m := range []*rig.Minion{m, twin} {
			done[m] = done[m] || w.unsent(m) == 0
		}
		return done[m] && done[twin]
	})
	w.once(a, b)
	w.sequences()
	w.none("brine/minion/web1/rejected")
	w.none("brine/gap/*")
	if len(w.tagged("brine/minion/web1/renewed", 0)) == 0 {
		t.Error("no event tells that a memory was renewed")
	}
	t.Logf("%d events of one, %d of the other, %d displacements, %d incarnations", a.count(), b.count(), displaced(), w.incarnations())
}
