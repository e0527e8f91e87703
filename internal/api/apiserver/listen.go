package apiserver

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	folderMode    = 0o750 // who may use the socket is up to its group
	socketMode    = 0o660
	maxSocketPath = 107 // bytes, unix(7)
)

// Listen opens a daemon's socket. The folder is made with mode 0750 if there is none; the socket has mode 0660 and the folder's group.
// A socket that nobody listens on any more is removed; one that is in use is refused.
func Listen(path string) (net.Listener, error) {
	l, err := listen(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	return l, nil
}

func listen(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("the path has %d bytes, a socket's may have %d", len(path), maxSocketPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := bind(path)
	if err != nil {
		return nil, err
	}
	shareWithFolder(path)
	return l, nil
}

// bind makes the socket in a folder that nobody else can enter, so that it is never there with another mode.
func bind(path string) (net.Listener, error) {
	hidden, err := os.MkdirTemp(filepath.Dir(path), ".b")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(hidden)
	l, err := net.Listen("unix", filepath.Join(hidden, "s"))
	if err != nil {
		return nil, err
	}
	u := l.(*net.UnixListener)
	u.SetUnlinkOnClose(false) // it would unlink the name below hidden
	err = os.Chmod(filepath.Join(hidden, "s"), socketMode)
	if err == nil {
		err = os.Rename(filepath.Join(hidden, "s"), path)
	}
	if err != nil {
		u.Close()
		return nil, err
	}
	return &listener{UnixListener: u, path: path}, nil
}

// shareWithFolder gives the socket the group of its folder, so that `chgrp` on the folder says who may use Brine. A daemon that
// is not root may only be able to give it a group of its own; then the socket keeps the group it has.
func shareWithFolder(path string) {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Gid) != os.Getegid() {
		_ = os.Lchown(path, -1, int(st.Gid))
	}
}

// removeStale removes a socket that refuses connections, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("something else than a socket is there: remove it, or set another path")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return errors.New("another daemon is using it: stop that one, or set another path")
	}
	return os.Remove(path)
}

// listener removes its socket when it is closed.
type listener struct {
	*net.UnixListener
	path string
}

func (l *listener) Close() error {
	err := l.UnixListener.Close()
	if err == nil {
		_ = os.Remove(l.path)
	}
	return err
}
