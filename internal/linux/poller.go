package linux

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// poller waits for urgent news (POLLPRI) on files of /proc, which the runtime's own poller cannot.
type poller struct {
	fds  []int
	wake int // an eventfd that ends wait
	mu   sync.Mutex
	open bool
}

func newPoller() (*poller, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &poller{wake: wake, open: true}, nil
}

// Close lets go of the kernel. It must not be called while somebody waits.
func (p *poller) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.open {
		return nil
	}
	p.open = false
	err := unix.Close(p.wake)
	for _, fd := range p.fds {
		err = errors.Join(err, unix.Close(fd))
	}
	return err
}

// wait gives what the kernel says of one of the files; 0 when ctx has ended.
func (p *poller) wait(ctx context.Context) (revents int16, err error) {
	stop := context.AfterFunc(ctx, p.interrupt)
	defer stop()
	list := make([]unix.PollFd, 0, len(p.fds)+1)
	for _, fd := range p.fds {
		list = append(list, unix.PollFd{Fd: int32(fd), Events: unix.POLLPRI})
	}
	list = append(list, unix.PollFd{Fd: int32(p.wake), Events: unix.POLLIN})
	for {
		_, err := unix.Poll(list, -1)
		switch {
		case ctx.Err() != nil:
			return 0, nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("poll: %w", err)
		}
		for _, f := range list[:len(p.fds)] {
			if f.Revents != 0 {
				return f.Revents, nil
			}
		}
	}
}

func (p *poller) interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open {
		_, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // it can only be full, and then wait ends as well
	}
}

// openProc opens a file of the kernel's own /proc; ErrAbsent says that there is none, or that it is a copy.
func openProc(path string, flags int) (int, error) {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", path, absent(err))
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil || st.Type != unix.PROC_SUPER_MAGIC {
		return -1, errors.Join(ErrAbsent, unix.Close(fd))
	}
	return fd, nil
}

// MountEvents wait for a change of what is mounted: the kernel tells those who poll mountinfo (proc_pid_mounts(5)).
type MountEvents struct{ *poller }

// OpenMountEvents opens it.
func OpenMountEvents(root string) (*MountEvents, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	fd, err := openProc(filepath.Join(root, "proc/self/mountinfo"), unix.O_RDONLY)
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	p.fds = []int{fd}
	return &MountEvents{p}, nil
}

// Wait returns true when something was mounted, unmounted or remounted since the last time, and false when ctx has ended.
func (e *MountEvents) Wait(ctx context.Context) (bool, error) {
	revents, err := e.wait(ctx)
	return revents != 0, err
}
