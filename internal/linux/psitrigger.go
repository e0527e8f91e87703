package linux

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// PressureTrigger waits for the kernel to say that a resource was short: no polling (Linux 5.2, Documentation/accounting/psi.rst).
type PressureTrigger struct{ *poller }

// Stall is what to be woken for: more than Stalled of Window was lost, by somebody ("some") or by everybody ("full").
type Stall struct {
	Resource string // cpu, memory, io
	Kind     string // some, full
	Stalled  time.Duration
	Window   time.Duration // 500ms to 10s; without CAP_SYS_RESOURCE a multiple of 2s
}

// OpenPressureTrigger arms the kernel. ErrAbsent says that it has no pressure information, or that these files are a copy.
func OpenPressureTrigger(root string, stalls []Stall) (*PressureTrigger, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	t := &PressureTrigger{p}
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
	fd, err := openProc(path, unix.O_RDWR|unix.O_NONBLOCK)
	if err != nil {
		return -1, err
	}
	line := fmt.Sprintf("%s %d %d\x00", s.Kind, s.Stalled.Microseconds(), s.Window.Microseconds())
	if _, err := unix.Write(fd, []byte(line)); err != nil {
		return -1, errors.Join(fmt.Errorf("%s: %q: %w", path, line[:len(line)-1], err), unix.Close(fd))
	}
	return fd, nil
}

// Wait returns true when one of the stalls has happened, and false when ctx has ended.
func (t *PressureTrigger) Wait(ctx context.Context) (bool, error) {
	revents, err := t.wait(ctx)
	if revents&unix.POLLERR != 0 {
		return false, errors.New("the kernel has taken the trigger away")
	}
	return revents&unix.POLLPRI != 0, err
}
