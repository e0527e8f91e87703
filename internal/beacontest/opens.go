package beacontest

import (
	"fmt"
	"os"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// WatchOpens records which files of the root file system this process opens, through fanotify. Where that is not allowed
// nothing is recorded. The returned function ends it and returns the paths.
func WatchOpens(t testing.TB) func() []string {
	t.Helper()
	_, _ = time.Now().Zone() // loads the zone, which is no beacon's doing
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK|unix.FAN_UNLIMITED_QUEUE, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_PATH)
	if err != nil {
		fd, err = unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK, unix.O_RDONLY|unix.O_CLOEXEC)
	}
	if err == nil {
		err = unix.FanotifyMark(fd, unix.FAN_MARK_ADD|unix.FAN_MARK_MOUNT, unix.FAN_OPEN, unix.AT_FDCWD, "/")
	}
	if err != nil {
		t.Logf("opened files are not checked: %v", err)
		return func() []string { return nil }
	}
	return func() []string {
		defer unix.Close(fd)
		return readOpens(fd)
	}
}

// readOpens reads what has queued up. See fanotify(7) for the layout.
func readOpens(fd int) (paths []string) {
	self := int32(os.Getpid())
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, buf)
		if err != nil || n <= 0 {
			return paths
		}
		const size = int(unsafe.Sizeof(unix.FanotifyEventMetadata{}))
		for rest := buf[:n]; len(rest) >= size; {
			e := (*unix.FanotifyEventMetadata)(unsafe.Pointer(&rest[0]))
			if e.Fd >= 0 {
				if path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", e.Fd)); err == nil && e.Pid == self {
					paths = append(paths, path)
				}
				unix.Close(int(e.Fd))
			}
			if int(e.Event_len) < size || int(e.Event_len) > len(rest) {
				return paths
			}
			rest = rest[e.Event_len:]
		}
	}
}
