package watch

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"brine/beacons"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// ear hears the notes of one watch.
type ear struct {
	mu    sync.Mutex
	notes []beacons.Note
	more  chan struct{}
}

func newEar() *ear { return &ear{more: make(chan struct{}, 1)} }

func (e *ear) note(n beacons.Note) {
	e.mu.Lock()
	e.notes = append(e.notes, n)
	e.mu.Unlock()
	select {
	case e.more <- struct{}{}:
	default:
	}
}

// until waits for a note that ok accepts, and forgets everything up to it.
func (e *ear) until(t *testing.T, what string, ok func(beacons.Note) bool) beacons.Note {
	t.Helper()
	end := time.After(patience)
	for {
		e.mu.Lock()
		for i, n := range e.notes {
			if ok(n) {
				e.notes = e.notes[i+1:]
				e.mu.Unlock()
				return n
			}
		}
		e.mu.Unlock()
		select {
		case <-e.more:
		case <-end:
			t.Fatalf("no note of %s; heard %v", what, e.notes)
		}
	}
}

func (e *ear) path(t *testing.T, p string) {
	t.Helper()
	e.until(t, p, func(n beacons.Note) bool { return n.Path == p || n.Rescan && strings.HasPrefix(p, n.Path) })
}

func newWatcher(t *testing.T) *Watcher {
	t.Helper()
	w, err := New(slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func watch(t *testing.T, w *Watcher, path string, tree bool) *ear {
	t.Helper()
	e := newEar()
	stop, err := w.Watch(path, tree, e.note)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return e
}

// settled returns when all that has happened so far has been told: the events of one inotify instance come in order.
func settled(t *testing.T, w *Watcher) {
	t.Helper()
	f := filepath.Join(t.TempDir(), "marker")
	e := newEar()
	stop, err := w.Watch(f, false, e.note)
	must(t, err)
	defer stop()
	put(t, f, "x")
	e.path(t, f)
}

func put(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// kernelWatches counts what the kernel watches for this process, and its open files.
func kernelWatches(t *testing.T) (watches, files int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fdinfo")
	must(t, err)
	for _, fd := range fds {
		b, err := os.ReadFile("/proc/self/fdinfo/" + fd.Name())
		if err != nil {
			continue
		}
		files++
		watches += strings.Count(string(b), "inotify wd:")
	}
	return watches, files
}

// Each way of changing a file is noted, and so is the next write after it.
func TestNotedAndStillWatched(t *testing.T) {
	sub := func(dir string) string { return filepath.Join(dir, "a", "b") }
	file := func(dir string) string { return filepath.Join(sub(dir), "f") }
	for _, c := range []struct {
		way string
		do  func(t *testing.T, dir string)
	}{
		{"written", func(t *testing.T, d string) { put(t, file(d), "new") }},
		{"chmod", func(t *testing.T, d string) { must(t, os.Chmod(file(d), 0o600)) }},
		{"sed -i", func(t *testing.T, d string) { run(t, "sed", "-i", "s/old/new/", file(d)) }},
		{"renamed over", func(t *testing.T, d string) {
			put(t, file(d)+".tmp", "new")
			must(t, os.Rename(file(d)+".tmp", file(d)))
		}},
		{"moved aside and made anew, as vim does", func(t *testing.T, d string) {
			must(t, os.Rename(file(d), file(d)+"~"))
			put(t, file(d), "new")
		}},
		{"removed", func(t *testing.T, d string) { must(t, os.Remove(file(d))) }},
		{"removed and made again", func(t *testing.T, d string) { must(t, os.Remove(file(d))); put(t, file(d), "new") }},
		{"folder removed and remade", func(t *testing.T, d string) {
			must(t, os.RemoveAll(sub(d)))
			must(t, os.MkdirAll(sub(d), 0o755))
			put(t, file(d), "new")
		}},
		{"two folders removed and remade", func(t *testing.T, d string) {
			must(t, os.RemoveAll(filepath.Join(d, "a")))
			must(t, os.MkdirAll(sub(d), 0o755))
			put(t, file(d), "new")
		}},
		{"folder renamed away and back", func(t *testing.T, d string) {
			must(t, os.Rename(sub(d), sub(d)+".away"))
			must(t, os.Rename(sub(d)+".away", sub(d)))
		}},
		{"grandparent renamed away and back", func(t *testing.T, d string) {
			must(t, os.Rename(filepath.Join(d, "a"), filepath.Join(d, "away")))
			must(t, os.Rename(filepath.Join(d, "away"), filepath.Join(d, "a")))
		}},
		{"folder replaced by a link to another", func(t *testing.T, d string) {
			must(t, os.Rename(sub(d), filepath.Join(d, "elsewhere")))
			must(t, os.Symlink(filepath.Join(d, "elsewhere"), sub(d)))
		}},
		{"file replaced by a link to another folder's file", func(t *testing.T, d string) {
			must(t, os.Mkdir(filepath.Join(d, "x"), 0o755))
			must(t, os.Rename(file(d), filepath.Join(d, "x", "g")))
			must(t, os.Symlink("../../x/g", file(d)))
		}},
	} {
		t.Run(c.way, func(t *testing.T) {
			w := newWatcher(t)
			dir := t.TempDir()
			must(t, os.MkdirAll(sub(dir), 0o755))
			put(t, file(dir), "old")
			one, tree := watch(t, w, file(dir), false), watch(t, w, dir, true)
			c.do(t, dir)
			one.path(t, file(dir))
			tree.until(t, "something in the tree", func(n beacons.Note) bool { return strings.HasPrefix(n.Path, dir) })
			for i := range 3 {
				settled(t, w)
				one.mu.Lock()
				one.notes = nil
				one.mu.Unlock()
				put(t, file(dir), fmt.Sprint("later", i))
				one.path(t, file(dir))
			}
		})
	}
}

// Kubernetes updates a volume by renaming a link to a folder over another.
func TestSwappedLink(t *testing.T) {
	w := newWatcher(t)
	dir := t.TempDir()
	for _, v := range []string{"v1", "v2", "v3"} {
		must(t, os.Mkdir(filepath.Join(dir, v), 0o755))
		put(t, filepath.Join(dir, v, "conf"), v)
	}
	must(t, os.Symlink("v1", filepath.Join(dir, "..data")))
	must(t, os.Symlink("..data/conf", filepath.Join(dir, "conf")))
	path := filepath.Join(dir, "conf")
	e := watch(t, w, path, false)
	for _, v := range []string{"v2", "v3", "v1"} {
		must(t, os.Symlink(v, filepath.Join(dir, "tmp")))
		must(t, os.Rename(filepath.Join(dir, "tmp"), filepath.Join(dir, "..data")))
		e.path(t, path)
		settled(t, w)
		e.mu.Lock()
		e.notes = nil
		e.mu.Unlock()
		put(t, filepath.Join(dir, v, "conf"), "new")
		e.path(t, path)
	}
}

func TestPathThatDoesNotExistYet(t *testing.T) {
	w := newWatcher(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "c", "f")
	e := watch(t, w, path, false)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	put(t, path, "x")
	settled(t, w)
	e.path(t, path)
}

// Two names of one folder share the kernel's watch, and both are told.
func TestTwoNamesOfOneFolder(t *testing.T) {
	w := newWatcher(t)
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "real"), 0o755))
	must(t, os.Symlink("real", filepath.Join(dir, "link")))
	a := watch(t, w, filepath.Join(dir, "real"), false)
	b := watch(t, w, filepath.Join(dir, "link", "f"), false)
	c := watch(t, w, filepath.Join(dir, "link"), true)
	put(t, filepath.Join(dir, "real", "f"), "x")
	a.path(t, filepath.Join(dir, "real", "f"))
	b.path(t, filepath.Join(dir, "link", "f"))
	c.path(t, filepath.Join(dir, "link", "f"))
}

