package linux

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Of include/uapi/linux/timex.h.
const (
	staUnsync = 0x0040 // nobody keeps the clock
	staNano   = 0x2000 // Offset counts nanoseconds
)

// Clock is what the kernel knows of how right the wall clock is (adjtimex(2)).
type Clock struct {
	Synchronised bool
	Offset       time.Duration // that is still to be made good; positive: the clock is slow
	Estimated    time.Duration // the error, as the time service estimates it
	Most         time.Duration // the error at worst; it grows until the clock is compared again
}

// ReadClock changes nothing. ErrAbsent says that this process may not ask.
func ReadClock() (Clock, error) {
	var x unix.Timex
	_, err := unix.Adjtimex(&x)
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS):
		return Clock{}, errors.Join(ErrAbsent, fmt.Errorf("adjtimex: %w", err))
	case err != nil:
		return Clock{}, fmt.Errorf("adjtimex: %w", err)
	}
	return clockOf(x), nil
}

func clockOf(x unix.Timex) Clock {
	unit := time.Microsecond
	if x.Status&staNano != 0 {
		unit = time.Nanosecond
	}
	return Clock{Synchronised: x.Status&staUnsync == 0, Offset: time.Duration(x.Offset) * unit,
		Estimated: time.Duration(x.Esterror) * time.Microsecond, Most: time.Duration(x.Maxerror) * time.Microsecond}
}

// WallSinceBoot is the wall clock less the time since boot, that of suspensions too: only when the clock is set does it change.
func WallSinceBoot() (time.Duration, error) {
	var best, width time.Duration
	for i := range 3 { // the attempt that was interrupted the least counts
		var list [3]time.Duration
		for j, id := range [3]int32{unix.CLOCK_BOOTTIME, unix.CLOCK_REALTIME, unix.CLOCK_BOOTTIME} {
			var ts unix.Timespec
			if err := unix.ClockGettime(id, &ts); err != nil {
				return 0, fmt.Errorf("clock_gettime: %w", err)
			}
			list[j] = time.Duration(ts.Nano())
		}
		if w := list[2] - list[0]; i == 0 || w < width {
			best, width = list[1]-list[0]-w/2, w
		}
	}
	return best, nil
}

// ClockSet waits for the kernel to say that the wall clock was set: no polling (Linux 3.0, timerfd_create(2)).
type ClockSet struct {
	timer, wake int // wake is an eventfd that ends Wait
	mu          sync.Mutex
	open        bool
}

// never is further away than any minion runs; the timer is wound up again when it is over.
const never = 365 * 24 * time.Hour

// OpenClockSet arms the kernel.
func OpenClockSet() (*ClockSet, error) {
	timer, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("timerfd_create: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("eventfd: %w", err), unix.Close(timer))
	}
	c := &ClockSet{timer: timer, wake: wake, open: true}
	if err := c.arm(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// arm winds the timer up. ECANCELED says that the clock was set meanwhile; the timer runs all the same.
func (c *ClockSet) arm() error {
	at := unix.ItimerSpec{Value: unix.NsecToTimespec(time.Now().Add(never).UnixNano())}
	err := unix.TimerfdSettime(c.timer, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &at, nil)
	if err != nil && !errors.Is(err, unix.ECANCELED) {
		return fmt.Errorf("timerfd_settime: %w", err)
	}
	return nil
}

// Close lets go of the kernel.
func (c *ClockSet) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open {
		return nil
	}
	c.open = false
	return errors.Join(unix.Close(c.timer), unix.Close(c.wake))
}

// Wait returns true when the clock may have been set: it also does after a suspension. It returns false when ctx has ended.
func (c *ClockSet) Wait(ctx context.Context) (bool, error) {
	stop := context.AfterFunc(ctx, c.interrupt)
	defer stop()
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(c.timer), Events: unix.POLLIN}, {Fd: int32(c.wake), Events: unix.POLLIN}}, -1)
		switch {
		case ctx.Err() != nil:
			return false, nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return false, fmt.Errorf("poll: %w", err)
		}
		var ticks [8]byte
		_, err = unix.Read(c.timer, ticks[:])
		if err != nil && !errors.Is(err, unix.ECANCELED) && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return false, fmt.Errorf("timerfd: %w", err)
		}
		return true, c.arm()
	}
}

func (c *ClockSet) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open {
		_, _ = unix.Write(c.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // it can only be full, and then Wait ends as well
	}
}
