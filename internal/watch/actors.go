package watch

import (
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"brine/beacons"
)

const (
	// maxProcs bounds the processes that are remembered, some 1 KiB each, and procAge how long one that has gone still counts:
	// its number may be another's later.
	maxProcs = 2048
	procAge  = 2 * time.Minute
	// procFresh is how long a reading of a process that lives is not repeated.
	procFresh = 20 * time.Millisecond
	// maxDeeds bounds the paths whose last writers are remembered, deedAge for how long, and deedsEach how many for one path.
	maxDeeds  = 8192
	deedAge   = 2 * time.Minute
	deedsEach = 4
	// actorWait is the longest time that a look-up waits for events that the kernel holds already. After one that waited in vain
	// none waits for waitEvery.
	actorWait = time.Millisecond
	waitEvery = 10 * time.Millisecond
	// maxReads bounds the readings of /proc in a second that no change of a watched file asks for.
	maxReads = 1000
)

// weight says how much an event tells of who changed a file.
type weight uint8

const (
	closed  weight = iota // had it open for writing
	touched               // attributes
	changed               // content or name
)

// deed is what somebody did to a path.
type deed struct {
	at     time.Time // when it was read: never before it was done
	weight weight
	named  bool     // the name was made, removed or renamed: of a folder, that moves all below it
	who    *process // nil: Brine itself, or not known
	pkg    string   // the package that a dpkg was working on
}

// place is a watched folder as the kernel's events name it.
type place struct {
	name  string          // the path, no link in it
	full  bool            // everything in it counts
	names map[string]bool // else: these names in it
}

// actors remembers who has lately changed what in the watched folders. Its reader is the only one that adds to it.
type actors struct {
	fan    *fanotify
	proc   string     // where /proc is
	fresh  []*process // the reader's: read, but for their ancestors
	learnt bool       // the reader's: of a process that was not known

	unnamed []namedDeed // the reader's: whose package has not been looked for

	mu       sync.Mutex
	places   map[string]*place // by handle
	handles  map[dirID]string
	procs    *recent[int32, *process]
	deeds    *recent[string, []deed]
	execs    []pendingExec
	second   int64 // of the budget of readings
	reads    int
	progress chan struct{} // closed when the reader has taken events in, or all of them
	waiters  atomic.Int32  // for progress
	waited   time.Time     // until when a look-up last waited in vain
}

// Actors has the kernel tell who changes what is watched, now and later, and returns who changed a path since some time: it asks a
// cache, and takes about a millisecond at most. Nil is not known. Without the right to (CAP_SYS_ADMIN) or the kernel (Linux 5.15)
// that is told once in the log, and everybody stays unknown.
func (w *Watcher) Actors() func(path string, since time.Time) *beacons.Actor {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = true
	if len(w.targets) > 0 {
		w.openActors()
	}
	return func(path string, since time.Time) *beacons.Actor {
		if a := w.ask.Load(); a != nil {
			return a.lookup(path, since)
		}
		return nil
	}
}

// openActors does that as soon as something is watched: a host without file beacons pays nothing.
func (w *Watcher) openActors() {
	if !w.asked || w.opened || w.closed {
		return
	}
	w.opened = true
	fan, err := openFanotify(w.log)
	if err != nil {
		w.log.Info("who changes files is not known here; events have actor null", "reason", err)
		return
	}
	w.actors = newActors(fan)
	w.ask.Store(w.actors)
	fan.done.Add(1)
	go fan.read(w.actors.take, w.actors.starting, w.actors.calm)
	w.watchActors()
}

// watchActors has the folders told that are watched already.
func (w *Watcher) watchActors() {
	for _, d := range w.byID {
		for name, targets := range d.steps {
			full := false
			for _, last := range targets {
				full = full || last
			}
			w.actors.watch(d, name, full)
		}
		if len(d.nodes) > 0 {
			w.actors.watch(d, "", true)
		}
	}
}

func newActors(fan *fanotify) *actors {
	return &actors{
		fan: fan, proc: "/proc",
		places: map[string]*place{}, handles: map[dirID]string{},
		procs: newRecent[int32, *process](maxProcs), deeds: newRecent[string, []deed](maxDeeds),
		progress: make(chan struct{}),
	}
}

