package eventlog

import (
	"errors"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// scheduler lets Pebble compact one thing at a time. It differs from Pebble's own in two ways: it has no ticker, which
// would wake an idle master ten times a second; and after a compaction that failed it waits, longer each time, where
// Pebble tries again at once, which with one damaged file is a core at full load for ever.
type scheduler struct {
	db pebble.DBForCompaction // set once, before anything else is called

	mu       sync.Mutex // not held while db is called
	idle     *sync.Cond // of granting
	running  int
	granting bool
	stopped  bool
	wait     time.Duration // after the last failure; 0: the last compaction went well
	timer    *time.Timer   // runs while compactions must wait
	paused   bool
}

// The wait after a compaction that failed, doubled with each.
const (
	minCompactWait = time.Second
	maxCompactWait = time.Minute
)

func newScheduler() *scheduler {
	s := &scheduler{}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// Register is called by Pebble when it opens, Unregister when it closes.
func (s *scheduler) Register(_ int, db pebble.DBForCompaction) { s.db = db }

// Unregister returns when nothing will be granted any more.
func (s *scheduler) Unregister() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.timer != nil {
		s.timer.Stop()
	}
	for s.granting {
		s.idle.Wait()
	}
}

// TrySchedule asks for a compaction to run now. After a no, Pebble does not ask again: it waits to be granted.
func (s *scheduler) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.paused || s.running > 0 {
		return false, nil
	}
	s.running++
	return true, s
}

// UpdateGetAllowedWithoutPermission is how Pebble tells that its limit may have changed. It never does.
func (s *scheduler) UpdateGetAllowedWithoutPermission() {}

// Started, MeasureCPU and CumulativeStats tell what a compaction costs, which does not matter here.
func (s *scheduler) Started()                                          {}
func (s *scheduler) MeasureCPU(pebble.CompactionGoroutineKind)         {}
func (s *scheduler) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done ends a compaction.
func (s *scheduler) Done() {
	s.mu.Lock()
	s.running--
	s.mu.Unlock()
	s.grant()
}

// grant starts the compaction that waits, if one does and may run.
func (s *scheduler) grant() {
	s.mu.Lock()
	for s.granting {
		s.idle.Wait()
	}
	if s.stopped || s.paused || s.running > 0 {
		s.mu.Unlock()
		return
	}
	s.granting = true
	s.mu.Unlock()
	waiting, _ := s.db.GetWaitingCompaction()
	granted := waiting && s.db.Schedule(s)
	s.mu.Lock()
	if granted {
		s.running++ // Done may have come already: then this makes it 0
	}
	s.granting = false
	s.idle.Broadcast()
	s.mu.Unlock()
}

// ended hears how a compaction went.
func (s *scheduler) ended(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(err, pebble.ErrCancelledCompaction) || s.stopped || s.paused:
	case err == nil:
		s.wait = 0
	default:
		s.wait = min(max(2*s.wait, minCompactWait), maxCompactWait)
		s.paused = true
		s.timer = time.AfterFunc(s.wait, s.resume)
	}
}

func (s *scheduler) resume() {
	s.mu.Lock()
	s.paused = false
	s.mu.Unlock()
	s.grant()
}
