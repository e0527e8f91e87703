package file

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// host opens paths below a root; no link leads out of it. Below "/" the kernel's ordinary look-up does.
type host struct {
	root string
	fd   int // of the root; -1: it is "/"
}

func openHost(root string) (*host, error) {
	if root == "" || root == "/" {
		return &host{root: "/", fd: -1}, nil
	}
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("root %q: %w", root, err)
	}
	return &host{root: root, fd: fd}, nil
}

func (h *host) close() {
	if h.fd >= 0 {
		unix.Close(h.fd)
	}
}

// maxTries bounds the repetitions of a look-up that a rename or a signal disturbs.
const maxTries = 8

func (h *host) openFD(path string, flags int) (fd int, err error) {
	for range maxTries {
		if h.fd < 0 {
			fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0)
		} else {
			fd, err = unix.Openat2(h.fd, "."+path, &unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT})
		}
		if err != unix.EINTR && err != unix.EAGAIN {
			break
		}
	}
	return fd, err
}

// open opens a file without ever waiting: flags should hold O_NONBLOCK where it may be no regular file.
func (h *host) open(path string, flags int) (*os.File, error) {
	fd, err := h.openFD(path, flags)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// stat is lstat(2), or with follow stat(2).
func (h *host) stat(path string, follow bool) (st unix.Stat_t, err error) {
	switch {
	case h.fd < 0 && follow:
		err = ignoringEINTR(func() error { return unix.Stat(path, &st) })
		return st, err
	case h.fd < 0:
		err = ignoringEINTR(func() error { return unix.Lstat(path, &st) })
		return st, err
	}
	flags := unix.O_PATH
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := h.openFD(path, flags)
	if err != nil {
		return st, err
	}
	defer unix.Close(fd)
	err = ignoringEINTR(func() error { return unix.Fstat(fd, &st) })
	return st, err
}

func ignoringEINTR(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

func (h *host) readlink(path string) (string, error) {
	fd, err := h.openFD(path, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// readChunk is how many entries of a folder are read at a time.
const readChunk = 1024

// entries calls f for each name in a folder, until f returns false.
func (h *host) entries(path string, f func(name string) bool) error {
	d, err := h.open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(readChunk)
		for _, name := range names {
			if !f(name) {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// notThere reports whether an error means that no file has that name.
func notThere(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENAMETOOLONG)
}