// lookup says who changed path since then; nil: not known. path is one that was given to Watch, or below it. Events that the kernel
// holds already are waited for, because the latest deed counts.
func (a *actors) lookup(path string, since time.Time) *beacons.Actor {
	path = filepath.Clean(path)
	a.waiters.Add(1)
	defer a.waiters.Add(-1)
	for end := time.Now().Add(actorWait); a.mayWait(end); {
		a.mu.Lock()
		progress := a.progress
		a.mu.Unlock()
		left := time.Until(end)
		if left <= 0 || !a.fan.behind() {
			break
		}
		a.fan.want()
		timer := time.NewTimer(left)
		select {
		case <-progress:
		case <-timer.C:
			a.mu.Lock()
			a.waited = end
			a.mu.Unlock()
		}
		timer.Stop()
	}
	if d, ok := a.find(path, since); ok {
		return a.view(d)
	}
	return nil
}

// calm has those look again who wait for the reader.
func (a *actors) calm() {
	if a.waiters.Load() > 0 {
		a.mu.Lock()
		close(a.progress)
		a.progress = make(chan struct{})
		a.mu.Unlock()
	}
}

// mayWait is false for a while after somebody has waited in vain until the end of his time.
func (a *actors) mayWait(end time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return end.Sub(a.waited) > waitEvery
}

func (a *actors) view(d deed) *beacons.Actor {
	a.mu.Lock()
	defer a.mu.Unlock()
	return d.who.actor(d.pkg)
}

// find looks for the deed that counts most: on the path itself, on what it leads to, then on a folder or link on the way.
func (a *actors) find(path string, since time.Time) (deed, bool) {
	if oldest := time.Now().Add(-deedAge); since.Before(oldest) {
		since = oldest
	}
	if d, ok := a.best(path, since, false); ok {
		return d, true
	}
	way := trail(path)
	for i := len(way) - 1; i >= 0; i-- {
		if d, ok := a.best(way[i], since, i < len(way)-1); ok {
			return d, true
		}
	}
	return deed{}, false
}

// best is the latest of the weightiest deeds since then.
func (a *actors) best(path string, since time.Time, named bool) (best deed, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	deeds, _ := a.deeds.get(path)
	for _, d := range deeds {
		if !d.at.Before(since) && (!named || d.named) && (!ok || d.weight >= best.weight) {
			best, ok = d, true
		}
	}
	return best, ok
}

// trail lists every name that is looked up on the way to a path, links followed, the file itself last.
func trail(path string) (way []string) {
	at, rest, links := "/", split(path), 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = filepath.Dir(at)
			continue
		}
		full := join(at, name)
		way = append(way, full)
		at = full
		var st unix.Stat_t
		if lstat(full, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
			continue
		}
		to, err := readlink(full)
		if links++; err != nil || links > maxLinks {
			return way
		}
		if at = filepath.Dir(full); strings.HasPrefix(to, "/") {
			at = "/"
		}
		rest = append(split(to), rest...)
	}
	return way
}

// add notes what a process did to a path. Several deeds of one process are one.
func (a *actors) add(path string, d deed) {
	deeds, _ := a.deeds.get(path)
	for i, o := range deeds {
		if o.who == d.who && o.weight == d.weight {
			d.named = d.named || o.named && d.at.Sub(o.at) < procFresh
			deeds = append(deeds[:i:i], deeds[i+1:]...)
			break
		}
	}
	if len(deeds) >= deedsEach {
		deeds = deeds[1:]
	}
	a.deeds.set(path, append(deeds[:len(deeds):len(deeds)], d))
}

// watch has events of a folder told: of everything in it, or with full false only of a name in it being made, removed or renamed.
func (a *actors) watch(d *dir, name string, full bool) {
	a.mu.Lock()
	key, had := a.handles[d.id]
	p := a.places[key]
	if had && p.name == d.name && (p.full || !full && p.names[name]) {
		a.mu.Unlock()
		return
	}
	a.mu.Unlock()
	if !had {
		var err error
		if key, err = handleOf(d.name); err != nil {
			return // a file system without handles: who changes what there stays unknown
		}
	}
	a.mu.Lock()
	if p = a.places[key]; p == nil || p.name != d.name {
		p = &place{name: d.name, names: map[string]bool{}}
		a.places[key], a.handles[d.id] = p, key
	}
	p.full = p.full || full
	if !full {
		p.names[name] = true
	}
	full = p.full
	a.mu.Unlock()
	a.fan.mark(d.name, full)
}

// drop ends that.
func (a *actors) drop(d *dir) {
	a.mu.Lock()
	if key, ok := a.handles[d.id]; ok && (a.places[key] == nil || a.places[key].name == d.name) {
		delete(a.places, key)
		delete(a.handles, d.id)
	}
	a.mu.Unlock()
	if id, err := identify(d.name); err == nil && id == d.id {
		a.fan.unmark(d.name)
	}
}
