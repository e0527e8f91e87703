package eventlog

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// flushDelay is how soon the store begins to give back the space of what was removed.
	flushDelay = 10 * time.Second
	// jobsAtOnce bounds the jobs removed in one commit.
	jobsAtOnce = 1024
)

// Retain removes the events past Options.MaxAge and MaxBytes, with their verdicts and index, and the closed jobs last
// updated before the oldest event that stays (or past MaxAge). Open jobs, marks, records and the reactor's state stay.
// It returns the number of positions removed. The disk is given back some time later.
func (l *Log) Retain(now time.Time) (removed uint64, err error) {
	cut, err := l.cut(now)
	if err != nil {
		return 0, err
	}
	removed, err = l.remove(cut)
	if err != nil {
		return removed, err
	}
	return removed, l.retainJobs(now)
}

// cut is the first position that stays.
func (l *Log) cut(now time.Time) (cut uint64, err error) {
	done, err := l.use()
	if err != nil {
		return 0, err
	}
	defer done()
	defer recovered(&err)
	first, last := l.Head()
	cut = first
	if l.opt.MaxAge > 0 {
		cut = l.search(now.Add(-l.opt.MaxAge).UnixNano(), first, last)
	}
	if l.opt.MaxBytes > 0 && cut <= last {
		return l.cutBySize(cut, last)
	}
	return cut, nil
}

// cutBySize is the first segment's beginning from which on the events fit MaxBytes. The segment that is being filled
// stays.
func (l *Log) cutBySize(cut, last uint64) (uint64, error) {
	size := func(from uint64) (size int64, err error) {
		for _, kind := range []byte{kindEvent, kindVerdicts} { // what rules said may take more than the events
			n, err := l.db.EstimateDiskUsage(posKey(kind, from), []byte{kind + 1})
			if err != nil {
				return 0, fmt.Errorf("event log: %w", err)
			}
			size += int64(n)
		}
		return size, nil
	}
	if n, err := size(cut); err != nil || n <= l.opt.MaxBytes {
		return cut, err
	}
	lo, hi := segmentOf(cut)+1, segmentOf(last) // the answer is one of these, or hi when nothing fits
	for lo < hi {
		mid := lo + (hi-lo)/2
		n, err := size(mid << segmentBits)
		if err != nil {
			return cut, err
		}
		if n <= l.opt.MaxBytes {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return max(cut, min(hi<<segmentBits, last)), nil
}

// remove takes all events before cut out of the log.
func (l *Log) remove(cut uint64) (uint64, error) {
	l.commit.Lock()
	defer l.commit.Unlock()
	done, err := l.use()
	if err != nil {
		return 0, err
	}
	defer done()
	if l.broken != nil {
		return 0, l.broken
	}
	first, last := l.Head()
	if cut <= first {
		return 0, nil
	}
	b := l.db.NewBatch()
	defer b.Close()
	key := textKey(kindMeta, metaFirst)
	errs := []error{b.Set(key, sealed(key, encodeFirst(cut, last, l.received)), nil)}
	for _, r := range []struct {
		kind     byte
		from, to uint64
	}{
		{kindEvent, 0, cut},
		{kindVerdicts, 0, cut},
		{kindSegment, 0, segmentOf(cut)},
		{kindRun, 0, eraOf(cut)},
		{kindCause, 0, eraOf(cut)},
	} {
		if r.to > r.from {
			errs = append(errs, b.DeleteRange(posKey(r.kind, r.from), posKey(r.kind, r.to), nil))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return 0, fmt.Errorf("event log: %w", err)
	}
	// First the mark, then the deed: a reader that misses an event looks at the mark to know why.
	l.first.Store(cut)
	if err := b.Commit(pebble.Sync); err != nil {
		l.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return 0, l.broken
	}
	return cut - first, nil
}

// retainJobs removes the closed jobs that are older than the log.
func (l *Log) retainJobs(now time.Time) error {
	limit, ok := l.jobLimit(now)
	if !ok {
		return nil
	}
	b, n := l.NewBatch(), 0
	defer func() { b.Discard() }()
	for p, err := range l.each([]byte{kindJobTime}, jobTimeKey(kindJobTime, limit.UnixNano(), "", ""), false) {
		if err != nil {
			return err
		}
		jid, target, ok := jobOfTime(p.key)
		if !ok {
			continue
		}
		j, err := l.job(jid, target)
		switch {
		case errors.Is(err, ErrNotFound), err == nil && !sameTime(p.key, j):
			b.delete(p.key) // it leads nowhere
		case err != nil || j.Status.Open() || !j.Updated.Before(limit):
			continue
		default:
			b.DeleteJob(jid, target)
		}
		if n++; n%jobsAtOnce == 0 {
			if err := l.prune(b); err != nil {
				return err
			}
			b = l.NewBatch()
		}
	}
	return l.prune(b)
}

// prune commits deletions even when there is no space.
func (l *Log) prune(b *Batch) error {
	l.commit.Lock()
	defer l.commit.Unlock()
	done, err := l.use()
	if err != nil {
		return err
	}
	defer done()
	if l.broken != nil || b.err != nil {
		return errors.Join(l.broken, b.err)
	}
	b.done = true
	return errors.Join(b.b.Commit(pebble.NoSync), b.b.Close())
}

// jobLimit is the time before which closed jobs go; false when none does.
func (l *Log) jobLimit(now time.Time) (time.Time, bool) {
	var limit time.Time
	if l.opt.MaxAge > 0 {
		limit = now.Add(-l.opt.MaxAge)
	}
	if first, _ := l.Head(); first > 1 {
		if e, err := l.Get(first); err == nil && e.Received.After(limit) {
			limit = e.Received
		}
	}
	return limit, !limit.IsZero()
}
