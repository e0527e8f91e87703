package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// storeOptions fits Pebble to one writer of ascending keys, little memory and an idle master. stop is closed when the
// log is.
func storeOptions(o Options, fsys vfs.FS, stop <-chan struct{}) *pebble.Options {
	p := &pebble.Options{
		// With this format the write-ahead log says how far it was synced, so that most damage in it is told apart
		// from the end that a crash leaves, and tables have a checksum of their footer.
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		CacheSize:                   o.Cache,
		MemTableSize:                uint64(o.MemTable),
		MemTableStopWritesThreshold: 3,
		MaxOpenFiles:                maxOpenFiles,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       100, // files of one block gone bad must not stop commits soon
		LBaseMaxBytes:               64 << 20,
		FlushDelayDeleteRange:       flushDelay,
		Logger:                      storeLog{o.Log, o.Fatal},
	}
	sched := newScheduler()
	p.Experimental.CompactionScheduler = sched
	p.EventListener = newGuard(o.Log, p.Logger, sched, stop).listener()
	p.CompactionConcurrencyRange = func() (int, int) { return 1, 1 }
	p.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	// Pebble's default wraps the file system to watch for slow writes: two tickers, and by far most of the CPU of an idle
	// log. Commit notices a slow disk itself.
	p.FS = fsys
	// Events in tables of their own: they ascend, so these do not overlap, and compactions need not rewrite them over and
	// over for the sake of a few marks and jobs. That doubles what can be appended in a second.
	p.Experimental.SpanPolicyFunc = pebble.MakeStaticSpanPolicyFunc(bytes.Compare,
		pebble.KeyRange{Start: []byte{kindEvent}, End: []byte{kindEvent + 1}}, pebble.SpanPolicy{})
	return p
}

// storeLog is Pebble's logger.
type storeLog struct {
	log   *slog.Logger
	fatal func(error)
}

// Infof is dropped unless somebody debugs: Pebble tells of every file.
func (l storeLog) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("event log: store: " + fmt.Sprintf(format, args...))
	}
}

func (l storeLog) Errorf(format string, args ...any) {
	l.log.Error("event log: store: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble goes on with what it has just found broken.
func (l storeLog) Fatalf(format string, args ...any) {
	err := fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, args...))
	l.log.Error("event log: the store cannot go on; brine-master ends, nothing acknowledged is lost", "error", err)
	if l.fatal != nil {
		l.fatal(err)
	}
	panic(err)
}

// openStore opens Pebble and puts its refusals into words.
func openStore(dir string, p *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if x := recover(); x != nil {
			db, err = nil, &DamagedError{What: "event log " + dir, Why: fmt.Sprintf("opening it panicked: %v", x)}
		}
	}()
	db, err = pebble.Open(dir, p)
	if err == nil {
		return db, nil
	}
	if pebble.IsCorruptionError(err) || errors.Is(err, fs.ErrNotExist) {
		return nil, &DamagedError{What: "event log " + dir, Why: "the store cannot be opened (hint: keep the folder, restore a backup)", Err: err}
	}
	return nil, fmt.Errorf("event log %q: %w", dir, err)
}

// lockDir keeps every other Log out of the folder, in this process and others.
func lockDir(fsys vfs.FS, dir string) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, fsys)
	if err == nil {
		return lock, nil
	}
	if errors.Is(err, unix.EAGAIN) || err.Error() == "lock held by current process" {
		return nil, fmt.Errorf("event log %q: %w (hint: is another brine-master running with this data_dir?)", dir, ErrLocked)
	}
	return nil, fmt.Errorf("event log %q: %w", dir, err)
}
