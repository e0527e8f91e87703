package watch

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fsnotify/fsnotify"
)

// dirID tells folders apart whatever they are called. Two names of one folder (a bind mount, a link) share one watch of the
// kernel's, and fsnotify would tell only the first.
type dirID struct{ dev, ino uint64 }

// dir is a folder that the kernel watches, with everybody who needs it. With nobody left the watch is removed.
type dir struct {
	id    dirID
	name  string // as given to fsnotify; no link in it
	dead  bool   // its watch is gone
	steps map[string]map[*target]bool
	nodes map[*node]struct{}
}

// errMoving is returned when a folder changes faster than it can be watched.
var errMoving = errors.New("it keeps changing while it is looked at")

// identify says which folder stands at name, which must not be a link.
func identify(name string) (dirID, error) {
	var st unix.Stat_t
	if err := lstat(name, &st); err != nil {
		return dirID{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return dirID{}, unix.ENOTDIR
	}
	return dirID{uint64(st.Dev), st.Ino}, nil
}

func lstat(name string, st *unix.Stat_t) error {
	for {
		if err := unix.Lstat(name, st); err != unix.EINTR {
			return err
		}
	}
}

// dirAt returns the watched folder at name, watching it if nobody has so far; fresh says that. What happens in the folder after
// dirAt has returned will be told. ENOENT and ENOTDIR are returned for what is no folder (any more).
func (w *Watcher) dirAt(name string) (d *dir, fresh bool, err error) {
	for range 8 {
		id, err := identify(name)
		if err != nil {
			return nil, false, err
		}
		if d := w.byID[id]; d != nil {
			return d, false, nil
		}
		if old := w.byName[name]; old != nil {
			w.bury(old) // else fsnotify would forget it without telling the kernel
		}
		if err := w.fs.Add(name); err != nil {
			return nil, false, err
		}
		if now, err := identify(name); err != nil || now != id {
			_ = w.fs.Remove(name) // another folder has come in between
			continue
		}
		d := &dir{id: id, name: name, steps: map[string]map[*target]bool{}, nodes: map[*node]struct{}{}}
		w.byID[id], w.byName[name] = d, d
		return d, true, nil
	}
	return nil, false, errMoving
}

// release removes the watch of a folder that nobody needs.
func (w *Watcher) release(d *dir) {
	if len(d.steps) == 0 && len(d.nodes) == 0 {
		w.unwatch(d)
	}
}

// bury gives up the watch of a folder that was removed, renamed or replaced; mend looks after those who stand on it.
func (w *Watcher) bury(d *dir) {
	if !d.dead {
		w.unwatch(d)
		w.graves = append(w.graves, d)
	}
}

func (w *Watcher) unwatch(d *dir) {
	if d.dead {
		return
	}
	d.dead = true
	delete(w.byID, d.id)
	delete(w.byName, d.name)
	if w.actors != nil {
		w.actors.drop(d)
	}
	// The kernel removes the watch of a removed folder itself, and fsnotify that of a renamed one.
	if err := w.fs.Remove(d.name); err != nil && !errors.Is(err, fsnotify.ErrNonExistentWatch) && !errors.Is(err, syscall.EINVAL) {
		w.log.Debug("remove a watch", "path", d.name, "error", err)
	}
}

// maxMends bounds how often mending may find further graves before it is left to the next event or verify.
const maxMends = 16

// mend resolves anew everything that stands on a folder whose watch is gone, and has it compared.
func (w *Watcher) mend() {
	for range maxMends {
		graves := w.graves
		if w.graves = nil; len(graves) == 0 {
			return
		}
		for _, d := range graves {
			for _, targets := range copyMap(d.steps) {
				for t := range copyMap(targets) {
					w.again(t, true, "")
				}
			}
			for n := range copyMap(d.nodes) {
				w.replant(n)
			}
		}
	}
}
