package hostfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// TempPrefix begins the name of every file that Brine makes for a moment beside the one it replaces; 16 hex digits
// follow. Watchers pass over such names.
const TempPrefix = ".brine-"

// maxSwapTries bounds how often a swap is tried anew when the name appears and vanishes under it.
const maxSwapTries = 16

// Draft is a file in the making beside the one it will replace. Its name follows from the target's, so that what a
// crash left is found, and told, by the next write to the same target.
type Draft struct {
	dir        *Dir
	name, temp string
	f          *os.File
	noExchange bool // pretend that the file system cannot exchange names, for tests
}

// TempName is the name of the draft of a file.
func TempName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return TempPrefix + hex.EncodeToString(sum[:8])
}

// Draft begins a replacement of name. The draft is readable by nobody else (mode 0600) until Attributes says otherwise.
// A file that an interrupted write left is handed to leftover, under its path in the folder, and removed.
func (d *Dir) Draft(name string, leftover func(path string)) (*Draft, error) {
	return d.draft(name, leftover, func(temp string) (int, error) {
		return unix.Openat(d.fd, temp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	})
}

// DraftFolder begins an empty folder in place of name, which nobody else can enter until Attributes says otherwise.
func (d *Dir) DraftFolder(name string, leftover func(path string)) (*Draft, error) {
	return d.draft(name, leftover, func(temp string) (int, error) {
		if err := unix.Mkdirat(d.fd, temp, 0o700); err != nil {
			return -1, err
		}
		return unix.Openat(d.fd, temp, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
}

// DraftLink begins a symbolic link to target in place of name. uid and gid may be -1. A link needs no Flush.
func (d *Dir) DraftLink(name, target string, uid, gid int, leftover func(path string)) (*Draft, error) {
	return d.draft(name, leftover, func(temp string) (int, error) {
		if err := unix.Symlinkat(target, d.fd, temp); err != nil || uid < 0 && gid < 0 {
			return -1, err
		}
		return -1, unix.Fchownat(d.fd, temp, uid, gid, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// draft calls make until its name is free. make returns what to hold open, -1 for nothing.
func (d *Dir) draft(name string, leftover func(path string), make func(temp string) (int, error)) (*Draft, error) {
	w := &Draft{dir: d, name: name, temp: TempName(name)}
	for range maxSwapTries {
		fd, err := make(w.temp)
		if err == nil {
			if fd >= 0 {
				w.f = os.NewFile(uintptr(fd), w.Temp())
			}
			return w, nil
		}
		if err != unix.EEXIST {
			return nil, d.explain("write into the folder of", name, err)
		}
		leftover(w.Temp())
		if err := d.removeAny(w.temp, 0); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("write %q: somebody else keeps making %q", path.Join(d.path, name), w.temp)
}

// Temp is the path of the draft, and after Swap of what it displaced.
func (w *Draft) Temp() string { return path.Join(w.dir.path, w.temp) }

// Write adds content.
func (w *Draft) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		return n, w.dir.explain("write", w.name, err)
	}
	return n, nil
}

// Attributes gives the draft its owner, the extended attributes of the file it replaces (like may be nil) and its mode,
// in this order: a change of owner clears setuid, and an ACL's mask follows the mode.
func (w *Draft) Attributes(uid, gid int, mode fs.FileMode, like *os.File) error {
	if like == nil {
		return w.attributes(uid, gid, mode, nil)
	}
	return w.attributes(uid, gid, mode, func(fd int) { copyXattrs(int(like.Fd()), fd) })
}

// AttributesOf is Attributes with the extended attributes that Xattrs once gave.
func (w *Draft) AttributesOf(uid, gid int, mode fs.FileMode, xattrs map[string][]byte) error {
	return w.attributes(uid, gid, mode, func(fd int) { setXattrs(fd, xattrs) })
}

func (w *Draft) attributes(uid, gid int, mode fs.FileMode, extend func(fd int)) error {
	fd := int(w.f.Fd())
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return w.dir.explain("look at the draft of", w.name, err)
	}
	if int(st.Uid) != uid || int(st.Gid) != gid {
		if err := unix.Fchown(fd, uid, gid); err != nil {
			return w.dir.explain(fmt.Sprintf("give to uid %d, gid %d", uid, gid), w.name, err)
		}
	}
	if extend != nil {
		extend(fd)
	}
	if err := unix.Fchmod(fd, sysMode(mode)); err != nil {
		return w.dir.explain("set the mode of", w.name, err)
	}
	return nil
}

// Displaced looks at what stands under Temp after Swap or Remove.
func (w *Draft) Displaced(ctx context.Context) (Info, error) { return w.dir.Look(ctx, w.temp, true) }

// Glance is Displaced without reading content.
func (w *Draft) Glance() (Info, error) { return w.dir.Look(context.Background(), w.temp, false) }

// Swap puts the draft in place, in one step that nobody can see the middle of. displaced says that what stood there
// stands now under Temp. Flush must have been called before.
func (w *Draft) Swap() (displaced bool, err error) {
	for range maxSwapTries {
		err = unix.EINVAL
		if !w.noExchange {
			err = unix.Renameat2(w.dir.fd, w.temp, w.dir.fd, w.name, unix.RENAME_EXCHANGE)
		}
		switch err {
		case nil:
			return true, nil
		case unix.EINVAL, unix.ENOSYS:
			displaced, err = w.swapAside()
		case unix.ENOENT:
			err = unix.Renameat2(w.dir.fd, w.temp, w.dir.fd, w.name, unix.RENAME_NOREPLACE)
		}
		if err == nil {
			return displaced, nil
		}
		if err != unix.EEXIST && err != unix.ENOENT {
			break
		}
	}
	return false, w.dir.explain("put in place", w.name, err)
}

// swapAside serves file systems that cannot exchange two names (NFS, some FUSE). What is displaced gets a second
// name first. A change in the moment between link and rename goes unnoticed there.
func (w *Draft) swapAside() (displaced bool, err error) {
	aside := w.temp + "~"
	if err := unix.Unlinkat(w.dir.fd, aside, 0); err != nil && err != unix.ENOENT {
		return false, err
	}
	err = unix.Linkat(w.dir.fd, w.name, w.dir.fd, aside, 0)
	displaced = err == nil
	if err := unix.Renameat(w.dir.fd, w.temp, w.dir.fd, w.name); err != nil {
		if displaced {
			unix.Unlinkat(w.dir.fd, aside, 0)
		}
		return false, err
	}
	if displaced {
		w.temp = aside
	}
	return displaced, nil
}

// Undo swaps back: what was displaced stands under the target's name again, and the draft under Temp.
func (w *Draft) Undo() error {
	err := unix.Renameat2(w.dir.fd, w.temp, w.dir.fd, w.name, unix.RENAME_EXCHANGE)
	if err != nil {
		return w.dir.explain("put back", w.name, err)
	}
	return nil
}

// PutBack gives back the name to what Remove took away, unless something new stands there.
func (w *Draft) PutBack() error {
	err := unix.Renameat2(w.dir.fd, w.temp, w.dir.fd, w.name, unix.RENAME_NOREPLACE)
	if err != nil {
		return w.dir.explain("put back", w.name, err)
	}
	return nil
}

// Close ends the writing.
func (w *Draft) Close() error {
	if w.f == nil {
		return nil
	}
	err := w.f.Close()
	w.f = nil
	if err != nil {
		return w.dir.explain("close", w.name, err)
	}
	return nil
}

// Discard removes what stands under Temp: the draft before Swap, afterwards what it displaced. It closes the draft.
func (w *Draft) Discard() error {
	w.Close()
	return w.dir.removeAny(w.temp, 0)
}

// OpenDisplaced opens the folder that stands under Temp after Swap or Remove.
func (w *Draft) OpenDisplaced() (*Dir, error) {
	d, _, err := w.dir.Folder(w.temp, false)
	return d, err
}

// RealPath is where the draft is for other processes, whatever root this one resolves paths below.
func (w *Draft) RealPath() (string, error) {
	return os.Readlink(fmt.Sprintf("/proc/self/fd/%d", w.f.Fd()))
}

// Remove takes the file name away under Temp's name, so that what it was can be looked at before it is gone. It
// returns fs.ErrNotExist where there is nothing.
func (d *Dir) Remove(name string, leftover func(path string)) (*Draft, error) {
	w := &Draft{dir: d, name: name, temp: TempName(name)}
	for range maxSwapTries {
		err := unix.Renameat2(d.fd, name, d.fd, w.temp, unix.RENAME_NOREPLACE)
		if err == unix.EINVAL || err == unix.ENOSYS {
			err = unix.Renameat(d.fd, name, d.fd, w.temp)
		}
		if err == nil {
			return w, nil
		}
		if err != unix.EEXIST {
			return nil, d.explain("remove", name, err)
		}
		leftover(w.Temp())
		if err := d.removeAny(w.temp, 0); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("remove %q: somebody else keeps making %q", path.Join(d.path, name), w.temp)
}
