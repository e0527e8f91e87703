package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// MaxList bounds the names in one folder that is listed.
const MaxList = 1 << 20

var (
	// ErrMount is returned when a folder is the root of another mount than the one that holds it.
	ErrMount = errors.New("it is a mount point")
	// ErrNotFolder is returned when a name is no folder, a link to one included.
	ErrNotFolder = errors.New("it is no folder")
)

// OpenFolder opens the folder p itself, below root; links count as they do for Parent.
func OpenFolder(root, p string) (*Dir, Info, error) {
	if err := CheckPath(p); err != nil {
		return nil, Info{}, err
	}
	rootFD, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, Info{}, fmt.Errorf("root %q: %w", root, err)
	}
	fd, err := resolve(rootFD, p, nil)
	if err != nil {
		return nil, Info{}, fmt.Errorf("folder %q: %w", p, err)
	}
	return dirOf(fd, p)
}

// Folder opens the folder name in d, which must be a real one. Unless mounts is set it must be on the same mount, too: ErrMount.
func (d *Dir) Folder(name string, mounts bool) (*Dir, Info, error) {
	p := path.Join(d.path, name)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
	if !mounts {
		how.Resolve |= unix.RESOLVE_NO_XDEV
	}
	fd, err := unix.Openat2(d.fd, name, &how)
	if err == unix.ENOSYS { // before 5.6: a mount of the same device goes unnoticed
		fd, err = unix.Openat(d.fd, name, int(how.Flags), 0)
		if err == nil && !mounts && !sameDevice(d.fd, fd) {
			unix.Close(fd)
			err = unix.EXDEV
		}
	}
	switch err {
	case nil:
		return dirOf(fd, p)
	case unix.EXDEV:
		return nil, Info{}, fmt.Errorf("%q: %w", p, ErrMount)
	case unix.ENOTDIR, unix.ELOOP:
		return nil, Info{}, fmt.Errorf("%q: %w", p, ErrNotFolder)
	}
	return nil, Info{}, d.explain("open the folder", name, err)
}

func dirOf(fd int, p string) (*Dir, Info, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, Info{}, fmt.Errorf("look at %q: %w", p, err)
	}
	return &Dir{fd: fd, path: p}, infoOf(&st), nil
}

func sameDevice(a, b int) bool {
	var s, t unix.Stat_t
	return unix.Fstat(a, &s) == nil && unix.Fstat(b, &t) == nil && s.Dev == t.Dev
}

// Path is the folder as the caller named it.
func (d *Dir) Path() string { return d.path }

// IsMount reports whether something is mounted on name. A kernel before 5.8 does not tell.
func (d *Dir) IsMount(name string) bool {
	var st unix.Statx_t
	err := unix.Statx(d.fd, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, 0, &st)
	return err == nil && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// List is the names in the folder, sorted.
func (d *Dir) List() ([]string, error) {
	fd, err := unix.Openat(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("list %q: %w", d.path, err)
	}
	f := os.NewFile(uintptr(fd), d.path)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list %q: %w", d.path, err)
	}
	if len(names) > MaxList {
		return nil, fmt.Errorf("folder %q holds %d names; at most %d are looked at", d.path, len(names), MaxList)
	}
	slices.Sort(names)
	return names, nil
}

// SetFolder changes owner and mode of the folder name in place. seen is what the caller looked at: where another stands
// there by now, nothing is done and the error is ErrMoved. uid and gid may be -1.
func (d *Dir) SetFolder(name string, seen Info, uid, gid int, mode fs.FileMode) error {
	fd, err := unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOTDIR || err == unix.ELOOP || err == unix.ENOENT {
		return fmt.Errorf("%q: %w", path.Join(d.path, name), ErrMoved)
	}
	if err != nil {
		return d.explain("open the folder", name, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return d.explain("look at", name, err)
	}
	now := infoOf(&st)
	if now.Ino != seen.Ino || now.Dev != seen.Dev {
		return fmt.Errorf("%q: %w", path.Join(d.path, name), ErrMoved)
	}
	return d.setFD(fd, name, now, uid, gid, mode)
}

// setFD sets owner, then mode, as a change of owner clears setuid, and makes both last unless the folder is Lazy.
func (d *Dir) setFD(fd int, name string, now Info, uid, gid int, mode fs.FileMode) error {
	if uid >= 0 && uid != now.UID || gid >= 0 && gid != now.GID {
		if err := unix.Fchown(fd, uid, gid); err != nil {
			return d.explain(fmt.Sprintf("give to uid %d, gid %d", uid, gid), name, err)
		}
	}
	if err := unix.Fchmod(fd, sysMode(mode)); err != nil {
		return d.explain("set the mode of", name, err)
	}
	if d.Lazy {
		return nil
	}
	if err := unix.Fsync(fd); err != nil {
		return d.explain("sync", name, err)
	}
	return nil
}

// SetLinkOwner gives the symbolic link name to somebody else, as SetFolder does.
func (d *Dir) SetLinkOwner(name string, seen Info, uid, gid int) error {
	fd, err := unix.Openat(d.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return fmt.Errorf("%q: %w", path.Join(d.path, name), ErrMoved)
	}
	if err != nil {
		return d.explain("look at", name, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return d.explain("look at", name, err)
	}
	if now := infoOf(&st); now.Ino != seen.Ino || now.Dev != seen.Dev || now.Mode.Type() != fs.ModeSymlink {
		return fmt.Errorf("%q: %w", path.Join(d.path, name), ErrMoved)
	}
	if err := unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return d.explain(fmt.Sprintf("give to uid %d, gid %d", uid, gid), name, err)
	}
	return nil
}
