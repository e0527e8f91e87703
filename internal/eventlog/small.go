package eventlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"brine/internal/event"
)

// pair is a key and its payload, both copied.
type pair struct {
	key, payload []byte
	err          error // the value is damaged
}

// each walks a range of keys in pages, so that nothing of the store is held while the consumer looks. A value that is
// damaged is given with its error in pair and the walk goes on; an error beside it is the last.
func (l *Log) each(lower, upper []byte, reverse bool) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		for more := true; more; {
			page, err := l.pairs(lower, upper, reverse)
			l.settle()
			for _, p := range page {
				if !yield(p, nil) {
					return
				}
			}
			if err != nil {
				yield(pair{}, err)
				return
			}
			if more = len(page) == pageEvents; more && reverse {
				upper = page[len(page)-1].key
			} else if more {
				lower = append(bytes.Clone(page[len(page)-1].key), 0)
			}
		}
	}
}

func (l *Log) pairs(lower, upper []byte, reverse bool) (page []pair, err error) {
	done, err := l.use()
	if err != nil {
		return nil, err
	}
	defer done()
	defer recovered(&err)
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	defer it.Close()
	ok, step := it.First, it.Next
	if reverse {
		ok, step = it.Last, it.Prev
	}
	for on := ok(); on && len(page) < pageEvents; on = step() {
		p := pair{key: bytes.Clone(it.Key())}
		if v, intact := unseal(p.key, it.Value()); intact {
			p.payload = bytes.Clone(v)
		} else {
			p.err = &DamagedError{What: keyName(p.key), Why: "its checksum is wrong"}
		}
		page = append(page, p)
	}
	if err := it.Error(); err != nil {
		return page, &DamagedError{What: "keys behind " + keyName(lower), Why: "they cannot be read", Err: err}
	}
	return page, nil
}

// HighWaters gives every mark that was set.
func (l *Log) HighWaters() iter.Seq2[HighWater, error] {
	return func(yield func(HighWater, error) bool) {
		for p, err := range l.each([]byte{kindHigh}, []byte{kindHigh + 1}, false) {
			var h HighWater
			if err = errors.Join(err, p.err); err == nil {
				h, err = parseHigh(p.key, p.payload)
			}
			if !yield(h, err) {
				return
			}
		}
	}
}

func parseHigh(key, b []byte) (HighWater, error) {
	minion, inc, ok := bytes.Cut(key[1:], []byte{0})
	if !ok || len(inc) != 8 || len(b) != 24 {
		return HighWater{}, &DamagedError{What: keyName(key), Why: "it is malformed"}
	}
	h := HighWater{
		Minion: string(minion),
		Inc:    event.Incarnation(binary.BigEndian.Uint64(inc)),
		Seq:    binary.BigEndian.Uint64(b),
		Sum:    binary.BigEndian.Uint64(b[8:]),
	}
	if ns := int64(binary.BigEndian.Uint64(b[16:])); ns != 0 {
		h.Updated = time.Unix(0, ns).UTC()
	}
	return h, nil
}

// Verdicts is the blob kept for the event at pos. ErrNotFound when there is none.
func (l *Log) Verdicts(pos uint64) ([]byte, error) { return l.one(posKey(kindVerdicts, pos)) }

// Cursor is what SetCursor kept; 0 when it never was.
func (l *Log) Cursor() (uint64, error) {
	b, err := l.one(textKey(kindMeta, metaCursor))
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err == nil && len(b) != 8 {
		err = &DamagedError{What: "cursor", Why: "it is malformed"}
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// Reactor gives every piece of the reactor's state, by key. It stops at the first error that f returns.
func (l *Log) Reactor(f func(key string, value []byte) error) error {
	return l.texts(textKey(kindReactor, ""), f)
}

// Records gives every record of a bucket, by key. It stops at the first error that f returns.
func (l *Log) Records(bucket string, f func(key string, value []byte) error) error {
	return l.texts(textKey(kindRecord, bucket, ""), f)
}

// texts calls f for all that can be read, and returns what could not beside the error of f.
func (l *Log) texts(prefix []byte, f func(key string, value []byte) error) error {
	var damaged []error
	for p, err := range l.each(prefix, after(prefix), false) {
		if err = errors.Join(err, p.err); err != nil {
			damaged = append(damaged, err)
			continue
		}
		if err := f(string(p.key[len(prefix):]), p.payload); err != nil {
			return errors.Join(append(damaged, err)...)
		}
	}
	return errors.Join(damaged...)
}

// Record is one record. ErrNotFound when there is none.
func (l *Log) Record(bucket, key string) ([]byte, error) {
	return l.one(textKey(kindRecord, bucket, key))
}

// one is value for a caller outside.
func (l *Log) one(key []byte) (b []byte, err error) {
	done, err := l.use()
	if err != nil {
		return nil, err
	}
	defer done()
	defer recovered(&err)
	return l.value(key)
}

// keyName says in words what a key is of.
func keyName(key []byte) string {
	if len(key) == 0 {
		return "key"
	}
	text := strings.ReplaceAll(string(key[1:]), "\x00", " ")
	switch key[0] {
	case kindEvent:
		return fmt.Sprintf("event at position %d", keyPos(key))
	case kindVerdicts:
		return fmt.Sprintf("verdicts on the event at position %d", keyPos(key))
	case kindSegment:
		return fmt.Sprintf("index of the positions from %d", keyPos(key)<<segmentBits)
	case kindRun, kindCause:
		name, _, _ := strings.Cut(string(key[min(9, len(key)):]), "\x00")
		return fmt.Sprintf("index of the events of %q", name)
	case kindHigh:
		name, _, _ := strings.Cut(string(key[1:]), "\x00")
		return fmt.Sprintf("high-water mark of %q", name)
	case kindJob:
		return "job " + text
	case kindJobTime, kindOpenJob:
		return fmt.Sprintf("index of job %q", string(key[min(9, len(key)):]))
	case kindRecord:
		return "record " + text
	case kindMeta:
		return "log's own " + text
	case kindReactor:
		return "reactor state " + text
	}
	return fmt.Sprintf("%q", key)
}
