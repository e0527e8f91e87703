package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/cockroachdb/pebble/v2"

	"brine/internal/event"
)

// MaxEffects bounds what Effects returns.
const MaxEffects = 1 << 16

// Find is the position of the event with this id; false when the log does not hold it, or no longer. A *DamagedError
// when something that cannot be read stands where it would be.
func (l *Log) Find(id event.ID) (pos uint64, ok bool, err error) {
	done, err := l.use()
	if err != nil {
		return 0, false, err
	}
	defer done()
	if id.Seq == 0 || checkID(id) != nil {
		return 0, false, nil
	}
	return l.find(id)
}

func (l *Log) find(id event.ID) (pos uint64, ok bool, err error) {
	defer recovered(&err)
	if c, ok := l.candidateNow(id); ok {
		return l.within(c, id)
	}
	first, last := l.Head()
	if last < first {
		return 0, false, nil
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindRun}, UpperBound: []byte{kindRun + 1}})
	if err != nil {
		return 0, false, fmt.Errorf("event log: %w", err)
	}
	defer it.Close()
	for era := eraOf(last); ; era-- {
		c, ok, err := stored(it, era, id)
		if err != nil {
			return 0, false, err
		}
		if ok {
			return l.within(c, id)
		}
		if era == eraOf(first) {
			return 0, false, nil
		}
	}
}

// candidate is where in a segment an id must be, if it is anywhere.
type candidate struct {
	segment uint64
	first   uint64 // sequence of the incarnation's first event there
	pos     uint64 // its position
	mask    uint64 // blocks that hold events of the incarnation
}

// candidateNow asks the segment in memory.
func (l *Log) candidateNow(id event.ID) (candidate, bool) {
	l.index.Lock()
	defer l.index.Unlock()
	r := l.current.runs[runID{id.Origin, id.Inc}]
	if r == nil || r.first > id.Seq {
		return candidate{}, false
	}
	return candidate{segment: l.current.num, first: r.first, pos: r.pos, mask: r.mask}, true
}

// stored asks the runs of one era: the last that begins at the id's sequence or before it.
func stored(it *pebble.Iterator, era uint64, id event.ID) (candidate, bool, error) {
	prefix := idKey(kindRun, era, id.Origin, id.Inc)
	limit := runKey(era, id)
	limit = append(limit, 0) // the smallest key greater than that of the id itself
	if !it.SeekLT(limit) {
		if err := it.Error(); err != nil {
			return candidate{}, false, &DamagedError{What: "index of " + id.Origin, Why: "it cannot be read", Err: err}
		}
		return candidate{}, false, nil
	}
	key := it.Key()
	if len(key) != len(prefix)+8 || string(key[:len(prefix)]) != string(prefix) {
		return candidate{}, false, nil
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return candidate{}, false, &DamagedError{What: keyName(key), Why: "it cannot be read", Err: err}
	}
	b, ok := unseal(key, v)
	if !ok {
		return candidate{}, false, &DamagedError{What: keyName(key), Why: "its checksum is wrong"}
	}
	c := candidate{first: binary.BigEndian.Uint64(key[len(prefix):])}
	if c.pos, c.mask, ok = parseRun(b); !ok {
		return candidate{}, false, &DamagedError{What: keyName(key), Why: "it is malformed"}
	}
	c.segment = segmentOf(c.pos)
	return c, true, nil
}

// within looks for the id in its segment: first where it is when the minion's events stand together, then in the
// blocks that hold any of them.
func (l *Log) within(c candidate, id event.ID) (pos uint64, ok bool, err error) {
	r := l.events()
	defer r.close()
	if d := id.Seq - c.first; d < segmentSize && segmentOf(c.pos+d) == c.segment {
		if ok, err := l.is(r, c.pos+d, id); ok && err == nil {
			return c.pos + d, true, nil
		}
	}
	var damaged error
	first, last := l.Head()
	for mask := c.mask; mask != 0; mask &= mask - 1 {
		begin := c.segment<<segmentBits + uint64(bits.TrailingZeros64(mask))<<blockBits
		for p := max(begin, first, 1); p < begin+blockSize && p <= last; p++ {
			switch ok, err := l.is(r, p, id); {
			case ok:
				return p, true, nil
			case err != nil && damaged == nil:
				damaged = err
			}
		}
	}
	return 0, false, damaged
}

// is reports whether the event at pos has the id.
func (l *Log) is(r *numbered, pos uint64, id event.ID) (bool, error) {
	if first, last := l.Head(); pos < first || pos > last {
		return false, nil
	}
	rec, err := r.record(pos)
	if errors.Is(err, errMissing) {
		if pos < l.first.Load() {
			return false, nil
		}
		return false, &DamagedError{First: pos, Last: pos, Why: "missing"}
	}
	if err != nil || rec.inc != id.Inc || string(rec.origin) != id.Origin {
		return false, err
	}
	e, err := rec.event(pos)
	return err == nil && e.ID == id, err
}

// Effects is the positions, ascending, of the events whose Causes hold the id. With ErrMore it is the first
// MaxEffects of them. What retention has removed is not among them.
func (l *Log) Effects(id event.ID) (positions []uint64, err error) {
	done, err := l.use()
	if err != nil {
		return nil, err
	}
	defer done()
	defer recovered(&err)
	if checkID(id) != nil {
		return nil, nil
	}
	first, last := l.Head()
	begin := eraOf(first)
	if pos, ok, err := l.find(id); ok && err == nil {
		begin = eraOf(pos) // an effect stands behind its cause
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindCause}, UpperBound: []byte{kindCause + 1}})
	if err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	defer it.Close()
	for era := begin; era <= eraOf(last); era++ {
		prefix := causePrefix(era, id)
		for ok := it.SeekGE(prefix); ok; ok = it.Next() {
			key := it.Key()
			if len(key) != len(prefix)+8 || string(key[:len(prefix)]) != string(prefix) {
				break
			}
			pos := binary.BigEndian.Uint64(key[len(prefix):])
			if _, ok := unseal(key, it.Value()); !ok {
				return positions, &DamagedError{What: keyName(key), Why: "its checksum is wrong"}
			}
			if pos < first || pos > last {
				continue
			}
			if len(positions) == MaxEffects {
				return positions, fmt.Errorf("effects of %s: %w than %d", id, ErrMore, MaxEffects)
			}
			positions = append(positions, pos)
		}
		if err := it.Error(); err != nil {
			return positions, &DamagedError{What: "effects of " + id.String(), Why: "they cannot be read", Err: err}
		}
	}
	return positions, nil
}
