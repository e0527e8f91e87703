package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	tapFolderMode = 0o750 // who may follow the tap is up to the folder's group
	tapSocketMode = 0o660
	maxSocketPath = 107 // bytes, unix(7)
)

// ListenTap opens the socket of a tap at ipc:///absolute/path. The folder is made with mode 0750; one that lets others in is
// refused. A socket that nobody listens on any more is removed; one that is in use is refused.
func ListenTap(addr string) (net.Listener, error) {
	ln, err := listenTap(addr)
	if err != nil {
		return nil, fmt.Errorf("bus: tap %q: %w", addr, err)
	}
	return ln, nil
}

func listenTap(addr string) (net.Listener, error) {
	path, ok := strings.CutPrefix(addr, "ipc://")
	switch {
	case !ok || !filepath.IsAbs(path):
		return nil, errors.New("want ipc:///absolute/path")
	case len(path) > maxSocketPath:
		return nil, fmt.Errorf("the path has %d bytes, a socket's may have %d", len(path), maxSocketPath)
	}
	path = filepath.Clean(path)
	if err := tapFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock, err := lockTap(path + ".lock")
	if err != nil {
		return nil, err
	}
	ln, err := bindTap(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &tapListener{Listener: ln, lock: lock}, nil
}

func tapFolder(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	err := os.Mkdir(dir, tapFolderMode)
	if err == nil {
		return os.Chmod(dir, tapFolderMode) // whatever the umask says
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%q is no folder", dir)
	case info.Mode().Perm()&^tapFolderMode != 0:
		return fmt.Errorf("the folder %q has mode %04o, which lets others in: give the tap a folder of its own with mode %04o",
			dir, info.Mode().Perm(), tapFolderMode)
	}
	return nil
}

// lockTap keeps two processes from taking the socket for stale at the same moment. The kernel releases it with the process.
func lockTap(path string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("in use by another process (lock %q): %w", path, err)
	}
	return lock, nil
}

func bindTap(path string) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, tapSocketMode); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
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
		return fmt.Errorf("%q is there and is no socket", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%q is in use by another process", path)
	}
	return os.Remove(path)
}

// tapListener keeps the lock as long as the socket; closing it removes the socket.
type tapListener struct {
	net.Listener
	lock *os.File
	once sync.Once
}

func (l *tapListener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		err = l.Listener.Close()
		l.lock.Close()
	})
	return err
}
