// Package hostfs touches a host's files the way states must: every path resolves below a root, links on the way
// count only when somebody trusted made them, and a file is replaced as a whole, surviving a power loss, with a look at what was
// pushed aside. It owns these mechanics alone: it must never know what a state, a job or a beacon is.
package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxPath  = 4096 // bytes of a path, as PATH_MAX
	maxName  = 255  // bytes of one component, as NAME_MAX
	maxDepth = 256  // components; bounds the descriptors that one resolution holds
	maxLinks = 40   // symbolic links on one way, as the kernel's own limit
)

// ErrUntrustedLink is returned when a path leads through a symbolic link that belongs neither to root nor to the user
// this process runs as: whoever owns it could send a write anywhere.
var ErrUntrustedLink = errors.New("symbolic link of an untrusted owner on the way")

// Dir is an open folder below a root. What is done through it stays in that folder, whatever becomes of its name.
type Dir struct {
	fd   int
	path string // as the caller named it, for messages

	// Lazy leaves out the sync of attributes set in place, for whoever sets very many: a power loss may bring back old ones.
	Lazy bool
}

// Made is how folders on the way are made that are missing.
type Made struct {
	Mode     fs.FileMode // permission bits, whatever the umask
	UID, GID int         // -1: as whoever this process runs as
}

// defaultMade is 0755 for whoever this process runs as.
var defaultMade = Made{Mode: 0o755, UID: -1, GID: -1}

// Close releases the folder.
func (d *Dir) Close() error { return unix.Close(d.fd) }

// CheckPath says what is wrong with the name of a file: it must be absolute, with neither ".." nor an empty or overlong component.
func CheckPath(p string) error {
	switch {
	case p == "":
		return errors.New("the path is empty")
	case p[0] != '/':
		return fmt.Errorf("the path %q is not absolute", p)
	case len(p) > maxPath:
		return fmt.Errorf("the path %.40q... has %d bytes; at most %d", p, len(p), maxPath)
	case strings.IndexByte(p, 0) >= 0:
		return fmt.Errorf("the path %q holds a zero byte", p)
	case p == "/" || path.Clean(p) != p:
		return fmt.Errorf("the path %q must name a file in its shortest form, such as %q", p, path.Join("/", path.Clean(p), "file"))
	}
	for _, c := range strings.Split(p, "/") {
		if len(c) > maxName {
			return fmt.Errorf("the path %.40q... has a component of %d bytes; at most %d", p, len(c), maxName)
		}
	}
	return nil
}

// Parent opens the folder that holds the file p, below root, and returns it with the file's own name. With makedirs,
// folders that are missing are made with mode 0755 and synced. The errors are fs.ErrNotExist where a folder is missing,
// and ErrUntrustedLink.
func Parent(root, p string, makedirs bool) (*Dir, string, error) {
	if makedirs {
		return ParentMade(root, p, &defaultMade)
	}
	return ParentMade(root, p, nil)
}

// ParentMade is Parent, with missing folders made as said; nil makes none.
func ParentMade(root, p string, made *Made) (*Dir, string, error) {
	if err := CheckPath(p); err != nil {
		return nil, "", err
	}
	dir, name := path.Split(p)
	rootFD, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, "", fmt.Errorf("root %q: %w", root, err)
	}
	fd, err := resolve(rootFD, dir, made)
	if err != nil {
		return nil, "", fmt.Errorf("folder %q: %w", path.Clean(dir), err)
	}
	return &Dir{fd: fd, path: path.Clean(dir)}, name, nil
}

// resolve opens a folder below root and closes root. The common way holds no link, and is one system call; any other is
// walked, so that each link's owner can be looked at.
func resolve(root int, dir string, made *Made) (int, error) {
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	fd, err := unix.Openat2(root, dir, &how)
	switch {
	case err == nil:
		unix.Close(root)
		return fd, nil
	case err == unix.ENOENT && made == nil, err == unix.ENOTDIR, err == unix.EACCES:
		unix.Close(root)
		return -1, err
	}
	w := walk{stack: []int{root}, made: made} // a link, a missing folder to make, or a kernel before 5.6
	defer w.close()
	return w.to(dir)
}

// walk resolves one component after the other. The stack holds the folders passed, the root first, so that ".." in a
// link's target never leads out.
type walk struct {
	stack []int
	links int
	made  *Made
}

func (w *walk) close() { w.cut(0) }

func (w *walk) cut(n int) {
	for _, fd := range w.stack[n:] {
		unix.Close(fd)
	}
	w.stack = w.stack[:n]
}

func (w *walk) to(dir string) (int, error) {
	todo := strings.Split(dir, "/")
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			w.cut(max(len(w.stack)-1, 1))
			continue
		}
		target, err := w.step(name)
		if err != nil {
			return -1, err
		}
		if target == "" {
			continue
		}
		if target[0] == '/' {
			w.cut(1)
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	top := len(w.stack) - 1
	if top == 0 { // the root itself: close() owns it
		return unix.FcntlInt(uintptr(w.stack[0]), unix.F_DUPFD_CLOEXEC, 0)
	}
	fd := w.stack[top]
	w.stack = w.stack[:top]
	return fd, nil
}

// step enters a folder, or returns where a link leads.
func (w *walk) step(name string) (target string, err error) {
	if len(w.stack) > maxDepth {
		return "", fmt.Errorf("more than %d folders deep", maxDepth)
	}
	top := w.stack[len(w.stack)-1]
	fd, err := unix.Openat(top, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT && w.made != nil {
		fd, err = makeDir(top, name, *w.made)
	}
	if err != nil {
		return "", err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return "", err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		w.stack = append(w.stack, fd)
		return "", nil
	case unix.S_IFLNK:
		defer unix.Close(fd)
		return w.follow(fd, name, st)
	}
	unix.Close(fd)
	return "", unix.ENOTDIR
}

func (w *walk) follow(fd int, name string, st unix.Stat_t) (string, error) {
	if w.links++; w.links > maxLinks {
		return "", unix.ELOOP
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return "", fmt.Errorf("%q belongs to uid %d: %w", name, st.Uid, ErrUntrustedLink)
	}
	buf := make([]byte, maxPath)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", err
	}
	if n == 0 {
		return "", unix.ENOENT
	}
	return string(buf[:n]), nil
}

// makeDir makes one folder, syncs the one that holds it, and opens it. Nobody else can enter it before it is as wanted.
func makeDir(parent int, name string, made Made) (int, error) {
	err := unix.Mkdirat(parent, name, 0o700)
	if err != nil && err != unix.EEXIST {
		return -1, err
	}
	fd, err2 := unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err2 != nil || err == unix.EEXIST {
		return fd, err2
	}
	if err := own(fd, made); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, syncDir(parent)
}

func own(fd int, made Made) error {
	if made.UID >= 0 || made.GID >= 0 {
		if err := unix.Fchown(fd, made.UID, made.GID); err != nil {
			return err
		}
	}
	return unix.Fchmod(fd, sysMode(made.Mode))
}
