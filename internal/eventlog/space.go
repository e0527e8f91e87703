package eventlog

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// space knows whether the file system has room for more. Pebble ends the process on a full disk; so ingest must stop
// before.
type space struct {
	dir     string
	min     int64 // 0: spaceDefault of the file system
	free    func(dir string) (free, all int64, err error)
	checked time.Time
	since   int64 // bytes committed since
	room    error
}

const (
	// spaceEvery and spaceBytes: how often the file system is asked, whichever comes first.
	spaceEvery = time.Second
	spaceBytes = 8 << 20
	// spaceRetry: how often while there is no room.
	spaceRetry = 100 * time.Millisecond

	minFreeLow  = 64 << 20
	minFreeHigh = 1 << 30
)

// check is ErrNoSpace, wrapped with numbers, when there is too little room to write n bytes.
func (s *space) check(now time.Time, n int) error {
	age := now.Sub(s.checked)
	due := age >= spaceEvery || age < 0 || s.since >= spaceBytes || s.room != nil && age >= spaceRetry
	s.since += int64(n)
	if !due {
		return s.room
	}
	s.checked, s.since = now, int64(n)
	free, all, err := s.free(s.dir)
	if err != nil {
		s.room = nil // who cannot tell must not stop
		return nil
	}
	least := s.min
	if least == 0 {
		least = min(max(all/100, minFreeLow), minFreeHigh)
	}
	s.room = nil
	if free < least {
		s.room = fmt.Errorf("%w: %q has %d MiB free, at least %d MiB are kept (hint: free some, or lower the log's max_bytes or max_age)",
			ErrNoSpace, s.dir, free>>20, least>>20)
	}
	return s.room
}

// statfs is what an ordinary user may still fill, and all, in bytes.
func statfs(dir string) (free, all int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}
