package watch

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/beacons"
)

// asking makes a watcher that knows who changes files, or skips the test where the kernel does not tell.
func asking(t *testing.T) (*Watcher, func(string, time.Time) *beacons.Actor) {
	t.Helper()
	w := newWatcher(t)
	ask := w.Actors()
	watch(t, w, t.TempDir(), false)
	if w.ask.Load() == nil {
		t.Skip("fanotify is not allowed here")
	}
	return w, ask
}

// writers are programs that change a file once and exit at once.
func writers(file string, i int) []*exec.Cmd {
	text := fmt.Sprint("text", i)
	return []*exec.Cmd{
		exec.Command("sh", "-c", "echo "+text+" > "+file),
		exec.Command("sh", "-c", "echo "+text+" >> "+file),
		exec.Command("sed", "-i", "$ a "+text, file),
		exec.Command("tee", file),
		exec.Command("cp", "/etc/passwd", file),
		exec.Command("chmod", fmt.Sprintf("%o", 0o600|i%2<<2), file),
		exec.Command("truncate", "-s", fmt.Sprint(i), file),
		exec.Command("dd", "if=/dev/zero", "bs=1", "count=1", "of="+file),
		exec.Command("ln", "-sf", text, file+".l"),
		exec.Command("rm", file),
	}
}

// At least 95 of 100 writers that exit at once are named, and nobody is named wrongly. A loaded machine may need a second attempt.
func TestWritersThatExitAtOnce(t *testing.T) {
	w, ask := asking(t)
	dir := t.TempDir()
	e := watch(t, w, dir, false)
	const rounds, want = 3, 95
	for range rounds {
		right := 0
		for i := range 10 {
			for _, c := range writers(filepath.Join(dir, "f"), i) {
				right += named(t, w, e, ask, dir, c)
			}
		}
		t.Logf("%d of 100 are named", right)
		if right >= want {
			return
		}
	}
	t.Errorf("fewer than %d of 100 are named", want)
}

// named is 1 if the writer is known.
func named(t *testing.T, w *Watcher, e *ear, ask func(string, time.Time) *beacons.Actor, dir string, c *exec.Cmd) int {
	t.Helper()
	put(t, filepath.Join(dir, "f"), "start")
	settled(t, w)
	e.mu.Lock()
	e.notes = nil
	e.mu.Unlock()
	since := time.Now()
	c.Stdin = strings.NewReader("in")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", c.Args, err, out)
	}
	path := filepath.Join(dir, "f")
	if strings.HasSuffix(c.Args[len(c.Args)-1], ".l") {
		path += ".l"
	}
	e.path(t, path)
	a := ask(path, since)
	switch {
	case a == nil || a.Exe == nil || a.Cmdline == nil:
		return 0
	case *a.PID == int64(c.Process.Pid) && *a.Cmdline == strings.Join(c.Args, " ") && *a.UID == int64(os.Getuid()) && len(a.Parents) > 0:
		return 1
	}
	t.Errorf("%v (%d): named %d %s %q", c.Args, c.Process.Pid, *a.PID, *a.Exe, *a.Cmdline)
	return 0
}

// Who renames, removes or replaces a folder or a link on the way is who changed the path.
func TestActorOnTheWay(t *testing.T) {
	w, ask := asking(t)
	for _, c := range []struct{ way, do string }{
		{"folder renamed away", "mv a away"},
		{"folder removed", "rm -r a"},
		{"link swapped", "ln -s v2 a/tmp; mv -T a/tmp a/data"},
		{"link on the way replaced", "ln -sfn v2 a/data"},
	} {
		t.Run(c.way, func(t *testing.T) {
			dir := t.TempDir()
			run(t, "sh", "-c", "cd "+dir+"; mkdir -p a/v1 a/v2; echo 1 > a/v1/f; echo 2 > a/v2/f; ln -s v1 a/data")
			path := filepath.Join(dir, "a/data/f")
			e := watch(t, w, path, false)
			settled(t, w)
			since := time.Now()
			cmd := exec.Command("sh", "-c", "cd "+dir+"; "+c.do+"; sleep 0.05")
			must(t, cmd.Run())
			e.path(t, path)
			a := ask(path, since)
			if a == nil || a.Parents == nil && *a.PID != int64(cmd.Process.Pid) {
				t.Errorf("not known: %+v", a)
			}
		})
	}
}

// What Brine itself changes is nobody's, whoever was there before.
func TestOwnChangesHaveNoActor(t *testing.T) {
	w, ask := asking(t)
	dir := t.TempDir()
	e := watch(t, w, dir, false)
	since := time.Now()
	path := filepath.Join(dir, "f")
	run(t, "sh", "-c", "echo 1 > "+path+"; sleep 0.05")
	e.path(t, path)
	if a := ask(path, since); a == nil {
		t.Error("the shell is not known")
	}
	put(t, path, "own")
	for end := time.Now().Add(patience); ask(path, since) != nil; settled(t, w) { // the reader may come late
		if time.Now().After(end) {
			t.Fatal("the shell is still named")
		}
	}
}

// Without the right to ask the kernel everybody is unknown, and the log says so once.
func TestActorsWithoutRights(t *testing.T) {
	if os.Getenv("BRINE_TEST_NO_RIGHTS") != "" || os.Getuid() != 0 {
		withoutRights(t)
		return
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("no setpriv here")
	}
	c := exec.Command(setpriv, "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", os.Args[0], "-test.run=^TestActorsWithoutRights$", "-test.v")
	c.Env = append(os.Environ(), "BRINE_TEST_NO_RIGHTS=1")
	out, err := c.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("null in 100 of 100")) {
		t.Errorf("%v: %s", err, out)
	}
}

func withoutRights(t *testing.T) {
	var log bytes.Buffer
	w, err := New(slog.New(slog.NewTextHandler(&log, nil)))
	must(t, err)
	defer w.Close()
	ask := w.Actors()
	w.Actors()
	dir := t.TempDir()
	e := watch(t, w, dir, true)
	file := filepath.Join(dir, "f")
	for i := range 100 {
		run(t, "sh", "-c", fmt.Sprintf("echo %d > %s", i, file))
		e.path(t, file)
		if a := ask(file, time.Time{}); a != nil {
			t.Errorf("named %+v", a)
		}
	}
	if n := strings.Count(log.String(), "level=INFO"); n != 1 || !strings.Contains(log.String(), "operation not permitted") {
		t.Errorf("the log must say it once: %s", log.String())
	}
	t.Log("null in 100 of 100")
}
