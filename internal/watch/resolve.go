package watch

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many links are followed on the way to one path, as many as the kernel does.
const maxLinks = 40

// maxResolves bounds the attempts on a path whose folders vanish while they are looked at.
const maxResolves = 16

// target is one call of Watch.
type target struct {
	path       string
	tree       bool
	steps      map[step]bool // every name looked up on the way; true: the last one, the file itself
	root       *node         // when the path is a folder
	incomplete bool          // some folder could not be watched; tried again by verify
	notes      queue
}

// step is a name looked up in a folder.
type step struct {
	d    *dir
	name string
}

// resolve walks to the target as the kernel would, watching each folder before it looks a name up in it: so nothing that happens
// later is missed. changed says that other folders than before are watched now. With afresh a tree is walked again even if its
// root is the same. Only errors that will not pass by themselves are returned.
func (w *Watcher) resolve(t *target, afresh bool) (changed bool, err error) {
	for range maxResolves {
		var next map[step]bool
		var end *dir
		next, end, changed, err = w.walk(t)
		w.keepSteps(t, next)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			continue // a folder went away in mid-walk
		}
		if err != nil {
			return true, err
		}
		planted, err := w.plant(t, end, afresh)
		return changed || planted, err
	}
	t.incomplete = true
	return true, nil
}

// walk collects the steps to the target and, if it is a folder, that folder.
func (w *Watcher) walk(t *target) (next map[step]bool, end *dir, changed bool, err error) {
	next = map[step]bool{}
	at, rest, links := "/", split(t.path), 0
	for {
		if len(rest) > 0 && rest[0] == ".." {
			at, rest = filepath.Dir(at), rest[1:]
			continue
		}
		d, fresh, err := w.dirAt(at)
		if errors.Is(err, unix.EACCES) {
			d, t.incomplete = nil, true // names below it may still be open to us
		} else if err != nil {
			return next, nil, true, err
		}
		changed = changed || fresh
		if len(rest) == 0 {
			return next, d, changed, nil
		}
		name := rest[0]
		rest = rest[1:]
		if d != nil {
			s := step{d, name}
			next[s] = next[s] || len(rest) == 0
			changed = w.stand(t, s, next[s]) || changed
		}
		var st unix.Stat_t
		full := join(at, name)
		if err := lstat(full, &st); err != nil {
			return next, nil, changed, nil // not there: its coming will be told by this folder
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			at = full
		case unix.S_IFLNK:
			to, err := readlink(full)
			if links++; err != nil || links > maxLinks {
				return next, nil, changed, nil
			}
			if strings.HasPrefix(to, "/") {
				at = "/"
			}
			rest = append(split(to), rest...)
		default:
			return next, nil, changed, nil
		}
	}
}

// stand notes that t depends on a step; it returns whether that is new.
func (w *Watcher) stand(t *target, s step, last bool) bool {
	if s.d.steps[s.name] == nil {
		s.d.steps[s.name] = map[*target]bool{}
	}
	s.d.steps[s.name][t] = last
	_, had := t.steps[s]
	t.steps[s] = last
	if w.actors != nil {
		w.actors.watch(s.d, s.name, last)
	}
	return !had
}

// keepSteps gives up all steps that are not among next, and the folders that nobody needs then.
func (w *Watcher) keepSteps(t *target, next map[step]bool) {
	for s := range t.steps {
		if _, ok := next[s]; ok {
			continue
		}
		delete(t.steps, s)
		delete(s.d.steps[s.name], t)
		if len(s.d.steps[s.name]) == 0 {
			delete(s.d.steps, s.name)
		}
		w.release(s.d)
	}
}

// forget gives up everything that a target has.
func (w *Watcher) forget(t *target) {
	if t.root != nil {
		w.fell(t.root)
		t.root = nil
	}
	w.keepSteps(t, nil)
	delete(w.targets, t)
}

func split(path string) []string {
	var parts []string
	for p := range strings.SplitSeq(path, "/") {
		if p != "" && p != "." {
			parts = append(parts, p)
		}
	}
	return parts
}

func readlink(name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(name, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
