package beacons

import "context"

// Bounds of a Backlog.
const (
	maxBacklog   = 10_000 // signals that wait; more are dropped, and counted
	backlogBatch = 256    // signals in one transaction
)

// Backlog are signals on their way, in order: what a beacon needs that cannot look again at what could not be kept. The zero value is
// empty. One goroutine at a time uses it.
type Backlog struct {
	waiting []Signal
	dropped int64
}

// Put adds a signal.
func (b *Backlog) Put(s Signal) {
	if len(b.waiting) >= maxBacklog {
		b.dropped++
		return
	}
	b.waiting = append(b.waiting, s)
}

// Flush fires what waits. It reports false when that is not kept: it waits on. lost makes the signal that tells how many were dropped
// before; it may be nil.
func (b *Backlog) Flush(ctx context.Context, fire Fire, lost func(count int64) Signal) bool {
	for len(b.waiting) > 0 {
		n := min(len(b.waiting), backlogBatch)
		if fire(ctx, b.waiting[:n]...) != nil {
			return false
		}
		b.waiting = b.waiting[n:]
	}
	b.waiting = nil
	if b.dropped > 0 && lost != nil {
		if fire(ctx, lost(b.dropped)) != nil {
			return false
		}
	}
	b.dropped = 0
	return true
}
