package pkg

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"brine/beacons"
)

const (
	dpkgStatus = "/var/lib/dpkg/status"
	apkStatus  = "/lib/apk/db/installed"
	settle     = 200 * time.Millisecond
	busyEvery  = time.Second      // how often the lock is looked at while dpkg works
	maxBusy    = 30 * time.Minute // after so long what is there is told, though the lock is held
)

// managers are those whose lists are read.
var managers = []struct {
	name, list string
	locks      []string // held while it works
	parse      func(io.Reader) ([]entry, error)
}{
	{"dpkg", dpkgStatus, []string{"/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock"}, parseDpkg},
	{"apk", apkStatus, nil, parseAPK},
}

type beacon struct {
	config *Config
	env    beacons.Env
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	var files []string
	for _, m := range managers {
		files = append(files, m.list)
	}
	return b.env.WhenChanged(ctx, fire, files, settle, b.look)
}

// look compares what is installed with what was.
func (b *beacon) look(ctx context.Context) (signals []beacons.Signal, err error) {
	for _, m := range managers {
		b.await(ctx, m.locks)
		f, err := os.Open(b.env.Path(m.list))
		if errors.Is(err, fs.ErrNotExist) {
			continue // another distribution, or about to be replaced
		}
		if err != nil {
			return nil, err
		}
		list, err := m.parse(f)
		f.Close()
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			continue // no host has none: it is just being written
		}
		is := map[string][]byte{}
		for _, e := range list { // those too that are not meant: when the options change they are not new
			is[e.name+"/"+e.arch] = []byte(e.version)
		}
		more, err := b.env.Differences(m.name+"/", is, func(key string, was, is []byte) []beacons.Signal { return b.tell(m.name, key, was, is) })
		if err != nil {
			return nil, err
		}
		signals = append(signals, more...)
	}
	return signals, nil
}

func (b *beacon) tell(manager, key string, was, is []byte) []beacons.Signal {
	name, arch, _ := strings.Cut(key, "/")
	if !beacons.Means(b.config.Packages, name) {
		return nil
	}
	d := Data{Change: Upgraded, Package: name, Arch: arch, Version: string(is), Was: string(was), Manager: manager, Seen: b.env.Now().UTC()}
	switch {
	case was == nil:
		d.Change = Installed
	case is == nil:
		d.Change = Removed
	}
	return []beacons.Signal{{Tag: d.Change + "/" + name, Data: d}}
}

// await waits until nobody holds the locks.
func (b *beacon) await(ctx context.Context, locks []string) {
	for end := time.Now().Add(maxBusy); time.Now().Before(end); {
		held := false
		for _, l := range locks {
			held = held || locked(b.env.Path(l))
		}
		if !held {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(busyEvery):
		}
	}
}

// locked reports whether another process holds a lock on a file, as dpkg does: fcntl(2).
func locked(path string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	return unix.FcntlFlock(uintptr(fd), unix.F_GETLK, &lock) == nil && lock.Type != unix.F_UNLCK
}
