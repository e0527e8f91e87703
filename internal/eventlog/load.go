package eventlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"brine/internal/event"
)

// The payload of metaFirst, written by retention: first position held, last position at that time, Received of it.
// It is what remains of the ends when every event has been removed.
func encodeFirst(first, last uint64, received int64) []byte {
	b := binary.BigEndian.AppendUint64(nil, first)
	b = binary.BigEndian.AppendUint64(b, last)
	return binary.BigEndian.AppendUint64(b, uint64(received))
}

// loadEnds finds first, last and the last time. claimed is what the HEAD file says, headErr what is wrong with it.
func (l *Log) loadEnds(claimed uint64, headErr error) error {
	first, last := uint64(1), uint64(0)
	b, err := l.value(textKey(kindMeta, metaFirst))
	switch {
	case err == nil && len(b) == 24:
		first, last = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
		l.received = int64(binary.BigEndian.Uint64(b[16:]))
	case errors.Is(err, ErrNotFound):
	default:
		l.log.Error("event log: where retention stopped cannot be read; the first event there is taken", "error", err)
		first, err = l.edge(false)
		if err != nil {
			return err
		}
		first = max(first, 1)
	}
	stored, err := l.edge(true)
	if err != nil {
		return err
	}
	last = max(last, stored, first-1)
	switch {
	case headErr == nil && claimed > last:
		l.lost = lostRange{max(last+1, first), claimed}
		last = claimed
		l.log.Error("event log: events that had been synced are gone from its end: a file is damaged, or was put back from an older copy",
			"first", l.lost.first, "last", l.lost.last)
	case headErr != nil && (last > 0 || !errors.Is(headErr, errNoHead)):
		l.log.Warn("event log: cannot tell whether events are missing at its end", "file", headName, "error", headErr)
	}
	l.first.Store(first)
	l.last.Store(last)
	return l.head.set(last, true)
}

// edge is the position of the first or the last event in the store; 0 for none.
func (l *Log) edge(last bool) (pos uint64, err error) {
	defer recovered(&err)
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindEvent}, UpperBound: []byte{kindEvent + 1}})
	if err != nil {
		return 0, fmt.Errorf("event log: %w", err)
	}
	defer it.Close()
	if last && it.Last() || !last && it.First() {
		return keyPos(it.Key()), nil
	}
	if err := it.Error(); err != nil {
		return 0, &DamagedError{What: "event log", Why: "the ends of it cannot be read", Err: err}
	}
	return 0, nil
}

// loadIndex makes the index of the last segment anew, and finds the time of the last event.
func (l *Log) loadIndex() error {
	first, last := l.Head()
	l.current = newSegment(segmentOf(last))
	lo := max(first, segmentOf(last)<<segmentBits, 1)
	for e, err := range l.Scan(context.Background(), Query{From: lo, To: last}) {
		var d *DamagedError
		switch {
		case errors.As(err, &d) && d.First > 0:
			for p := d.First; p <= d.Last; p++ {
				l.current.damaged |= blockBit(p)
			}
			l.log.Error("event log: " + d.Error())
		case err != nil:
			return err
		default:
			l.current.add(e.Pos, e.Tag, e.ID)
			l.received = max(l.received, e.Received.UnixNano())
		}
	}
	if l.received == 0 && last >= first {
		return l.loadReceived()
	}
	return nil
}

// loadReceived looks for the last event that can be read, past a segment that holds none.
func (l *Log) loadReceived() error {
	first, last := l.Head()
	for e, err := range l.Scan(context.Background(), Query{From: first, To: last, Reverse: true}) {
		if err == nil {
			l.received = e.Received.UnixNano()
			return nil
		}
		if !errors.Is(err, ErrDamaged) {
			return err
		}
	}
	return nil
}

// checkID refuses an id that no key can hold.
func checkID(id event.ID) error {
	if id.Origin == event.Master {
		return nil
	}
	return event.CheckMinionID(id.Origin)
}
