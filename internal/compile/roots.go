package compile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"brine/internal/config"
)

// roots are the file roots, opened for one compilation: a root that was replaced meanwhile (a symlink to a release) is
// followed by the next.
type roots struct {
	dirs    []string
	open    []*os.Root // nil for a root that does not exist
	missing []string
}

func openRoots(dirs []string) (*roots, error) {
	r := &roots{dirs: dirs}
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		if errors.Is(err, fs.ErrNotExist) {
			r.missing = append(r.missing, dir)
		} else if err != nil {
			r.close()
			return nil, fmt.Errorf("file root %q: %w", dir, err)
		}
		r.open = append(r.open, root)
	}
	return r, nil
}

func (r *roots) close() {
	for _, root := range r.open {
		if root != nil {
			_ = root.Close() // only read from
		}
	}
}

// place is a file in one of the roots.
type place struct {
	root int
	path string
}

func (r *roots) name(p place) string { return filepath.Join(r.dirs[p.root], p.path) }

// find looks in every root for the first path, then for the second, and so on. It is fs.ErrNotExist when there is none.
// What exists but leads out of its root is an error: another root's file is not what was meant.
func (r *roots) find(paths ...string) (place, stamp, error) {
	for _, p := range paths {
		for i, root := range r.open {
			if root == nil {
				continue
			}
			fi, err := root.Stat(p)
			if err == nil && fi.Mode().IsRegular() {
				return place{i, p}, stampOf(fi), nil
			}
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && fi.IsDir() {
				continue
			}
			if err == nil {
				err = fmt.Errorf("is no regular file")
			}
			return place{}, stamp{}, fmt.Errorf("%q: %w", r.name(place{i, p}), plainError(err))
		}
	}
	return place{}, stamp{}, fs.ErrNotExist
}

// plainError drops the system call and the path, which the message names already.
func plainError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	if err.Error() == "path escapes from parent" {
		return errors.New("leads out of the file root, through a symlink or '..'")
	}
	return err
}

// stamp tells whether a file is still what it was. The inode's own change time cannot be set back by anybody.
type stamp struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64 // Unix nanoseconds
}

func stampOf(fi fs.FileInfo) stamp {
	s := stamp{size: fi.Size(), mtime: fi.ModTime().UnixNano()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		s.dev, s.ino, s.ctime = uint64(st.Dev), st.Ino, st.Ctim.Nano()
	}
	return s
}

// A file changed twice within one tick of the file system's clock has the same stamp both times. So a stamp is trusted only
// when it was older than this when the file was read; file systems that keep whole seconds need more.
const (
	settleTick  = 50 * time.Millisecond
	settleWhole = 2100 * time.Millisecond
)

// settled reports whether what was read at a time can be trusted as long as the stamp stays the same.
func (s stamp) settled(read time.Time) bool {
	last, wait := max(s.mtime, s.ctime), settleTick
	if last%int64(time.Second) == 0 {
		wait = settleWhole
	}
	return read.UnixNano()-last > int64(wait)
}

// open opens a regular file; it never waits for a pipe's other end.
func (r *roots) openFile(p place) (*os.File, stamp, error) {
	f, err := r.open[p.root].OpenFile(p.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, stamp{}, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = errors.New("is no regular file")
	}
	if err != nil {
		f.Close()
		return nil, stamp{}, err
	}
	return f, stampOf(fi), nil
}

// maxTries is how often a file is read anew that changes while it is read.
const maxTries = 3

// steady calls read on a file until it has not changed meanwhile.
func (r *roots) steady(p place, read func(io.Reader) error) (stamp, error) {
	for range maxTries {
		f, before, err := r.openFile(p)
		if err != nil {
			return stamp{}, err
		}
		err = read(f)
		fi, statErr := f.Stat()
		f.Close()
		if err = errors.Join(err, statErr); err != nil {
			return stamp{}, err
		}
		if stampOf(fi) == before {
			return before, nil
		}
	}
	return stamp{}, errors.New("it changes while it is read")
}

// maxListed bounds the names looked through for a hint.
const maxListed = 1000

// nearest is a hint for a file that is in no root: the name in the same folder that was probably meant.
func (r *roots) nearest(p string) string {
	var names []string
	for _, root := range r.open {
		if root == nil {
			continue
		}
		d, err := root.Open(path.Dir(p))
		if err != nil {
			continue
		}
		list, _ := d.Readdirnames(maxListed)
		d.Close()
		names = append(names, list...)
	}
	slices.Sort(names)
	if near := config.Nearest(path.Base(p), names); near != "" {
		return "did you mean " + path.Join(path.Dir(p), near) + "?"
	}
	if len(r.missing) > 0 {
		return "there is no folder " + strings.Join(r.missing, ", ")
	}
	return "looked in " + strings.Join(r.dirs, ", ")
}
