package eventlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"brine/internal/event"
	"brine/internal/wire"
)

// A stored event is, after the seal:
//
//	1  version, recordVersion
//	1  flags, 0
//	8  received, Unix nanoseconds
//	8  clock offset of the session, nanoseconds; reserved, 0
//	8  incarnation
//	1  length of the origin
//	n  origin
//	.  the event as it came, wire.RawEvent
//
// Numbers are big-endian. It needs nothing else of the log to be read, not even a table of names.
const (
	recordVersion = 1
	recordHead    = 1 + 1 + 8 + 8 + 8 + 1
)

// record is a stored event, parsed as far as its head. It aliases the value it was read from.
type record struct {
	received int64
	inc      event.Incarnation
	origin   []byte
	raw      wire.RawEvent
}

func putRecord(b []byte, received int64, id event.ID, raw wire.RawEvent) {
	b[0], b[1] = recordVersion, 0
	binary.BigEndian.PutUint64(b[2:], uint64(received))
	binary.BigEndian.PutUint64(b[10:], 0)
	binary.BigEndian.PutUint64(b[18:], uint64(id.Inc))
	b[26] = byte(len(id.Origin))
	n := copy(b[recordHead:], id.Origin)
	copy(b[recordHead+n:], raw)
}

func parseRecord(b []byte) (record, error) {
	if len(b) < recordHead || len(b) < recordHead+int(b[26]) {
		return record{}, fmt.Errorf("only %d bytes", len(b))
	}
	if b[0] != recordVersion {
		return record{}, fmt.Errorf("written by a later version of brine: record version %d, known is %d", b[0], recordVersion)
	}
	n := recordHead + int(b[26])
	return record{
		received: int64(binary.BigEndian.Uint64(b[2:])),
		inc:      event.Incarnation(binary.BigEndian.Uint64(b[18:])),
		origin:   b[recordHead:n],
		raw:      b[n:],
	}, nil
}

// event makes the event of a record. Its Data aliases the record; all else is its own.
func (r record) event(pos uint64) (event.Event, error) {
	w, err := wire.DecodeEvent(r.raw)
	if err != nil {
		return event.Event{}, &DamagedError{First: pos, Last: pos, Why: "it cannot be decoded", Err: err}
	}
	origin := string(r.origin)
	e := event.Event{
		ID:       event.ID{Origin: origin, Inc: r.inc, Seq: w.Seq},
		Pos:      pos,
		Time:     time.Unix(0, w.Time).UTC(),
		Received: time.Unix(0, r.received).UTC(),
		Tag:      w.Tag,
		Minion:   origin,
		By:       w.By,
		Causes:   w.Causes,
		Depth:    w.Depth,
		Own:      w.Own,
		Data:     w.Data,
	}
	if origin == event.Master {
		e.Minion = ""
	}
	return e, nil
}

// readRecord unseals and parses the value at pos.
func readRecord(pos uint64, key, value []byte) (record, error) {
	payload, ok := unseal(key, value)
	if !ok {
		return record{}, &DamagedError{First: pos, Last: pos, Why: "its checksum is wrong"}
	}
	r, err := parseRecord(payload)
	if err != nil {
		return record{}, &DamagedError{First: pos, Last: pos, Why: "its head cannot be read", Err: err}
	}
	return r, nil
}

// owned is the event with a copy of the only part that aliases a record.
func owned(e event.Event) event.Event {
	e.Data = bytes.Clone(e.Data)
	return e
}
