package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// node is a folder that a target watches the entries of: its root or, in a tree, one below it.
type node struct {
	t        *target
	d        *dir
	parent   *node
	name     string // in the parent
	path     string // as the target's user calls it
	real     string // the same without links
	children map[string]*node
	gone     bool
}

// plant makes d the root of the target's folders; nil: the path is no folder. changed says that it was another one.
func (w *Watcher) plant(t *target, d *dir, afresh bool) (changed bool, err error) {
	old := t.root
	if old != nil && old.d == d && !d.dead && !afresh {
		return false, nil
	}
	if old == nil && d == nil {
		return false, nil
	}
	t.root = nil
	if d != nil {
		t.root = w.attach(&node{t: t, d: d, path: t.path, real: d.name})
		err = w.grow(t.root, nil)
	}
	if old != nil {
		w.fell(old) // after the new one, so that what both need keeps its watch
	}
	return true, err
}

func (w *Watcher) attach(n *node) *node {
	n.children = map[string]*node{}
	n.d.nodes[n] = struct{}{}
	if w.actors != nil {
		w.actors.watch(n.d, "", true)
	}
	if n.parent != nil {
		n.parent.children[n.name] = n
	}
	return n
}

// fell gives up a folder and all below it.
func (w *Watcher) fell(n *node) {
	for _, c := range n.children {
		w.fell(c)
	}
	if n.parent != nil && n.parent.children[n.name] == n {
		delete(n.parent.children, n.name)
	}
	n.gone = true
	delete(n.d.nodes, n)
	w.release(n.d)
}

// readChunk is how many entries of a folder are read at a time.
const readChunk = 1024

// grow watches all folders below n in a tree: each is watched first and read then, so that what is made in it meanwhile is either
// read or told. found, if given, is called for every entry.
func (w *Watcher) grow(n *node, found func(path string)) error {
	if !n.t.tree {
		return nil
	}
	f, err := os.OpenFile(n.real, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_DIRECTORY, 0)
	if err != nil {
		return w.passing(n.t, n.real, err)
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(readChunk)
		for _, e := range entries {
			if found != nil {
				found(join(n.path, e.Name()))
			}
			if e.Type()&fs.ModeType == fs.ModeDir {
				if err := w.sprout(n, e.Name(), found); err != nil {
					return err
				}
			}
		}
		if err != nil {
			return nil // the end, or a folder removed in mid-reading, which its parent tells
		}
	}
}

// sprout watches the folder called name in n, and all below it.
func (w *Watcher) sprout(n *node, name string, found func(string)) error {
	real := join(n.real, name)
	d, _, err := w.dirAt(real)
	if err != nil {
		return w.passing(n.t, real, err)
	}
	if old := n.children[name]; old != nil {
		if old.d == d && !d.dead {
			return nil
		}
		w.fell(old)
		if d.dead {
			return w.sprout(n, name, found) // the old one held its last use
		}
	}
	c := w.attach(&node{t: n.t, d: d, parent: n, name: name, path: join(n.path, name), real: real})
	return w.grow(c, found)
}

// passing returns nil for what is no fault of ours: a folder that has gone meanwhile, or that we may not read.
func (w *Watcher) passing(t *target, name string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return nil
	case errors.Is(err, unix.EACCES), errors.Is(err, errMoving), errors.Is(err, unix.ENAMETOOLONG):
		w.log.Debug("a folder is not watched", "path", name, "error", err)
		t.incomplete = true
		return nil
	}
	return fmt.Errorf("folder %q: %w", name, err)
}

// regrow looks at a name in a tree's folder again: a folder that came is watched with all that is in it already, one that went
// is given up.
func (w *Watcher) regrow(n *node, name string) {
	real := join(n.real, name)
	id, err := identify(real)
	if old := n.children[name]; old != nil && (err != nil || old.d.id != id || old.d.dead) {
		w.fell(old)
	}
	if err != nil || n.children[name] != nil {
		return
	}
	err = w.sprout(n, name, func(path string) { n.t.notes.add(path, false, "") })
	if err != nil {
		err = limitError(fmt.Sprintf("watch %q", real), err)
		w.log.Error("a new folder is not watched", "path", real, "error", err)
		n.t.incomplete = true
		n.t.notes.add(n.t.path, true, err.Error())
	}
}

// replant mends a node whose folder lost its watch.
func (w *Watcher) replant(n *node) {
	switch {
	case n.gone:
	case n.parent == nil:
		w.again(n.t, true, "")
	default:
		parent, name := n.parent, n.name
		w.fell(n)
		w.regrow(parent, name)
		n.t.notes.add(n.path, true, "")
	}
}
