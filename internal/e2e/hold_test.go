package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/rig"
)

// spoil drifts a file.
func (f *managed) spoil(text string) {
	f.w.t.Helper()
	f.w.must(os.WriteFile(f.path, []byte(text), 0o640))
}

// left says that a file is still as somebody else has made it.
func (f *managed) left(text string) {
	f.w.t.Helper()
	if got, err := os.ReadFile(f.path); err != nil || string(got) != text {
		f.w.t.Fatalf("%s is %q (%v); want it left as it is", f.path, got, err)
	}
}

// holding pauses a minion and waits until it says so.
func (w *world) holding(m *rig.Minion, length time.Duration) {
	w.t.Helper()
	after := w.head()
	_, err := w.Client.Pause(w.ctx, api.Pause{Tgt: m.ID, For: api.Duration(length), Why: "patching"})
	w.must(err)
	w.one("brine/minion/"+m.ID+"/holds", after)
}

// What drifts on a paused minion is told and left, over restarts of both, and put right at the end: when an operator says so, and by
// itself when the master is away.
func TestPausedMinion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.enforceAll("true", "motd")[0]
	w.startMaster()
	m := w.minion("web1", "")
	w.enforced(m, f)
	w.holding(m, time.Hour)
	f.spoil("by hand\n")
	w.until("the drift is told", func() bool { return f.told()["drifted"] == 1 })
	f.left("by hand\n")
	w.must(m.Stop())
	w.start(m)
	w.must(w.Online(w.ctx, m.ID))
	w.must(w.Master.Stop())
	w.startMaster()
	w.must(w.Online(w.ctx, m.ID))
	w.settled(m)
	f.left("by hand\n")
	_, err := w.Client.Resume(w.ctx, api.Resume{Tgt: m.ID})
	w.must(err)
	f.right()
	w.until("the correction is told", func() bool { return f.told()["corrected"] == 1 })

	w.holding(m, 3*time.Second)
	f.spoil("by hand again\n")
	w.until("the drift is told", func() bool { return f.told()["drifted"] == 2 })
	f.left("by hand again\n")
	w.must(w.Master.Stop())
	f.right()
}

// A storm of one rule is told once, and what it owes runs once when it is quiet.
func TestStorm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("reactors/storm.yaml", "storm:\n  on: storm/*\n  max_rate: 20/1s\n  do: [{event.fire: 'calm/${data.n}'}]\n")
	w.startMaster()
	for n := range 200 {
		data, err := event.Encode(map[string]int{"n": n})
		w.must(err)
		_, err = w.Client.Fire(w.ctx, "storm/x", data)
		w.must(err)
	}
	w.one("brine/reactor/storm/resumed", 0)
	if told := w.tagged("brine/reactor/storm/suspended", 0); len(told) != 1 {
		t.Errorf("told %d times", len(told))
	}
	if fired := len(w.tagged("calm/*", 0)); fired >= 200 || fired < 20 {
		t.Errorf("%d of 200 were acted on", fired)
	}
	_, err := w.Client.Fire(w.ctx, "storm/x", event.Data{0xa1, 0x61, 'n', 0x19, 0x03, 0xe7})
	w.must(err)
	w.one("calm/999", 0)
}

// When more of the minions than blast_radius says drift to the same, the others are left alone until somebody resumes it.
func TestBlastRadius(t *testing.T) {
	long(t)
	t.Parallel()
	const all, limit = 10, 5
	w := newWorld(t)
	w.write("states/motd.sls", "/etc/motd:\n  file.managed:\n    - contents: Welcome\n    - makedirs: true\n    - enforce: true\n")
	w.startMaster()
	motd := func(i int) string { return w.Path(fmt.Sprintf("roots/m%d/etc/motd", i)) }
	for i := range all {
		id := fmt.Sprint("m", i)
		w.must(os.MkdirAll(w.Path("roots/"+id+"/etc"), 0o755))
		w.minion(id, "root: "+w.Path("roots/"+id)+"\n")
		w.apply(id, "motd")
	}
	w.until("all have told what they enforce", func() bool { return len(w.tagged("brine/minion/*/enforcing", 0)) == all })
	right := func(i int) bool {
		text, err := os.ReadFile(motd(i))
		return err == nil && strings.HasPrefix(string(text), "Welcome")
	}
	for i := range limit {
		w.must(os.WriteFile(motd(i), []byte("version 2\n"), 0o644))
		w.until("it is put right", func() bool { return right(i) })
	}
	frozen := w.one("brine/hold/*/frozen", 0)
	w.until("all hold", func() bool { return len(w.tagged("brine/minion/*/holds", frozen.Pos)) == all })
	for i := limit; i < all; i++ {
		w.must(os.WriteFile(motd(i), []byte("version 2\n"), 0o644))
	}
	w.until("the others tell their drift", func() bool { return len(w.tagged("brine/drift/*/*/drifted", frozen.Pos)) == all-limit })
	for i := limit; i < all; i++ {
		if right(i) {
			t.Errorf("m%d was put right while the state was frozen", i)
		}
	}
	_, err := w.Client.Resume(w.ctx, api.Resume{State: "file.managed: /etc/motd"})
	w.must(err)
	for i := range all {
		w.until("it is put right", func() bool { return right(i) })
	}
	if again := w.tagged("brine/hold/*/frozen", frozen.Pos); len(again) > 0 {
		t.Error("what was put right on purpose froze the state again")
	}
}
