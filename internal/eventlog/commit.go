package eventlog

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// slowCommit is how long a commit may take before the log is told, once a commit.
const slowCommit = time.Second

// Commit makes the batch durable, in one synced write. When it returns nil, the events of the batch are readable and
// survive any crash. ErrNoSpace leaves everything as it was, and the batch may be committed again. ErrBroken is final.
// Any other error is a mistake in the batch, and nothing was written.
func (l *Log) Commit(b *Batch) error { return l.write(b, true) }

// CommitNoSync is Commit without waiting for the disk: what it writes is lost with a crash, unless a later Commit has
// returned. It takes no events.
func (l *Log) CommitNoSync(b *Batch) error {
	if len(b.entries) > 0 {
		b.fail("events must be synced")
	}
	return l.write(b, false)
}

// settle waits for the commit that is under way, if one is. The store shows a commit to readers before it is on disk, and its
// events are found only when it is: who has read a job must not be told of a result that no event carries yet, or that a
// power failure takes back. It must not be called between use and done, for Close waits for those.
func (l *Log) settle() {
	l.commit.Lock()
	defer l.commit.Unlock()
}

func (l *Log) write(b *Batch, sync bool) error {
	l.commit.Lock()
	defer l.commit.Unlock()
	done, err := l.use()
	if err != nil {
		return err
	}
	defer done()
	if err := l.admit(b); err != nil {
		return err
	}
	if err := l.extend(b); err != nil {
		l.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return l.broken
	}
	slow := time.AfterFunc(slowCommit, func() {
		l.log.Warn("event log: a commit is slow: the disk, or the store behind with its work", "waiting", slowCommit)
	})
	defer slow.Stop()
	b.done = true
	if err := errors.Join(b.b.Commit(&pebble.WriteOptions{Sync: sync}), b.b.Close()); err != nil {
		l.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return l.broken
	}
	if n := len(b.entries); n > 0 {
		l.received = b.entries[n-1].received
		l.last.Store(b.entries[n-1].pos)
		if err := l.head.set(b.entries[n-1].pos, false); err != nil {
			// What was committed is safe; only a loss of the tail would go unnoticed.
			l.log.Warn("event log: cannot write down its end", "file", headName, "error", err)
		}
	}
	return nil
}

// admit says why the batch may not be written.
func (l *Log) admit(b *Batch) error {
	switch {
	case l.broken != nil:
		return l.broken
	case b.done:
		return errors.New("event log: the batch was committed before")
	case b.err != nil:
		return b.err
	}
	if err := l.checkOrder(b); err != nil {
		return err
	}
	return l.space.check(l.opt.Now(), b.Size())
}

// checkOrder refuses what would break searching: positions must follow each other, times must not decrease, and the
// sequences of an incarnation must ascend, as far as the segment in memory can tell.
func (l *Log) checkOrder(b *Batch) error {
	if len(b.entries) == 0 {
		return nil
	}
	if first, last := b.entries[0].pos, l.last.Load(); first != last+1 {
		return fmt.Errorf("event log: the batch begins at position %d, the log ends at %d", first, last)
	}
	received, latest := l.received, map[runID]uint64{}
	for _, e := range b.entries {
		if e.received < received {
			return fmt.Errorf("event log: event at position %d was received before the one before it", e.pos)
		}
		received = e.received
		k := runID{e.id.Origin, e.id.Inc}
		last, known := latest[k]
		if !known {
			if r := l.current.runs[k]; r != nil {
				last = r.last
			}
		}
		if e.id.Seq <= last {
			return fmt.Errorf("event log: event %s at position %d comes after sequence %d", e.id, e.pos, last)
		}
		latest[k] = e.id.Seq
	}
	return nil
}

// extend brings the events of the batch into the index, and adds to the batch the segments that they complete.
// Readers may see an index that is ahead of the store: then they look where there is nothing yet.
func (l *Log) extend(b *Batch) error {
	l.index.Lock()
	defer l.index.Unlock()
	for i := range b.entries {
		e := &b.entries[i]
		if n := segmentOf(e.pos); n != l.current.num {
			b.complete(l.current)
			l.current = newSegment(n)
		}
		l.current.add(e.pos, e.tag, e.id)
	}
	return b.err
}

// complete stores a segment that no event will be added to.
func (b *Batch) complete(s *segment) {
	b.set(posKey(kindSegment, s.num), s.encode())
	for k, r := range s.runs {
		id := k.id(r.first)
		b.set(runKey(eraOf(r.pos), id), r.encode())
	}
}