// Everything that is made in new folders as fast as the machine can is noted.
func TestNewFoldersAtFullSpeed(t *testing.T) {
	w := newWatcher(t)
	dir := t.TempDir()
	e := watch(t, w, dir, true)
	want := map[string]bool{}
	for i := range 200 {
		d := filepath.Join(dir, fmt.Sprint("d", i), "deep", "er")
		must(t, os.MkdirAll(d, 0o755))
		for j := range 10 {
			p := filepath.Join(d, fmt.Sprint("f", j))
			put(t, p, "x")
			want[p] = true
		}
	}
	for len(want) > 0 {
		n := e.until(t, fmt.Sprintf("%d more files", len(want)), func(n beacons.Note) bool { return want[n.Path] })
		delete(want, n.Path)
	}
}

// A folder moved within the tree is watched under its new name only.
func TestFolderMovedWithinTree(t *testing.T) {
	w := newWatcher(t)
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "old", "sub"), 0o755))
	put(t, filepath.Join(dir, "old", "sub", "f"), "x")
	e := watch(t, w, dir, true)
	must(t, os.Rename(filepath.Join(dir, "old"), filepath.Join(dir, "new")))
	e.path(t, filepath.Join(dir, "new", "sub", "f"))
	settled(t, w)
	e.mu.Lock()
	e.notes = nil
	e.mu.Unlock()
	put(t, filepath.Join(dir, "new", "sub", "f"), "y")
	n := e.until(t, "the write", func(beacons.Note) bool { return true })
	if want := filepath.Join(dir, "new", "sub", "f"); n.Path != want {
		t.Errorf("noted %v, want %s", n, want)
	}
}

