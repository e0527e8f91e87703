package eventlog

import (
	"context"
	"errors"
	"iter"
	"time"

	"brine/internal/event"
)

// Query says which events to read. Its zero value is all of them, oldest first.
type Query struct {
	From, To     uint64    // positions, both included; 0: from the first, to the last
	Since, Until time.Time // Received: not before Since, before Until; zero: no limit
	Tag          *event.Pattern
	Minion       string // glob of the senders; "" is all, the master itself included, which no glob matches
	Limit        int    // at most so many events; 0: no limit
	Reverse      bool   // newest first
}

// A page is what Scan reads before it lets go of the store and hands out: a slow consumer pins nothing.
const (
	pageEvents = 256
	pageBytes  = 1 << 20
)

// Scan gives the events that match, in the order of their positions. What is damaged within the range is given in
// its place as a *DamagedError, beside a zero event, and the scan goes on; any other error is the last. Events that are
// appended meanwhile may or may not be seen. To follow the log, scan again From the last position seen, plus one.
func (l *Log) Scan(ctx context.Context, q Query) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		s, err := l.newScan(q)
		if err != nil {
			yield(event.Event{}, err)
			return
		}
		given := 0
		for s.lo <= s.hi {
			page, err := s.page(ctx)
			for _, it := range page {
				if !yield(it.e, it.err) {
					return
				}
				if it.err != nil {
					continue
				}
				if given++; given == q.Limit {
					return
				}
			}
			if err != nil {
				yield(event.Event{}, err)
				return
			}
		}
	}
}

// scan is a Scan that is under way: what is left of its range, and what it looks for.
type scan struct {
	l       *Log
	lo, hi  uint64
	match   *matcher
	reverse bool
	limit   int
}

// item is one thing that a page holds.
type item struct {
	e   event.Event
	err error
}

func (l *Log) newScan(q Query) (*scan, error) {
	m, err := newMatcher(q.Tag, q.Minion)
	if err != nil {
		return nil, err
	}
	done, err := l.use()
	if err != nil {
		return nil, err
	}
	defer done()
	first, last := l.Head()
	s := &scan{l: l, lo: max(q.From, first), hi: last, match: m, reverse: q.Reverse, limit: q.Limit}
	if q.To > 0 {
		s.hi = min(q.To, last)
	}
	if !q.Since.IsZero() {
		s.lo = max(s.lo, l.search(q.Since.UnixNano(), s.lo, s.hi))
	}
	if !q.Until.IsZero() {
		s.hi = min(s.hi, l.search(q.Until.UnixNano(), s.lo, s.hi)-1)
	}
	return s, nil
}

// search is the first position from lo to hi+1 that was received at t or later. Positions that cannot be read count
// with the next that can.
func (l *Log) search(t int64, lo, hi uint64) uint64 {
	r := l.events()
	defer r.close()
	end := hi + 1
	for lo < end {
		mid := lo + (end-lo)/2
		p, received, ok := r.readable(mid, end)
		if !ok || received >= t {
			end = mid
		} else {
			lo = p + 1
		}
	}
	return lo
}

// readable is the first position from pos on, before end, that can be read, and when it was received.
func (r *numbered) readable(pos, end uint64) (p uint64, received int64, ok bool) {
	for pos < end {
		rec, err := r.record(pos)
		switch {
		case err == nil:
			return pos, rec.received, true
		case errors.Is(err, errMissing) && !r.on:
			return 0, 0, false
		case errors.Is(err, errMissing):
			pos = r.at
		default:
			pos++
		}
	}
	return 0, 0, false
}

// page reads on until a page is full or the range is done.
func (s *scan) page(ctx context.Context) ([]item, error) {
	done, err := s.l.use()
	if err != nil {
		return nil, err
	}
	defer done()
	events, segments := s.l.events(), s.l.segments()
	defer events.close()
	defer segments.close()
	p := &pager{scan: s, events: events, segments: segments}
	for s.lo <= s.hi && !p.full() {
		if err := ctx.Err(); err != nil {
			return p.items, err
		}
		if s.lo = max(s.lo, s.l.first.Load()); s.lo > s.hi {
			break
		}
		p.block()
	}
	return p.items, nil
}

// pager fills one page.
type pager struct {
	*scan
	events, segments *numbered
	items            []item
	bytes            int

	mask  uint64 // blocks of segment to look into
	of    uint64 // the segment that mask is of
	known bool
}

