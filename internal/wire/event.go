package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"

	"brine/internal/event"
)

// EncodeEvent makes the bytes of an event. It does not judge them: CheckEvent does, before.
func EncodeEvent(e Event) RawEvent {
	b := make([]byte, 0, 48+len(e.Tag)+len(e.By)+len(e.Data)+48*len(e.Causes))
	n := 3
	for _, there := range [...]bool{e.By != "", len(e.Causes) > 0, e.Depth != 0, e.Own, len(e.Data) > 0} {
		if there {
			n++
		}
	}
	b = append(b, kindMap<<5|byte(n))
	b = appendHead(append(b, 1), kindUint, e.Seq)
	b = appendInt(append(b, 2), e.Time)
	b = appendText(append(b, 3), e.Tag)
	if e.By != "" {
		b = appendText(append(b, 4), e.By)
	}
	if len(e.Causes) > 0 {
		b = appendHead(append(b, 5), kindArray, uint64(len(e.Causes)))
		for _, c := range e.Causes {
			b = appendText(b, c.String())
		}
	}
	if e.Depth != 0 {
		b = appendHead(append(b, 6), kindUint, uint64(e.Depth))
	}
	if e.Own {
		b = append(b, 7, simpleTrue)
	}
	if len(e.Data) > 0 {
		b = appendBytes(append(b, 8), e.Data)
	}
	return b
}

// DecodeEvent reads one event and checks all of it but the inside of Data, which aliases raw. Its error is an *Error.
// That Seq is the one its place in the batch says is for the caller to see.
func DecodeEvent(raw RawEvent) (Event, error) {
	var e Event
	if len(raw) > MaxEvent {
		return e, eventFault(fault(CodeSize, 0, "%d bytes; at most %d", len(raw), MaxEvent))
	}
	r := reader{b: raw}
	f := r.fields()
	for f.next(&r) {
		switch f.key {
		case 1:
			e.Seq = r.uint()
		case 2:
			e.Time = r.int()
		case 3:
			e.Tag = r.text()
		case 4:
			e.By = r.text()
		case 5:
			e.Causes = r.causes()
		case 6:
			e.Depth = r.uint8()
		case 7:
			e.Own = r.bool()
		case 8:
			e.Data = r.bytes()
		default:
			r.skip(1)
		}
	}
	f.need(&r, 1, 2, 3)
	r.end()
	if r.err == nil {
		r.err = e.check()
	}
	if r.err != nil {
		return Event{}, eventFault(r.err)
	}
	return e, nil
}

// CheckEvent says what DecodeEvent would refuse in an event that is about to be encoded, as an *Error.
func CheckEvent(e Event) error {
	err := e.check()
	if err == nil {
		err = checkUTF8(3, e.Tag)
	}
	for _, c := range e.Causes {
		if err == nil {
			err = checkID(5, c)
		}
	}
	if err != nil {
		return eventFault(err)
	}
	return nil
}

// check is what is left to check once the kinds of the fields and the texts of the causes are known to be right.
func (e *Event) check() *Error {
	if e.Seq == 0 {
		return fault(CodeBound, 1, "sequences begin at 1")
	}
	if err := event.CheckTag(e.Tag); err != nil {
		return fault(CodeValue, 3, "%v", err)
	}
	if err := checkName(4, "by", e.By, MaxBy); err != nil {
		return err
	}
	if len(e.Causes) > event.MaxCauses {
		return fault(CodeBound, 5, "%d causes; at most %d", len(e.Causes), event.MaxCauses)
	}
	if len(e.Data) > event.MaxData {
		return fault(CodeBound, 8, "data has %d bytes; at most %d", len(e.Data), event.MaxData)
	}
	return nil
}

func (r *reader) causes() []event.ID {
	n := r.array(event.MaxCauses)
	if n == 0 {
		return nil
	}
	ids := make([]event.ID, n)
	for i := range ids {
		ids[i] = r.id()
	}
	return ids
}

// id reads the text of an event's id. It must be the one text that the id has: the sequence without a zero in front.
func (r *reader) id() event.ID {
	s := r.text()
	if r.err != nil {
		return event.ID{}
	}
	id, err := event.ParseID(s)
	if err == nil && (id.IsZero() || s[strings.LastIndexByte(s, ':')+1] == '0') {
		err = errors.New("empty, or a sequence not as it is written")
	}
	if err != nil {
		r.fail(CodeValue, "event id %.300q: %v", s, err)
		return event.ID{}
	}
	return id
}

// Sum is the first eight bytes, big-endian, of the SHA-256 of an event as it is on the wire.
func Sum(raw RawEvent) uint64 {
	sum := sha256.Sum256(raw)
	return binary.BigEndian.Uint64(sum[:8])
}

func eventFault(err *Error) *Error {
	err.Type = typeEvent
	return err
}

func (r *reader) inc() event.Incarnation { return event.Incarnation(r.uint()) }
