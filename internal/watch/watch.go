// Package watch is the process's one file watcher: it implements beacons.Notifier and is the only importer of fsnotify.
// It owns which folders the kernel watches and who is told of what. It must never know what a beacon compares, nor keep
// any state of a file: a note says where to look, nothing else.
//
// A watch on a file dies when the file is replaced, so folders are watched: every folder that the kernel looks a name up in
// on the way to the path, links followed. Whatever happens to one of these names (a rename, a removed folder, a swapped
// link) has the path resolved again and noted.
//
// What inotify cannot tell, no note comes for: a write through a hard link in another folder, a write through mmap, a change made
// by another machine on a network file system, and what happens on /proc and /sys.
package watch

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"brine/beacons"
)

const (
	// maxPending bounds the paths of one watch that are noted and not delivered yet. Beyond it, one note says that
	// everything is to be compared, and why.
	maxPending = 4096
	// verifyEvery is how often the watched folders are checked for what the kernel does not tell: a file system mounted
	// over one or unmounted, a watch that could not be set before.
	verifyEvery = time.Minute
	// dullEvents in a row, within dullTime, that matter to nobody make us rest for dullRest after each further one: somebody writes
	// without pause beside what is watched. Meanwhile events wait in the kernel, which makes one of many.
	dullEvents = 128
	// errorPause slows down a kernel that answers every read with an error.
	errorPause = 10 * time.Millisecond
)

// ErrClosed is returned by Watch after Close.
var ErrClosed = errors.New("the file watcher is closed")

// Watcher is a beacons.Notifier. Its methods may be called from any goroutine.
type Watcher struct {
	log  *slog.Logger
	fs   *fsnotify.Watcher
	lost atomic.Pointer[string] // why events were lost since the last rescan
	kick chan struct{}          // lost has been set
	wg   sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	byName  map[string]*dir // by the name that fsnotify has
	byID    map[dirID]*dir
	targets map[*target]struct{}
	graves  []*dir                 // lost their watch, and somebody may still stand on them
	actors  *actors                // nil: nobody asks who changed a file, or the kernel does not say
	asked   bool                   // for actors
	opened  bool                   // tried to
	ask     atomic.Pointer[actors] // the same, for those who do not hold mu
}

var _ beacons.Notifier = (*Watcher)(nil)

// New opens the process's inotify instance. log takes what cannot be told by a note.
func New(log *slog.Logger) (*Watcher, error) {
	fs, err := fsnotify.NewWatcher() // nothing is read ahead of the kernel's own queue, fs.inotify.max_queued_events
	if err != nil {
		return nil, limitError("open the file watcher", err)
	}
	w := &Watcher{
		log:     log,
		fs:      fs,
		kick:    make(chan struct{}, 1),
		byName:  map[string]*dir{},
		byID:    map[dirID]*dir{},
		targets: map[*target]struct{}{},
	}
	w.wg.Add(2)
	go w.events()
	go w.errors()
	return w, nil
}

// Watch implements beacons.Notifier. A path that is a folder has its direct entries noted too, with tree everything below it.
// Links on the way and the path itself are followed, links below a tree are not. stop must not be called from within note.
// The error names the sysctl to raise where a limit of the kernel is reached; nothing is watched then.
func (w *Watcher) Watch(path string, tree bool, note func(beacons.Note)) (stop func(), err error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("watch %q: the path must be absolute", path)
	}
	path = filepath.Clean(path)
	t := &target{path: path, tree: tree, steps: map[step]bool{}}
	t.notes = queue{whole: path, note: note, wg: &w.wg}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, ErrClosed
	}
	w.openActors()
	w.targets[t] = struct{}{}
	if _, err := w.resolve(t, false); err != nil {
		w.forget(t)
		return nil, limitError(fmt.Sprintf("watch %q", path), err)
	}
	w.mend()
	return sync.OnceFunc(func() {
		w.mu.Lock()
		w.forget(t)
		w.mu.Unlock()
		t.notes.stop()
	}), nil
}

// Close ends every watch; no note is called after it has returned.
func (w *Watcher) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	targets, actors := w.targets, w.actors
	w.targets, w.actors = nil, nil
	w.mu.Unlock()
	if actors != nil {
		actors.fan.close()
	}
	for t := range targets {
		t.notes.stop()
	}
	err := w.fs.Close()
	w.wg.Wait()
	return err
}

// events is the only goroutine that acts on what the kernel tells.
func (w *Watcher) events() {
	defer w.wg.Done()
	tick := time.NewTicker(verifyEvery)
	defer tick.Stop()
	dull := pacer{most: dullEvents}
	for {
		select {
		case e, ok := <-w.fs.Events:
			if !ok {
				return
			}
			if dull.next(w.event(e)) {
				time.Sleep(dullRest)
			}
		case <-w.kick:
			w.rescan()
		case <-tick.C:
			w.verify()
		}
	}
}

