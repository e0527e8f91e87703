package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fsnotify/fsnotify"

	"brine/beacons"
)

func TestOverflowIsTold(t *testing.T) {
	w := newWatcher(t)
	dir := t.TempDir()
	a, b := watch(t, w, dir, true), watch(t, w, filepath.Join(dir, "f"), false)
	must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	w.fs.Errors <- fsnotify.ErrEventOverflow
	for _, e := range []*ear{a, b} {
		n := e.until(t, "the overflow", func(n beacons.Note) bool { return n.Lost != "" })
		if !n.Rescan || !strings.Contains(n.Lost, "max_queued_events") {
			t.Errorf("note %+v: want a rescan that names the sysctl", n)
		}
	}
	put(t, filepath.Join(dir, "sub", "g"), "x")
	a.path(t, filepath.Join(dir, "sub", "g"))
}

// A note that blocks delays only its own watch, and what it misses becomes one rescan.
func TestSlowNote(t *testing.T) {
	w := newWatcher(t)
	dir := t.TempDir()
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := newEar()
	var once sync.Once
	stop, err := w.Watch(dir, false, func(n beacons.Note) {
		once.Do(func() { close(entered); <-leave })
		slow.note(n)
	})
	must(t, err)
	defer stop()
	quick := watch(t, w, filepath.Join(dir, "last"), false)
	put(t, filepath.Join(dir, "first"), "x")
	<-entered
	for i := range maxPending + 10 {
		must(t, os.Symlink("x", filepath.Join(dir, fmt.Sprint(i))))
	}
	put(t, filepath.Join(dir, "last"), "x")
	quick.path(t, filepath.Join(dir, "last"))
	close(leave)
	n := slow.until(t, "the rescan", func(n beacons.Note) bool { return n.Rescan })
	if n.Path != dir || n.Lost == "" {
		t.Errorf("note %+v: want a rescan of %s with its reason", n, dir)
	}
}

// stop returns only when note runs no more.
func TestNoNoteAfterStop(t *testing.T) {
	w := newWatcher(t)
	path := filepath.Join(t.TempDir(), "f")
	for range 200 {
		var mu sync.Mutex
		over := false
		stop, err := w.Watch(path, false, func(beacons.Note) {
			mu.Lock()
			defer mu.Unlock()
			if over {
				t.Error("a note after stop had returned")
			}
		})
		must(t, err)
		put(t, path, "x")
		put(t, path, "y")
		stop()
		mu.Lock()
		over = true
		mu.Unlock()
	}
}
