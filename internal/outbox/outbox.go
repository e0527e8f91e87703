// Package outbox is the minion's durable memory, one bbolt file: events until the master has acknowledged them, the
// baselines of the beacons, the jobs done and the low state applied last. What belongs together is one synced transaction. It
// must never know a connection or a role.
package outbox

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"brine/internal/event"
	"brine/internal/wire"

	bolt "go.etcd.io/bbolt"
)

// Defaults of Options, and bounds that have no option.
const (
	DefaultMaxBytes     = 256 << 20
	DefaultMaxDone      = 4096
	DefaultMaxDead      = 256
	DefaultFlushDelay   = time.Second
	DefaultCompactBytes = 8 << 20
	DefaultLockWait     = 2 * time.Second

	MaxKey     = 8 << 10 // bytes of a baseline's bucket and key, and of a jid
	MaxValue   = 1 << 20 // bytes of a baseline, a result, the applied low state
	MaxDamages = 256     // damages kept for Damages
)

var (
	// ErrFull is returned when a transaction does not fit now. Room tells when to try again.
	ErrFull = errors.New("outbox is full")
	// ErrTooBig is returned when a transaction can never fit.
	ErrTooBig = errors.New("too big for the outbox")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("outbox is closed")
	// ErrLocked is returned by Open when another process has the file.
	ErrLocked = errors.New("outbox is in use by another process")
	// ErrDamaged is returned when a record, or the file, is not what was written.
	ErrDamaged = errors.New("outbox is damaged")
	// ErrGone is returned by Read for a sequence that was acknowledged.
	ErrGone = errors.New("event was acknowledged already")
	// ErrAhead is returned by Ack for a sequence that was never given: the master knows more than this file.
	ErrAhead = errors.New("acknowledgement is ahead of what was made here")
)

// Options of Open. A zero field takes its default.
type Options struct {
	MaxBytes     int64         // of all records, with what it costs to keep each
	ReserveBytes int64         // the last part of MaxBytes, for Tx.Reserve alone; a sixteenth of MaxBytes
	MaxDone      int           // jobs remembered as done; the oldest goes first
	MaxDead      int           // dead letters; the oldest goes first
	FlushDelay   time.Duration // longest that an acknowledgement waits for a Commit to ride with
	CompactBytes int64         // a drained file larger than this is compacted
	LockWait     time.Duration // longest that Open waits for the lock
	Random       func() uint64 // draws incarnations
	Now          func() time.Time
	// Damage is told of each damage, from any goroutine; it must not call the Outbox. Damages has them too.
	Damage func(Damage)
	Log    *slog.Logger
}

func (opt Options) filled() Options {
	def(&opt.MaxBytes, DefaultMaxBytes)
	def(&opt.ReserveBytes, opt.MaxBytes/16)
	def(&opt.MaxDone, DefaultMaxDone)
	def(&opt.MaxDead, DefaultMaxDead)
	def(&opt.FlushDelay, DefaultFlushDelay)
	def(&opt.CompactBytes, DefaultCompactBytes)
	def(&opt.LockWait, DefaultLockWait)
	if opt.Random == nil {
		opt.Random = rand.Uint64
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return opt
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Outbox is safe for concurrent use. One goroutine, in writer.go, makes all changes.
type Outbox struct {
	path string
	opt  Options
	lock *os.File

	swap sync.RWMutex // held for reading while db is used, for writing while compaction exchanges it
	db   *bolt.DB

	mu      sync.Mutex
	book    book          // what is on disk
	pend    pending       // acknowledged, not yet on disk
	armed   bool          // the flush timer runs
	full    bool          // somebody was told ErrFull since room was last made
	room    chan struct{} // closed when full ends
	broken  error         // the file cannot be used any more
	damages []Damage
	lost    map[uint64]bool // sequences whose loss was told
	stats   Stats

	requests chan *request
	calls    chan func()
	urge     chan struct{} // flush now
	timer    *time.Timer
	stop     chan struct{}
	stopping sync.Once
	exited   chan struct{}
}

// pending is what Ack has taken and the file has not.
type pending struct {
	upTo     uint64 // 0: nothing
	sum      uint64 // of the event upTo
	rejected []wire.Rejection
}

// State is what Hello says of the outbox.
type State struct {
	Inc   event.Incarnation
	First uint64 // sequence of the first event held; Next when none is
	Next  uint64 // sequence that the next event will have
	Acked uint64 // the last one acknowledged in this incarnation; 0 for none
}

// State is where the outbox stands, acknowledgements that are not on disk yet included.
func (o *Outbox) State() State {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state()
}

func (o *Outbox) state() State {
	s := State{Inc: o.book.inc, First: o.book.first, Next: o.book.next, Acked: o.book.acked}
	if o.pend.upTo != 0 {
		s.First, s.Acked = o.pend.upTo+1, o.pend.upTo
	}
	return s
}

// Stats are numbers for people and metrics.
type Stats struct {
	Events      int    // held, those acknowledged but not yet removed included
	Bytes       int64  // of all records, as MaxBytes counts them
	MaxBytes    int64  // the bound of Bytes
	FileBytes   int64  // of the file
	Done        int    // jobs remembered
	Dead        int    // dead letters kept
	DeadTotal   uint64 // dead letters ever made
	Commits     uint64 // since Open
	Syncs       uint64 // transactions they shared, flushes included
	Full        uint64 // commits that were told ErrFull
	Damaged     uint64
	Compactions uint64
}

// Stats returns the numbers as they stand.
func (o *Outbox) Stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	s.Events = int(o.book.kinds[kEvents].count)
	s.Bytes, s.MaxBytes = o.book.used(), o.opt.MaxBytes
	s.Done = int(o.book.kinds[kDone].count / 2)
	s.Dead, s.DeadTotal = int(o.book.kinds[kDead].count), o.book.deadTotal
	if info, err := os.Stat(o.path); err == nil {
		s.FileBytes = info.Size()
	}
	return s
}

// Room returns a channel that is closed when a Commit that was told ErrFull may be tried again. It is closed already when
// nobody was told since.
func (o *Outbox) Room() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.room
}

// Close writes what is pending and closes the file. Calls that wait are answered first.
func (o *Outbox) Close() error {
	o.stopping.Do(func() { close(o.stop) })
	<-o.exited
	o.timer.Stop()
	o.swap.Lock()
	defer o.swap.Unlock()
	if o.db == nil {
		return nil
	}
	var err error
	if o.isBroken() == nil { // else bbolt may hold its locks for ever
		err = guard(o.db.Close)
	}
	o.db = nil
	return errors.Join(err, o.lock.Close())
}

func (o *Outbox) isBroken() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken
}

// view runs fn in a reading transaction.
func (o *Outbox) view(fn func(*bolt.Tx) error) error {
	o.swap.RLock()
	defer o.swap.RUnlock()
	if o.db == nil {
		return ErrClosed
	}
	if err := o.isBroken(); err != nil {
		return err
	}
	err := guard(func() error { return o.db.View(fn) })
	if p := (*panicError)(nil); errors.As(err, &p) {
		return o.fail(err)
	}
	return err
}

// fail ends the use of the file: bbolt has panicked on it and cannot be trusted with it any more. Open will inspect it.
func (o *Outbox) fail(err error) error {
	err = fmt.Errorf("%w: %v (hint: the file is inspected when it is opened again)", ErrDamaged, err)
	o.mu.Lock()
	o.broken = err
	o.mu.Unlock()
	o.report(Damage{What: "file", Detail: err.Error()})
	return err
}
