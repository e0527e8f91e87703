package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// brine runs the command as an operator does.
func (w *world) brine(args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.ctx, filepath.Join(bin, "brine"), args...)
	cmd.Env = append(os.Environ(), "BRINE_SOCKET="+w.Path("run/master.sock"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("brine %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// A drift is put right, the operator takes that back, and it stays so, over a restart too, until the state is applied again.
func TestUndo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.enforceAll("true", "motd")[0]
	w.startMaster()
	m := w.minion("web1", "")
	w.enforced(m, f)
	uid := os.Geteuid()
	if uid == 0 {
		uid = nobody
	}
	drift := func() { // in one step, so that it is one
		tmp := w.Path("host/new")
		w.must(os.WriteFile(tmp, []byte("my own\n"), 0o600))
		w.must(os.Chown(tmp, uid, -1))
		w.must(os.Rename(tmp, f.path))
	}
	drift()
	w.until("the correction is told", func() bool { return f.told()["corrected"] > 0 })
	w.until("the file is right", func() bool { return f.wrong() == "" })
	w.settled(m)
	undo := w.brine("state", "undo", m.ID, f.path)
	mine := func() bool {
		b, err := os.ReadFile(f.path)
		i, statErr := os.Stat(f.path)
		return err == nil && statErr == nil && string(b) == "my own\n" && i.Mode().Perm() == 0o600 && int(i.Sys().(*syscall.Stat_t).Uid) == uid
	}
	if !mine() || !strings.Contains(undo, "paused") {
		t.Fatalf("not as it was before the correction: %s\n%s", f.wrong(), undo)
	}
	w.settled(m)
	w.must(m.Stop())
	w.start(m)
	w.must(w.Online(w.ctx, m.ID))
	w.settled(m)
	if told := f.told(); !mine() || told["undone"] != 1 || told["corrected"] != 1 {
		t.Errorf("it did not stay: %v, told %v", f.wrong(), told)
	}
	trace := w.brine("event", "trace", w.tagged("brine/drift/"+m.ID+"/*/undone", 0)[0].ID.String())
	for _, part := range []string{"state.undo " + f.path, "left as it was put back, until it is applied again"} {
		if !strings.Contains(trace, part) {
			t.Errorf("the trace does not say %q:\n%s", part, trace)
		}
	}
	w.apply(m.ID, "motd")
	f.right()
	w.until("it is told as settled", func() bool { return f.told()["settled"] == 1 })
	drift()
	w.until("it is enforced again", func() bool { return f.told()["corrected"] == 2 })
	f.right()
}

// What somebody has changed on a minion is taken over into the source; applied, it is what is wanted.
func TestAdopt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.enforceAll("true", "motd")[0]
	w.startMaster()
	m := w.minion("web1", "")
	w.enforced(m, f)
	w.must(os.WriteFile(f.path, []byte("better\n"), 0o640))
	w.until("the correction is told", func() bool { return f.told()["corrected"] > 0 })
	w.brine("state", "adopt", m.ID, f.path, "--write", "--yes")
	f.text = "better\n"
	w.apply(m.ID, "motd")
	f.right()
	w.settled(m)
	f.right()
}
