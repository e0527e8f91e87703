package eventlog

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"brine/internal/event"
)

// Get reads the event at a position. ErrNotFound beyond the end, ErrRetained before the beginning, and a
// *DamagedError for what cannot be read.
func (l *Log) Get(pos uint64) (e event.Event, err error) {
	done, err := l.use()
	if err != nil {
		return e, err
	}
	defer done()
	if pos == 0 || pos > l.last.Load() {
		return e, fmt.Errorf("event at position %d: %w", pos, ErrNotFound)
	}
	if pos < l.first.Load() {
		return e, fmt.Errorf("event at position %d: %w", pos, ErrRetained)
	}
	return l.get(pos)
}

// get is Get without judging the position.
func (l *Log) get(pos uint64) (e event.Event, err error) {
	defer recoveredAt(pos, &err)
	key := posKey(kindEvent, pos)
	v, done, err := l.db.Get(key)
	switch {
	case errors.Is(err, pebble.ErrNotFound) && pos < l.first.Load():
		return e, fmt.Errorf("event at position %d: %w", pos, ErrRetained)
	case errors.Is(err, pebble.ErrNotFound):
		return e, &DamagedError{First: pos, Last: pos, Why: "it is missing"}
	case err != nil:
		return e, &DamagedError{First: pos, Last: pos, Why: "it cannot be read", Err: err}
	}
	defer done.Close()
	r, err := readRecord(pos, key, v)
	if err != nil {
		return e, err
	}
	if e, err = r.event(pos); err != nil {
		return e, err
	}
	return owned(e), nil
}

func recoveredAt(pos uint64, err *error) {
	if p := recover(); p != nil {
		*err = &DamagedError{First: pos, Last: pos, Why: fmt.Sprintf("reading it panicked: %v", p)}
	}
}

// numbered walks the keys of one kind that end in a number: events and segments. It keeps its place, so that asking
// for one number after the other, up or down, costs a step and no search. It must be closed, and the log be in use.
type numbered struct {
	l    *Log
	kind byte
	it   *pebble.Iterator
	at   uint64 // number that it stands on
	on   bool   // it stands on one
}

// errMissing is returned by numbered.value when there is no such number.
var errMissing = errors.New("missing")

// value is the stored value of n, valid until the next call, and errMissing when there is none: then the iterator
// stands on the next greater number, if on is true.
func (r *numbered) value(n uint64) ([]byte, error) {
	if r.it == nil {
		it, err := r.l.db.NewIter(&pebble.IterOptions{LowerBound: []byte{r.kind}, UpperBound: []byte{r.kind + 1}})
		if err != nil {
			return nil, err
		}
		r.it, r.on = it, false
	}
	switch {
	case r.on && r.at == n:
	case r.on && r.at+1 == n:
		r.on = r.it.Next()
	case r.on && r.at == n+1:
		if r.on = r.it.Prev(); r.on && keyPos(r.it.Key()) < n {
			r.on = r.it.Next() // stand on the greater one
		}
	default:
		r.on = r.it.SeekGE(posKey(r.kind, n))
	}
	if !r.on {
		if err := r.it.Error(); err != nil {
			r.close() // an iterator is of no use after an error
			return nil, err
		}
		return nil, errMissing
	}
	if r.at = keyPos(r.it.Key()); r.at != n {
		return nil, errMissing
	}
	v, err := r.it.ValueAndErr()
	if err != nil {
		r.close()
	}
	return v, err
}

// below is the greatest number smaller than n, 0 for none or when it cannot be told.
func (r *numbered) below(n uint64) uint64 {
	if r.it == nil {
		return 0
	}
	r.on = r.it.SeekLT(posKey(r.kind, n))
	if !r.on {
		return 0
	}
	r.at = keyPos(r.it.Key())
	return r.at
}

func (r *numbered) close() {
	if r.it != nil {
		_ = r.it.Close() // its errors were seen when it was moved
		r.it, r.on = nil, false
	}
}

// events are the stored events, by position.
func (l *Log) events() *numbered { return &numbered{l: l, kind: kindEvent} }

// segments are the stored segments, by number.
func (l *Log) segments() *numbered { return &numbered{l: l, kind: kindSegment} }

// record reads the head of the event at pos, valid until the next call. errMissing, or a *DamagedError.
func (r *numbered) record(pos uint64) (rec record, err error) {
	defer recoveredAt(pos, &err)
	key := posKey(kindEvent, pos)
	v, err := r.value(pos)
	if err != nil && !errors.Is(err, errMissing) {
		// One file that is damaged stops the iterator at positions that other files hold: look at this one alone.
		v, err = r.single(key)
	}
	switch {
	case errors.Is(err, errMissing):
		return rec, err
	case err != nil:
		return rec, &DamagedError{First: pos, Last: pos, Why: "it cannot be read", Err: err}
	}
	return readRecord(pos, key, v)
}

func (r *numbered) single(key []byte) ([]byte, error) {
	v, done, err := r.l.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, errMissing
	}
	if err != nil {
		return nil, err
	}
	defer done.Close()
	return append([]byte(nil), v...), nil
}
