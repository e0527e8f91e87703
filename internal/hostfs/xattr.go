package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Label is the extended attribute that holds the SELinux label.
const Label = "security.selinux"

// HasSELinux reports whether the host below root has a kernel with SELinux switched on.
func HasSELinux(root string) bool {
	_, err := os.Stat(filepath.Join(root, "/sys/fs/selinux/enforce"))
	return err == nil
}

// Xattr reads an extended attribute of what stands under name, "." for the folder itself; ok is false where there is none.
func (d *Dir) Xattr(name, attr string) (value []byte, ok bool, err error) {
	err = d.at(name, func(_ Info, self string) error {
		buf := make([]byte, maxXattr)
		n, err := unix.Getxattr(self, attr, buf)
		if err == nil {
			value, ok = buf[:n], true
		}
		return withoutXattr(err)
	})
	if err != nil {
		return nil, false, d.explain("read the attribute "+attr+" of", name, err)
	}
	return value, ok, nil
}

// SetXattr sets an extended attribute in place; a nil value takes it off. seen is what the caller looked at: where something else stands
// there by now the error is ErrMoved.
func (d *Dir) SetXattr(name string, seen Info, attr string, value []byte) error {
	err := d.at(name, func(now Info, self string) error {
		if now.Ino != seen.Ino || now.Dev != seen.Dev {
			return ErrMoved
		}
		if value != nil {
			return unix.Setxattr(self, attr, value, 0)
		}
		return withoutXattr(unix.Removexattr(self, attr))
	})
	if errors.Is(err, ErrMoved) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%q: %w", path.Join(d.path, name), ErrMoved)
	}
	if err != nil {
		return d.explain("set the attribute "+attr+" of", name, err)
	}
	return nil
}

// SetXattr is that of Dir for a draft, after Attributes.
func (w *Draft) SetXattr(attr string, value []byte) error {
	fd := int(w.f.Fd())
	var err error
	if value != nil {
		err = unix.Fsetxattr(fd, attr, value, 0)
	} else {
		err = withoutXattr(unix.Fremovexattr(fd, attr))
	}
	if err != nil {
		return w.dir.explain("set the attribute "+attr+" of", w.name, err)
	}
	return nil
}

// withoutXattr takes it for no error that there is none.
func withoutXattr(err error) error {
	if err == unix.ENODATA || err == unix.ENOTSUP {
		return nil
	}
	return err
}

// at opens what stands under a name, whatever it is, as a path only, and hands over how it is reached: O_PATH has no other way to attributes.
func (d *Dir) at(name string, do func(now Info, self string) error) error {
	fd, err := unix.Openat(d.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	return do(infoOf(&st), fmt.Sprintf("/proc/self/fd/%d", fd))
}