// Nothing is left behind by a thousand reloads. (salt 58907, 66449)
func TestNothingLeaks(t *testing.T) {
	w := newWatcher(t)
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "a", "b", "c"), 0o755))
	must(t, os.Symlink("a/b", filepath.Join(dir, "l")))
	watch(t, w, filepath.Join(dir, "stays"), false)
	watchesBefore, filesBefore := kernelWatches(t)
	for i := range 1000 {
		var stops []func()
		for _, p := range []string{"a/b/c/f", "a", "l/c/f", "missing/too"} {
			stop, err := w.Watch(filepath.Join(dir, p), i%2 == 0, func(beacons.Note) {})
			must(t, err)
			stops = append(stops, stop)
		}
		if i%50 == 0 { // and when folders come and go meanwhile
			must(t, os.Rename(filepath.Join(dir, "a", "b"), filepath.Join(dir, "b")))
			must(t, os.Rename(filepath.Join(dir, "b"), filepath.Join(dir, "a", "b")))
			settled(t, w)
		}
		for _, stop := range stops {
			stop()
			stop() // twice does no harm
		}
	}
	settled(t, w)
	w.mu.Lock()
	dirs, ids, targets := len(w.byName), len(w.byID), len(w.targets)
	w.mu.Unlock()
	watches, files := kernelWatches(t)
	if watches != watchesBefore || files != filesBefore {
		t.Errorf("kernel watches %d, were %d; open files %d, were %d", watches, watchesBefore, files, filesBefore)
	}
	if dirs != ids || dirs != watches {
		t.Errorf("%d names, %d folders, %d kernel watches for %d targets: want one each", dirs, ids, watches, targets)
	}
}

// A folder whose watch died without a word is found by verify.
func TestVerify(t *testing.T) {
	w := newWatcher(t)
	dir := t.TempDir()
	e := watch(t, w, filepath.Join(dir, "f"), false)
	must(t, w.fs.Remove(dir))
	w.verify()
	e.until(t, "the lost watch", func(n beacons.Note) bool { return n.Rescan })
	put(t, filepath.Join(dir, "f"), "x")
	e.path(t, filepath.Join(dir, "f"))
}

func TestLimitsNameTheSysctl(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.ENOSPC: "fs.inotify.max_user_watches",
		syscall.EMFILE: "fs.inotify.max_user_instances",
	} {
		err := limitError("watch", fmt.Errorf("wrapped: %w", errno))
		if !strings.Contains(err.Error(), want) || !errors.Is(err, errno) {
			t.Errorf("%v: %v does not name %s", errno, err, want)
		}
	}
}

func TestClosed(t *testing.T) {
	w, err := New(slog.New(slog.NewTextHandler(io.Discard, nil)))
	must(t, err)
	stop, err := w.Watch(t.TempDir(), true, func(beacons.Note) {})
	must(t, err)
	must(t, w.Close())
	must(t, w.Close())
	stop()
	if _, err := w.Watch("/", false, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("watch after Close: %v", err)
	}
	if _, err := w.Watch("relative", false, nil); err == nil {
		t.Error("a relative path was taken")
	}
}

func BenchmarkNote(b *testing.B) {
	w, err := New(slog.New(slog.NewTextHandler(io.Discard, nil)))
	must(b, err)
	defer w.Close()
	path := filepath.Join(b.TempDir(), "f")
	put(b, path, "x")
	heard := make(chan struct{}, 16)
	stop, err := w.Watch(path, false, func(beacons.Note) { heard <- struct{}{} })
	must(b, err)
	defer stop()
	for b.Loop() {
		must(b, os.Chmod(path, 0o600))
		<-heard
	}
}
