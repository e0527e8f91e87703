// Package eventlog is the master's durable memory: events in the order the master took them in, and what must be
// committed together with them: high-water marks, jobs, verdicts, the state and cursor of the reactor, and small
// records of others (keys, tokens, minions). It is one Pebble store in one folder.
//
// It must never know a role, a connection or a rule: it does not judge events, it keeps them. What positions, ids and
// times there are is for its caller to decide; it refuses a batch that breaks the order it relies upon.
//
// One goroutine commits, any number read. Readers see no event before it is synced, and hold nothing of the store
// while their caller looks at what they gave.
package eventlog

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Log is an open event log. All methods may be called from any goroutine; commits queue.
type Log struct {
	dir  string
	opt  Options
	log  *slog.Logger
	fs   vfs.FS
	lock io.Closer
	db   *pebble.DB
	stop chan struct{} // closed when the store is about to be

	life   sync.RWMutex // held for reading by whoever uses db
	closed bool         // under life

	first, last atomic.Uint64 // positions held, both included; last = first-1 when there is none
	lost        lostRange

	commit   sync.Mutex // one writer; it guards what follows
	head     *headFile
	received int64 // of the last event, Unix nanoseconds
	space    space
	broken   error

	index   sync.Mutex
	current *segment // under index: the segment being filled
}

// lostRange is what Open found missing at the end.
type lostRange struct{ first, last uint64 }

// formatVersion is of the keys and values of this package; Open refuses a later one.
const formatVersion = 1

// Open opens the log in dir and creates it when there is none. ErrLocked when it is open already; ErrDamaged when the
// store cannot be opened at all. A log that lost its tail opens; Lost tells.
func Open(dir string, opt Options) (*Log, error) {
	opt = opt.withDefaults()
	fs := opt.fs
	if fs == nil {
		fs = vfs.Default
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	lock, err := lockDir(fs, dir)
	if err != nil {
		return nil, err
	}
	l := &Log{dir: dir, opt: opt, log: opt.Log, fs: fs, lock: lock, stop: make(chan struct{}), space: space{dir: dir, min: opt.MinFree, free: opt.free}}
	if err := l.open(lock); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

func (l *Log) open(lock *pebble.Lock) error {
	p := storeOptions(l.opt, l.fs, l.stop)
	p.Lock = lock
	db, err := openStore(l.dir, p)
	if err != nil {
		return err
	}
	l.db = db
	if err := l.checkVersion(); err != nil {
		return err
	}
	var claimed uint64
	l.head, claimed, err = openHead(l.fs, l.dir)
	if l.head == nil {
		return fmt.Errorf("event log %q: %w", l.dir, err)
	}
	if err := l.loadEnds(claimed, err); err != nil {
		return err
	}
	return l.loadIndex()
}

// checkVersion reads the format's version, or writes it into a new store.
func (l *Log) checkVersion() error {
	key := textKey(kindMeta, metaVersion)
	b, err := l.value(key)
	switch {
	case errors.Is(err, ErrNotFound):
		return l.db.Set(key, sealed(key, []byte{formatVersion}), pebble.Sync)
	case err != nil:
		l.log.Error("event log: the version of its format cannot be read; the present one is assumed", "error", err)
		return nil
	case len(b) != 1 || b[0] > formatVersion:
		return fmt.Errorf("event log %q: written by a later version of brine (format %v, known is %d)", l.dir, b, formatVersion)
	}
	return nil
}

// Head is the first and the last position held. There are none when last < first.
func (l *Log) Head() (first, last uint64) { return l.first.Load(), l.last.Load() }

// LastReceived is the Received of the last event ever appended, which no later one may precede; zero for none.
func (l *Log) LastReceived() time.Time {
	l.commit.Lock()
	defer l.commit.Unlock()
	if l.received == 0 {
		return time.Time{}
	}
	return time.Unix(0, l.received).UTC()
}

// Lost is the range of positions at the end of the log that had been synced and were gone when it was opened: damage.
// Their events, and what was committed with them, are lost; the positions are not given again. 0, 0 for none.
func (l *Log) Lost() (first, last uint64) { return l.lost.first, l.lost.last }

// Size is the bytes that the log takes on disk, with what retention has removed and the store not yet given back.
func (l *Log) Size() (uint64, error) {
	done, err := l.use()
	if err != nil {
		return 0, err
	}
	defer done()
	return l.db.Metrics().DiskSpaceUsage(), nil
}

// Close waits for readers that are in the store and closes it. It may be called more than once.
func (l *Log) Close() error {
	l.commit.Lock()
	defer l.commit.Unlock()
	l.life.Lock()
	defer l.life.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var err error
	if l.broken == nil {
		err = l.head.set(l.last.Load(), true)
	}
	return errors.Join(err, l.release())
}

// release closes what is open.
func (l *Log) release() error {
	close(l.stop)
	var errs []error
	if l.db != nil {
		errs = append(errs, l.db.Close())
	}
	if l.head != nil {
		errs = append(errs, l.head.close())
	}
	return errors.Join(append(errs, l.lock.Close())...)
}

// use keeps the store open until done is called.
func (l *Log) use() (done func(), err error) {
	l.life.RLock()
	if l.closed {
		l.life.RUnlock()
		return nil, ErrClosed
	}
	return l.life.RUnlock, nil
}

// value reads one payload, copied; ErrNotFound, or a *DamagedError.
func (l *Log) value(key []byte) ([]byte, error) {
	v, done, err := l.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, &DamagedError{What: keyName(key), Why: "it cannot be read", Err: err}
	}
	defer done.Close()
	p, ok := unseal(key, v)
	if !ok {
		return nil, &DamagedError{What: keyName(key), Why: "its checksum is wrong"}
	}
	return append([]byte{}, p...), nil
}