func (p *pager) full() bool {
	return len(p.items) >= pageEvents || p.bytes >= pageBytes || p.limit > 0 && len(p.items) >= p.limit
}

// block reads one block of positions, or passes over it and all blocks behind it of which the index says no.
func (p *pager) block() {
	pos := p.lo
	if p.reverse {
		pos = p.hi
	}
	begin := pos &^ (blockSize - 1)
	end := begin + blockSize - 1
	switch mask := p.blocks(segmentOf(pos)); {
	case mask == 0:
		begin = pos &^ (segmentSize - 1)
		p.past(begin, begin+segmentSize-1)
		return
	case mask&blockBit(pos) == 0:
		p.past(begin, end)
		return
	}
	if p.reverse {
		for p.hi >= max(begin, p.lo, 1) && !p.full() {
			p.hi = p.one(p.hi) - 1
		}
		return
	}
	for p.lo <= min(end, p.hi) && !p.full() {
		p.lo = p.one(p.lo) + 1
	}
}

// past takes the positions from begin to end off what is left.
func (p *pager) past(begin, end uint64) {
	if !p.reverse {
		p.lo = end + 1
		return
	}
	if begin <= p.lo {
		p.lo = p.hi + 1 // done; begin may be 0
		return
	}
	p.hi = begin - 1
}

// blocks is the mask of the blocks of a segment that may hold what matches.
func (p *pager) blocks(seg uint64) uint64 {
	if p.match.all() {
		return ^uint64(0)
	}
	if !p.known || p.of != seg {
		p.mask, p.of, p.known = p.l.blocks(p.match, p.segments, seg), seg, true
	}
	return p.mask
}

// blocks asks the index, in memory or stored. When neither knows, every block may match.
func (l *Log) blocks(m *matcher, segments *numbered, seg uint64) (mask uint64) {
	mask = ^uint64(0)
	defer func() { _ = recover() }() // then mask is all blocks still
	if mask, ok := l.currentBlocks(m, seg); ok {
		return mask
	}
	v, err := segments.value(seg)
	if err != nil {
		return mask
	}
	b, ok := unseal(posKey(kindSegment, seg), v)
	if !ok {
		return mask
	}
	return m.view(b)
}

func (l *Log) currentBlocks(m *matcher, seg uint64) (uint64, bool) {
	l.index.Lock()
	defer l.index.Unlock()
	if l.current == nil || l.current.num != seg {
		return 0, false
	}
	return m.mask(l.current), true
}

// one reads the event at pos and returns the last position, in the direction of the scan, that is done with.
func (p *pager) one(pos uint64) uint64 {
	rec, err := p.events.record(pos)
	if errors.Is(err, errMissing) {
		return p.hole(pos)
	}
	if err != nil {
		p.damage(err)
		return pos
	}
	if !p.match.origin(rec.origin) {
		return pos
	}
	e, err := rec.event(pos)
	if err != nil {
		p.damage(err)
		return pos
	}
	if p.match.tag == nil || p.match.tag.Match(e.Tag) {
		p.items = append(p.items, item{e: owned(e)})
		p.bytes += len(rec.raw)
	}
	return pos
}

// hole tells of positions that are missing, unless retention has just removed them.
func (p *pager) hole(pos uint64) uint64 {
	if first := p.l.first.Load(); pos < first {
		if p.reverse {
			return p.lo // all that is left has been removed
		}
		return min(first-1, p.hi)
	}
	d := &DamagedError{First: pos, Last: pos, Why: "missing"}
	if p.reverse {
		d.First = max(p.events.below(pos)+1, p.lo)
	} else if d.Last = p.hi; p.events.on {
		d.Last = min(p.events.at-1, p.hi)
	}
	p.damage(d)
	if p.reverse {
		return d.First
	}
	return d.Last
}

// damage adds to the page what cannot be read, joining neighbours that suffer the same.
func (p *pager) damage(err error) {
	d, ok := err.(*DamagedError)
	if n := len(p.items); ok && n > 0 {
		if before, ok := p.items[n-1].err.(*DamagedError); ok && before.Why == d.Why {
			switch {
			case before.Last+1 == d.First:
				before.Last = d.Last
				return
			case d.Last+1 == before.First:
				before.First = d.First
				return
			}
		}
	}
	p.items = append(p.items, item{err: err})
}
