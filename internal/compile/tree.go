package compile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/manifest"
	"brine/states"
)

// Bounds of the folders that one state takes from the file roots.
const (
	MaxTreeFiles = manifest.MaxFiles
	MaxTreeDirs  = manifest.MaxDirs
	maxTreeDepth = 64  // folders below each other; a symlink into a folder above ends there, too
	maxInline    = 256 // files and folders that travel within the low state; of more it names a manifest
)

// trees fills in what is in the folders that the state takes from the file roots.
func (r *run) trees(d *decl, st states.State) (content []job.Content, faults config.Faults) {
	sourced, ok := st.(states.SourcedTree)
	if !ok {
		return nil, nil
	}
	for _, tree := range sourced.Trees() {
		at := d.sourceNode(tree.URL)
		rel, err := treePath(tree.URL)
		if err != nil {
			faults = append(faults, at.Fault("source %q: %s", tree.URL, err))
			continue
		}
		l := &lister{run: r, tree: tree, root: rel}
		tree.Files, tree.Dirs = nil, nil
		switch found, err := l.folder("", 0); {
		case err != nil:
			faults = append(faults, at.Fault("source %q: %s", tree.URL, err))
		case !found:
			faults = append(faults, at.Fault("source %q: there is no such folder in the file roots", tree.URL).WithHint(r.roots.nearest(rel)))
		}
		if len(tree.Files)+len(tree.Dirs) > maxInline {
			listed, err := r.c.manifests.put(tree)
			if err != nil {
				faults = append(faults, at.Fault("source %q: %s", tree.URL, err))
			}
			content = append(content, listed)
			tree.Manifest, tree.Files, tree.Dirs = listed.Hash, nil, nil
		}
		for _, f := range tree.Files {
			content = append(content, job.Content{Hash: f.Hash, Size: f.Size})
		}
	}
	return content, faults
}

// treePath is sourcePath for a folder, which may end with a slash.
func treePath(url string) (string, error) {
	if trimmed := strings.TrimSuffix(url, "/"); !strings.HasSuffix(trimmed, "/") && !strings.HasSuffix(trimmed, ":") {
		url = trimmed
	}
	return sourcePath(url)
}

// sourceNode is where an address is written.
func (d *decl) sourceNode(url string) *config.Node {
	for _, p := range d.args.Pairs() {
		if p.Value.Text() == url {
			return p.Value
		}
	}
	return d.fun
}

// lister fills one tree.
type lister struct {
	*run
	tree *states.Tree
	root string // of the tree, below the file roots
}

// folder lists what any of the file roots has in a folder of the tree, in the order of names. found is false where none has it.
func (l *lister) folder(rel string, depth int) (found bool, err error) {
	if depth > maxTreeDepth {
		return false, fmt.Errorf("%q is more than %d folders deep; does a symlink lead upwards?", rel, maxTreeDepth)
	}
	var names []string
	for _, root := range l.roots.open {
		if root == nil {
			continue
		}
		more, err := namesIn(root, path.Join(l.root, rel))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("%q: %w", path.Join(l.root, rel), plainError(err))
		}
		found = true
		names = append(names, more...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if err := l.ctx.Err(); err != nil {
			return found, err
		}
		if err := l.entry(path.Join(rel, name), depth); err != nil {
			return found, err
		}
	}
	return found, nil
}

// namesIn lists one folder of one root.
func namesIn(root *os.Root, p string) ([]string, error) {
	f, err := root.OpenFile(p, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// entry adds one name: what the first root that has it says it is.
func (l *lister) entry(rel string, depth int) error {
	fi, name, err := l.roots.stat(path.Join(l.root, rel))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%q is a symlink that leads nowhere, or vanished meanwhile", rel)
	case err != nil:
		return fmt.Errorf("%q: %w", name, plainError(err))
	case fi.IsDir():
		if l.tree.Keep != nil && !l.tree.Keep(rel, true) {
			return nil
		}
		if len(l.tree.Dirs) >= MaxTreeDirs {
			return fmt.Errorf("it holds more than %d folders; give them to several states", MaxTreeDirs)
		}
		l.tree.Dirs = append(l.tree.Dirs, rel)
		_, err := l.folder(rel, depth+1)
		return err
	case l.tree.Keep != nil && !l.tree.Keep(rel, false):
		return nil
	case !fi.Mode().IsRegular():
		return fmt.Errorf("%q is no regular file", name)
	case len(l.tree.Files) >= l.c.maxTree:
		return fmt.Errorf("it holds more than %d files; give them to several states, or bring them as an archive", l.c.maxTree)
	}
	c, err := l.c.content.hash(l.run, path.Join(l.root, rel))
	if err != nil {
		return err
	}
	l.tree.Files = append(l.tree.Files, states.TreeFile{Path: rel, Hash: c.Hash, Size: c.Size, Mode: fi.Mode().Perm()})
	return nil
}

// stat says what a path is in the first root that has it, links within the root followed.
func (r *roots) stat(p string) (fs.FileInfo, string, error) {
	for i, root := range r.open {
		if root == nil {
			continue
		}
		fi, err := root.Stat(p)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		return fi, r.name(place{i, p}), err
	}
	return nil, p, fs.ErrNotExist
}

// modeOf is the permission bits of the file that find finds.
func (r *roots) modeOf(p string) (fs.FileMode, error) {
	at, _, err := r.find(p)
	if err != nil {
		return 0, plainError(err)
	}
	fi, err := r.open[at.root].Stat(at.path)
	if err != nil {
		return 0, plainError(err)
	}
	return fi.Mode().Perm(), nil
}

// gather tells the states that ask for it what all others are about, and encodes them anew.
func (r *run) gather() {
	for _, s := range r.states {
		g, ok := s.st.(states.Gathering)
		if !ok || s.low.Args == nil {
			continue
		}
		var names []string
		for _, other := range r.states {
			if other != s && !slices.Contains(names, other.low.Name) {
				names = append(names, other.low.Name)
			}
		}
		g.Gather(names)
		data, err := event.Encode(s.st)
		if err != nil {
			r.fault(s.decl.fault(s.decl.fun, "%s", err))
		}
		s.low.Args = data
	}
}

// together joins contents, each once.
func together(a, b []job.Content) []job.Content {
	seen := make(map[job.Content]bool, len(a)+len(b))
	var out []job.Content
	for _, c := range slices.Concat(a, b) {
		if !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	return out
}
