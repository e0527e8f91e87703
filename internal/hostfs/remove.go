package hostfs

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// RemoveFolder removes the empty folder name. Where it is not empty, the error is ErrNotEmpty.
func (d *Dir) RemoveFolder(name string) error {
	err := unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR)
	switch err {
	case nil, unix.ENOENT:
		return nil
	case unix.ENOTEMPTY, unix.EEXIST:
		return fmt.Errorf("%q: %w", path.Join(d.path, name), ErrNotEmpty)
	case unix.EBUSY:
		return fmt.Errorf("%q: %w", path.Join(d.path, name), ErrMount)
	}
	return d.explain("remove", name, err)
}

// ErrNotEmpty is returned when a folder that should be removed holds something.
var ErrNotEmpty = errors.New("the folder is not empty")

// removeAny removes name whatever it is, folders with all they hold, never through a link or into another mount.
func (d *Dir) removeAny(name string, depth int) error {
	err := unix.Unlinkat(d.fd, name, 0)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	if err != unix.EISDIR && err != unix.EPERM {
		return d.explain("remove", name, err)
	}
	if depth > maxDepth {
		return fmt.Errorf("%q: more than %d folders deep", path.Join(d.path, name), maxDepth)
	}
	sub, _, err2 := d.Folder(name, false)
	if errors.Is(err2, ErrNotFolder) {
		return d.explain("remove", name, err)
	}
	if err2 != nil {
		return err2
	}
	defer sub.Close()
	names, err2 := sub.List()
	if err2 != nil {
		return err2
	}
	for _, n := range names {
		if err := sub.removeAny(n, depth+1); err != nil {
			return err
		}
	}
	return d.RemoveFolder(name)
}
