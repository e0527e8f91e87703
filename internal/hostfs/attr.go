package hostfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// maxXattr bounds the list of names and each value of a file's extended attributes, in bytes: the kernel's own limit.
const maxXattr = 64 << 10

// acl is the attribute that holds a POSIX ACL.
const acl = "system.posix_acl_access"

// keptXattr says which attributes go with the name of a file over to its next content. Capabilities do not: the
// kernel drops them on a write, too.
func keptXattr(name string) bool {
	return name == acl || name == "security.selinux" || strings.HasPrefix(name, "user.")
}

// copyXattrs gives to what from has, as far as this process may: a file system or a container without them is no
// reason to leave a file wrong. An ACL that to inherited from its folder, and from does not have, is taken off.
func copyXattrs(from, to int) { setXattrs(to, xattrs(from)) }

// xattrs are the attributes of a file that go with its name; none where they cannot be read.
func xattrs(fd int) map[string][]byte {
	if n, err := unix.Flistxattr(fd, nil); err != nil || n == 0 {
		return nil
	}
	names := make([]byte, maxXattr)
	n, err := unix.Flistxattr(fd, names)
	if err != nil {
		return nil
	}
	var all map[string][]byte
	value := []byte(nil)
	for _, name := range strings.Split(string(names[:n]), "\x00") {
		if !keptXattr(name) {
			continue
		}
		if value == nil {
			value = make([]byte, maxXattr)
		}
		k, err := unix.Fgetxattr(fd, name, value)
		if err != nil {
			continue
		}
		if all == nil {
			all = map[string][]byte{}
		}
		all[name] = bytes.Clone(value[:k])
	}
	return all
}

func setXattrs(fd int, all map[string][]byte) {
	for name, value := range all {
		if keptXattr(name) {
			_ = unix.Fsetxattr(fd, name, value, 0)
		}
	}
	if _, ok := all[acl]; !ok {
		_ = unix.Fremovexattr(fd, acl)
	}
}

// Xattrs are the extended attributes that go with the name of a file over to its next content: user.*, the ACL, the SELinux label.
func Xattrs(f *os.File) map[string][]byte { return xattrs(int(f.Fd())) }

// SetAttributes changes owner and mode of the regular file name in place, and makes it last. seen is what the caller
// looked at: where another file stands there by now, or one with further names, nothing is done and the error is ErrMoved. uid and gid may be -1.
func (d *Dir) SetAttributes(name string, seen Info, uid, gid int, mode fs.FileMode) error {
	f, now, err := d.Open(name)
	if errors.Is(err, errNotRegular) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%q: %w", path.Join(d.path, name), ErrMoved)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if now.Ino != seen.Ino || now.Dev != seen.Dev || now.Links != 1 {
		return fmt.Errorf("%q: %w", path.Join(d.path, name), ErrMoved)
	}
	return d.setFD(int(f.Fd()), name, now, uid, gid, mode)
}

// ErrMoved is returned when another file stands under a name than the one that was looked at.
var ErrMoved = errors.New("it was replaced by another file meanwhile")

// explain turns what the kernel says about a name in the folder into what an operator can act on.
func (d *Dir) explain(what, name string, err error) error {
	p := path.Join(d.path, name)
	switch {
	case errors.Is(err, unix.EPERM):
		if why := d.guarded(name); why != "" {
			return fmt.Errorf("%s %q: %s: %w", what, p, why, err)
		}
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%s %q: the file system is mounted read-only: %w", what, p, err)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%s %q: the disk or the quota is full: %w", what, p, err)
	}
	return fmt.Errorf("%s %q: %w", what, p, err)
}

// guarded names the flag that forbids a change, on the file or on its folder.
func (d *Dir) guarded(name string) string {
	for _, at := range []struct {
		name, what string
		flags      int
	}{{name, "the file", unix.AT_SYMLINK_NOFOLLOW}, {"", "its folder", unix.AT_EMPTY_PATH}} {
		var st unix.Statx_t
		if unix.Statx(d.fd, at.name, at.flags, 0, &st) != nil {
			continue
		}
		switch {
		case st.Attributes&unix.STATX_ATTR_IMMUTABLE != 0:
			return at.what + " is immutable (chattr -i takes that off)"
		case st.Attributes&unix.STATX_ATTR_APPEND != 0:
			return at.what + " may only be appended to (chattr -a takes that off)"
		}
	}
	return ""
}
