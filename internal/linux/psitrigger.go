package linux

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// PressureTrigger waits for the kernel to say that a resource was short: no polling (Linux 5.2, Documentation/accounting/psi.rst).
type PressureTrigger struct {
	fds  []int
	wake int // an eventfd that ends Wait
	mu   sync.Mutex
	open bool
}

// Stall is what to be woken for: more than Stalled of Window was lost, by somebody ("some") or by everybody ("full").
type Stall struct {
	Resource string // cpu, memory, io
	Kind     string // some, full
	Stalled  time.Duration
	Window   time.Duration // 500ms to 10s; without CAP_SYS_RESOURCE a multiple of 2s
}

// OpenPressureTrigger arms the kernel. ErrAbsent says that it has no pressure information, or that these files are a copy.
func OpenPressureTrigger(root string, stalls []Stall) (*PressureTrigger, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	t := &PressureTrigger{wake: wake, open: true}
	for _, s := range stalls {
		fd, err := armPressure(filepath.Join(root, "proc/pressure", s.Resource), s)
		if err != nil {
			return nil, errors.Join(err, t.Close())
		}
		t.fds = append(t.fds, fd)
	}
	return t, nil
}

func armPressure(path string, s Stall) (int, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", path, absent(err))
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil || st.Type != unix.PROC_SUPER_MAGIC {
		return -1, errors.Join(ErrAbsent, unix.Close(fd))
	}
	line := fmt.Sprintf("%s %d %d\x00", s.Kind, s.Stalled.Microseconds(), s.Window.Microseconds())
	if _, err := unix.Write(fd, []byte(line)); err != nil {
		return -1, errors.Join(fmt.Errorf("%s: %q: %w", path, line[:len(line)-1], err), unix.Close(fd))
	}
	return fd, nil
}

// Close lets go of the kernel.
func (t *PressureTrigger) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.open {
		return nil
	}
	t.open = false
	err := unix.Close(t.wake)
	for _, fd := range t.fds {
		err = errors.Join(err, unix.Close(fd))
	}
	return err
}

// Wait returns true when one of the stalls has happened, and false when ctx has ended.
func (t *PressureTrigger) Wait(ctx context.Context) (bool, error) {
	stop := context.AfterFunc(ctx, t.interrupt)
	defer stop()
	list := make([]unix.PollFd, 0, len(t.fds)+1)
	for _, fd := range t.fds {
		list = append(list, unix.PollFd{Fd: int32(fd), Events: unix.POLLPRI})
	}
	list = append(list, unix.PollFd{Fd: int32(t.wake), Events: unix.POLLIN})
	for {
		_, err := unix.Poll(list, -1)
		switch {
		case ctx.Err() != nil:
			return false, nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return false, fmt.Errorf("poll: %w", err)
		}
		for _, p := range list[:len(t.fds)] {
			if p.Revents&unix.POLLERR != 0 {
				return false, errors.New("the kernel has taken the trigger away")
			}
			if p.Revents&unix.POLLPRI != 0 {
				return true, nil
			}
		}
	}
}

func (t *PressureTrigger) interrupt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open {
		_, _ = unix.Write(t.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // it can only be full, and then Wait ends as well
	}
}
