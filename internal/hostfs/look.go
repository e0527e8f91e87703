package hostfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Info is what stands under a name, the name itself not followed when it is a link.
type Info struct {
	Mode     fs.FileMode // type and permission bits
	UID, GID int
	Size     int64 // bytes
	Links    uint64
	Dev, Ino uint64
	MTime    int64  // Unix nanoseconds
	SHA256   string // hex, of a regular file, where the caller asked for it
	Target   string // of a symbolic link
}

// IsRegular reports whether it is an ordinary file.
func (i Info) IsRegular() bool { return i.Mode.IsRegular() }

// Kind names the type for people.
func (i Info) Kind() string {
	switch i.Mode.Type() {
	case 0:
		return "file"
	case fs.ModeDir:
		return "directory"
	case fs.ModeSymlink:
		return "symlink"
	case fs.ModeNamedPipe:
		return "named pipe"
	case fs.ModeSocket:
		return "socket"
	case fs.ModeDevice:
		return "block device"
	case fs.ModeDevice | fs.ModeCharDevice:
		return "character device"
	}
	return "file of unknown type"
}

// Same reports whether two looks saw the very same thing: identity, type, attributes, content.
func (i Info) Same(j Info) bool {
	return i.Mode == j.Mode && i.UID == j.UID && i.GID == j.GID && i.Size == j.Size && i.Dev == j.Dev && i.Ino == j.Ino &&
		i.SHA256 == j.SHA256 && i.Target == j.Target
}

// ErrChanging is returned when a file is replaced by another type again and again while it is looked at.
var ErrChanging = errors.New("it changes while it is looked at")

// Look says what stands under name, and with hash what it holds, read in pieces of 64 KiB. Where there is nothing, the
// error is fs.ErrNotExist.
func (d *Dir) Look(ctx context.Context, name string, hash bool) (Info, error) {
	for range 3 {
		var st unix.Stat_t
		if err := unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return Info{}, d.explain("look at", name, err)
		}
		i := infoOf(&st)
		switch {
		case i.Mode.Type() == fs.ModeSymlink:
			buf := make([]byte, maxPath)
			n, err := unix.Readlinkat(d.fd, name, buf)
			if err != nil {
				continue // it is no link any more
			}
			i.Target = string(buf[:n])
			return i, nil
		case !i.IsRegular() || !hash:
			return i, nil
		}
		f, i, err := d.Open(name)
		if errors.Is(err, errNotRegular) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Info{}, err
		}
		i.SHA256, err = Hash(ctx, f)
		f.Close()
		if err != nil {
			return Info{}, fmt.Errorf("read %q: %w", path.Join(d.path, name), err)
		}
		return i, nil
	}
	return Info{}, fmt.Errorf("%q: %w", path.Join(d.path, name), ErrChanging)
}

var errNotRegular = errors.New("not a regular file")

// Open opens a regular file for reading. Nothing else is opened, as opening a device or a pipe may already do something.
func (d *Dir) Open(name string) (*os.File, Info, error) {
	fd, err := unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err == unix.ELOOP || err == unix.ENXIO {
		return nil, Info{}, errNotRegular
	}
	if err != nil {
		return nil, Info{}, d.explain("open", name, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, Info{}, d.explain("look at", name, err)
	}
	i := infoOf(&st)
	if !i.IsRegular() {
		unix.Close(fd)
		return nil, Info{}, errNotRegular
	}
	return os.NewFile(uintptr(fd), path.Join(d.path, name)), i, nil
}

// Hash reads r to its end, or until ctx ends, and returns the SHA-256 in hex.
func Hash(ctx context.Context, r io.Reader) (string, error) {
	h := sha256.New()
	_, err := Copy(ctx, h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}

// Pieces of Copy, in bytes: most files are small, and what is allocated for them keeps the garbage collector busy.
const (
	firstPiece = 4 << 10
	piece      = 64 << 10
)

// Copy is io.Copy in pieces of 64 KiB, ended by ctx between two of them.
func Copy(ctx context.Context, w io.Writer, r io.Reader) (n int64, err error) {
	buf := make([]byte, firstPiece)
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		k, err := r.Read(buf)
		if k > 0 {
			m, err := w.Write(buf[:k])
			n += int64(m)
			if err != nil {
				return n, err
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if n >= firstPiece && len(buf) < piece {
			buf = make([]byte, piece)
		}
	}
}

func infoOf(st *unix.Stat_t) Info {
	return Info{Mode: fileMode(st.Mode), UID: int(st.Uid), GID: int(st.Gid), Size: st.Size, Links: uint64(st.Nlink),
		Dev: uint64(st.Dev), Ino: st.Ino, MTime: st.Mtim.Nano()}
}

// fileMode and sysMode translate between the kernel's mode and Go's.
func fileMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & unix.S_IFMT {
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	}
	return mode | special(m)
}

func special(m uint32) (mode fs.FileMode) {
	if m&unix.S_ISUID != 0 {
		mode |= fs.ModeSetuid
	}
	if m&unix.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	if m&unix.S_ISVTX != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}

func sysMode(mode fs.FileMode) uint32 {
	m := uint32(mode.Perm())
	if mode&fs.ModeSetuid != 0 {
		m |= unix.S_ISUID
	}
	if mode&fs.ModeSetgid != 0 {
		m |= unix.S_ISGID
	}
	if mode&fs.ModeSticky != 0 {
		m |= unix.S_ISVTX
	}
	return m
}

// Perm makes the permission bits out of an octal number such as 04755.
func Perm(octal uint32) fs.FileMode { return fs.FileMode(octal&0o777) | special(octal) }

// Octal is the opposite of Perm, as text with a leading zero.
func Octal(mode fs.FileMode) string { return fmt.Sprintf("%04o", sysMode(mode)) }

// Read is the content of the regular file name, of which more than most bytes are an error.
func (d *Dir) Read(ctx context.Context, name string, most int64) ([]byte, error) {
	f, i, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if i.Size > most {
		return nil, fmt.Errorf("%q has %d bytes; at most %d", path.Join(d.path, name), i.Size, most)
	}
	var b bytes.Buffer
	if _, err := Copy(ctx, &b, io.LimitReader(f, most+1)); err != nil {
		return nil, fmt.Errorf("read %q: %w", path.Join(d.path, name), err)
	}
	if int64(b.Len()) > most {
		return nil, fmt.Errorf("%q has grown past %d bytes", path.Join(d.path, name), most)
	}
	return b.Bytes(), nil
}