// errors takes no lock: fsnotify reports some errors with its own lock held, which Add in another goroutine waits for.
func (w *Watcher) errors() {
	defer w.wg.Done()
	for err := range w.fs.Errors {
		why := fmt.Sprintf("the kernel's queue of file events overflowed (%s); raise the sysctl fs.inotify.max_queued_events where this repeats", err)
		if !errors.Is(err, fsnotify.ErrEventOverflow) {
			if errors.Is(err, syscall.EINVAL) {
				continue // a watch was removed that the kernel had removed already
			}
			why = fmt.Sprintf("reading file events: %s", err)
			time.Sleep(errorPause)
		}
		w.lost.Store(&why)
		select {
		case w.kick <- struct{}{}:
		default:
		}
	}
}

// event passes one event on. The name may be an entry of a watched folder, a watched folder itself, or both: telling
// too many is harmless. dull: it matters to nobody.
func (w *Watcher) event(e fsnotify.Event) (dull bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := e.Name
	if len(name) > 1 && name[1] == '/' {
		name = name[1:] // entries of "/" come as "//etc"
	}
	moved := e.Has(fsnotify.Create) || e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)
	if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
		if d := w.byName[name]; d != nil {
			w.bury(d)
		}
	}
	dull = len(w.graves) == 0
	if d := w.byName[filepath.Dir(name)]; d != nil && name != "/" {
		base := filepath.Base(name)
		dull = dull && len(d.nodes) == 0 && len(d.steps[base]) == 0
		w.entry(d, base, moved)
	}
	w.mend()
	return dull
}

// entry tells that something happened to a name in a folder; moved: the name may stand for another file now, or for none.
func (w *Watcher) entry(d *dir, name string, moved bool) {
	for t, last := range copyMap(d.steps[name]) {
		if last {
			t.notes.add(t.path, false, "")
		}
		if moved && (!last || !w.plainFile(t, d, name)) {
			w.again(t, !last, "")
		}
	}
	for n := range copyMap(d.nodes) {
		if n.gone {
			continue
		}
		n.t.notes.add(join(n.path, name), false, "")
		if moved && n.t.tree {
			w.regrow(n, name)
		}
	}
}

// plainFile reports whether what came, went or was replaced at the end of a target's way leaves the way as it was: neither a folder
// nor a link stood there, or does now. Files are replaced all the time.
func (w *Watcher) plainFile(t *target, d *dir, name string) bool {
	if t.root != nil || d.dead {
		return false
	}
	for s, last := range t.steps {
		if last && s != (step{d, name}) {
			return false // the way goes on behind a link
		}
	}
	var st unix.Stat_t
	err := lstat(join(d.name, name), &st)
	return err == unix.ENOENT || err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// again resolves a target anew, and has everything compared where its folders are others now.
func (w *Watcher) again(t *target, always bool, lost string) {
	changed, err := w.resolve(t, false)
	if err != nil {
		err = limitError(fmt.Sprintf("watch %q", t.path), err)
		w.log.Error("a path is no longer watched", "path", t.path, "error", err)
		t.incomplete, changed, lost = true, true, err.Error()
	}
	if changed || always {
		t.notes.add(t.path, true, lost)
	}
}

// rescan is the answer to lost events: every folder is looked for again, everything is to be compared.
func (w *Watcher) rescan() {
	why := w.lost.Swap(nil)
	if why == nil {
		return
	}
	w.log.Warn("file events were lost", "reason", *why)
	w.mu.Lock()
	defer w.mu.Unlock()
	for t := range w.targets {
		w.refresh(t, *why)
	}
	w.mend()
}

// refresh sets all watches of a target again.
func (w *Watcher) refresh(t *target, lost string) {
	t.incomplete = false
	if _, err := w.resolve(t, true); err != nil {
		t.incomplete = true
		lost = limitError(fmt.Sprintf("watch %q", t.path), err).Error()
	}
	t.notes.add(t.path, true, lost)
}

// verify finds folders that are no longer where, or what, they were, though no event said so.
func (w *Watcher) verify() {
	w.mu.Lock()
	defer w.mu.Unlock()
	alive := map[string]bool{}
	for _, name := range w.fs.WatchList() {
		alive[name] = true
	}
	for name, d := range w.byName {
		if id, err := identify(name); err != nil || id != d.id || !alive[name] {
			w.bury(d)
		}
	}
	w.mend()
	for t := range w.targets {
		if t.incomplete {
			w.refresh(t, "")
		}
	}
}

// limitError says which limit of the kernel was met.
func limitError(what string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%s: this user may watch no more folders; raise the sysctl fs.inotify.max_user_watches: %w", what, err)
	case errors.Is(err, syscall.EMFILE):
		return fmt.Errorf("%s: this user may open no more inotify instances; raise the sysctl fs.inotify.max_user_instances (or the limit of open files): %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func copyMap[K comparable, V any](m map[K]V) map[K]V {
	c := make(map[K]V, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

func join(dir, name string) string {
	if dir == "/" {
		return dir + name
	}
	return dir + "/" + name
}
