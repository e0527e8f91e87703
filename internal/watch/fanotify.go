package watch

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// What is told of a folder on the way to a path, and of one whose files are watched.
const (
	fanWay  = unix.FAN_CREATE | unix.FAN_DELETE | unix.FAN_MOVED_FROM | unix.FAN_MOVED_TO | unix.FAN_ONDIR
	fanFull = fanWay | unix.FAN_EVENT_ON_CHILD | unix.FAN_OPEN | unix.FAN_MODIFY | unix.FAN_ATTRIB | unix.FAN_CLOSE_WRITE
)

const (
	// fanBuffer is how much is read at a time: some 60 events, each of which may hold a descriptor for a moment.
	fanBuffer = 8 << 10
	// readerNice is the reader's niceness where it may not run before all others: it races with writers that exit at once.
	readerNice = -20
	// busyMost is how long the reader may work without a rest before it lets others run for busyRest.
	busyMost = 20 * time.Millisecond
	busyRest = 5 * time.Millisecond
	// dullReads in a row, within dullTime, that told of nobody new make the reader rest for dullRest after each further one: somebody
	// writes without pause, and the kernel makes one event of many meanwhile. A look-up ends the rest.
	dullReads = 128
)

// programPlaces are where programs commonly stand: a program that starts from a mount that holds one of these is remembered.
func programPlaces() []string {
	return []string{"/", "/usr", "/usr/bin", "/usr/local", "/bin", "/opt", "/home", "/root", "/tmp", "/var", "/srv", "/nix", "/snap"}
}

// fanotify is one group of the kernel's, and the goroutine that reads it.
type fanotify struct {
	fd      int
	wake    int // eventfd that ends the reader
	nudge   int // eventfd that ends its rest
	log     *slog.Logger
	polling atomic.Bool // the reader has nothing in hand
	resting atomic.Bool // it lets events come together
	done    sync.WaitGroup
	closed  atomic.Bool
}

// openFanotify needs CAP_SYS_ADMIN and Linux 5.15.
func openFanotify(log *slog.Logger) (*fanotify, error) {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK|unix.FAN_UNLIMITED_MARKS|
		unix.FAN_REPORT_DFID_NAME|unix.FAN_REPORT_PIDFD, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fanotify: %w", err)
	}
	f := &fanotify{fd: fd, log: log}
	for _, event := range []*int{&f.wake, &f.nudge} {
		if *event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
			unix.Close(fd)
			if f.wake > 0 {
				unix.Close(f.wake)
				unix.Close(f.nudge)
			}
			return nil, fmt.Errorf("fanotify: %w", err)
		}
	}
	f.polling.Store(true)
	for _, p := range programPlaces() {
		if err := unix.FanotifyMark(fd, unix.FAN_MARK_ADD|unix.FAN_MARK_MOUNT, unix.FAN_OPEN_EXEC, unix.AT_FDCWD, p); err != nil {
			log.Debug("started programs are not seen", "path", p, "error", err)
		}
	}
	return f, nil
}

func (f *fanotify) mark(name string, full bool) {
	mask := uint64(fanWay)
	if full {
		mask = fanFull
	}
	err := unix.FanotifyMark(f.fd, unix.FAN_MARK_ADD|unix.FAN_MARK_ONLYDIR|unix.FAN_MARK_DONT_FOLLOW, mask, unix.AT_FDCWD, name)
	if err != nil {
		f.log.Debug("who changes files in a folder is not seen", "path", name, "error", err)
	}
}

func (f *fanotify) unmark(name string) {
	err := unix.FanotifyMark(f.fd, unix.FAN_MARK_REMOVE|unix.FAN_MARK_ONLYDIR|unix.FAN_MARK_DONT_FOLLOW, fanFull, unix.AT_FDCWD, name)
	if err != nil && err != unix.ENOENT {
		f.log.Debug("remove a fanotify mark", "path", name, "error", err)
	}
}

// behind reports whether events wait, or are being taken in.
func (f *fanotify) behind() bool {
	if f.closed.Load() {
		return false
	}
	if !f.polling.Load() {
		return true
	}
	n, err := unix.IoctlGetInt(f.fd, unix.TIOCINQ)
	return err == nil && n > 0
}

// read calls take with what the kernel tells, until close; take says whether it has learnt of anybody. idle is called when nothing
// waits; it returns when it wants to be called again (0: not before the next event). calm is called when all has been taken in.
func (f *fanotify) read(take func([]byte) (learnt bool), idle func() time.Duration, calm func()) {
	defer f.done.Done()
	runtime.LockOSThread() // never unlocked: the thread ends with its priority
	hurry()
	buf := make([]byte, fanBuffer)
	dull := pacer{most: dullReads}
	fds := []unix.PollFd{{Fd: int32(f.fd), Events: unix.POLLIN}, {Fd: int32(f.wake), Events: unix.POLLIN}}
	for {
		var limit *unix.Timespec
		if d := idle(); d > 0 {
			ts := unix.NsecToTimespec(int64(d))
			limit = &ts
		}
		f.polling.Store(true)
		calm()
		n, err := unix.Ppoll(fds, limit, nil)
		f.polling.Store(false)
		if err != nil && err != unix.EINTR {
			f.log.Error("who changes files is no longer known", "error", err)
			f.closed.Store(true) // nobody waits for it
			return
		}
		if n > 0 && fds[1].Revents != 0 {
			return
		}
		if n <= 0 || fds[0].Revents == 0 {
			continue
		}
		rested := time.Now()
		learnt := false
		for {
			if n, err = unix.Read(f.fd, buf); n > 0 {
				learnt = take(buf[:n]) || learnt
				if time.Since(rested) > busyMost {
					time.Sleep(busyRest)
					rested = time.Now()
				}
				continue
			}
			if err == unix.EINTR {
				continue
			}
			if err != nil && err != unix.EAGAIN {
				f.log.Debug("read of fanotify", "error", err)
				time.Sleep(errorPause)
			}
			break
		}
		if dull.next(!learnt) {
			f.rest(calm)
		}
	}
}

// rest lets events come together, unless somebody wants to know.
func (f *fanotify) rest(calm func()) {
	fds := []unix.PollFd{{Fd: int32(f.nudge), Events: unix.POLLIN}, {Fd: int32(f.wake), Events: unix.POLLIN}}
	limit := unix.NsecToTimespec(int64(dullRest))
	f.resting.Store(true)
	f.polling.Store(true)
	calm()
	_, _ = unix.Ppoll(fds, &limit, nil) // what disturbs it ends it
	f.polling.Store(false)
	f.resting.Store(false)
	var n [8]byte
	_, _ = unix.Read(f.nudge, n[:])
}

// want ends a rest: what waits is needed now.
func (f *fanotify) want() {
	if f.resting.Load() {
		one := [8]byte{1}
		_, _ = unix.Write(f.nudge, one[:])
	}
}

// hurry has this thread run as soon as there is something to read.
func hurry() {
	err := unix.SchedSetAttr(0, &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK,
	}, 0)
	if err != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), readerNice)
	}
}

// close ends the reader.
func (f *fanotify) close() {
	one := [8]byte{1}
	_, _ = unix.Write(f.wake, one[:])
	f.done.Wait()
	f.closed.Store(true)
	unix.Close(f.fd)
	unix.Close(f.wake)
}

func self() int32 { return int32(os.Getpid()) }
