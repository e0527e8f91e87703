package wire

import (
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// up reports whether messages of the type go from minion to master.
func (t Type) up() bool { return t&1 == 1 }

// Encode makes the bytes of a message: its type, then one map in deterministic CBOR. It refuses, with an *Error, what Decode
// would refuse. The reasons of an Ack that would not fit a frame are shortened, as an Ack must always get through.
func Encode(m Message) ([]byte, error) {
	d, ok := m.(decoder)
	if !ok {
		return nil, fault(CodeType, 0, "%T is no message", m)
	}
	if err := d.check(); err != nil {
		err.Type = m.Type()
		return nil, err
	}
	b, err := encode(m)
	if ack, ok := m.(*Ack); ok && err == nil && len(b) > MaxFrame {
		b, err = encode(shorter(ack))
	}
	if err != nil {
		return nil, &Error{Code: CodeSyntax, Type: m.Type(), Detail: err.Error()}
	}
	if len(b) > MaxFrame {
		return nil, &Error{Code: CodeSize, Type: m.Type(), Detail: fmt.Sprintf("%d bytes; at most %d", len(b), MaxFrame)}
	}
	return b, nil
}

func encode(m Message) ([]byte, error) {
	if e, ok := m.(*Events); ok {
		return encodeEvents(e), nil
	}
	mode, err := encMode()
	if err != nil {
		return nil, err
	}
	body, err := mode.Marshal(m)
	if err != nil {
		return nil, err
	}
	return append([]byte{byte(m.Type())}, body...), nil
}

func encodeEvents(m *Events) []byte {
	size := 32
	for _, raw := range m.Events {
		size += len(raw) + 5
	}
	b := make([]byte, 0, size)
	b = append(b, byte(TypeEvents), kindMap<<5|2)
	b = appendHead(append(b, 1), kindUint, m.First)
	b = appendHead(append(b, 2), kindArray, uint64(len(m.Events)))
	for _, raw := range m.Events {
		b = appendBytes(b, raw)
	}
	return b
}

func shorter(m *Ack) *Ack {
	s := &Ack{UpTo: m.UpTo, Rejected: make([]Rejection, len(m.Rejected))}
	for i, x := range m.Rejected {
		s.Rejected[i] = Rejection{Seq: x.Seq, Reason: cut(x.Reason, cutReason)}
	}
	return s
}

// Decode reads a message of either direction. What it returns aliases b: the events of Events, the data of Chunk, the grains
// of Hello. Its error is an *Error.
func Decode(b []byte) (Message, error) {
	if len(b) == 0 || len(b) > MaxFrame {
		return nil, fault(CodeSize, 0, "%d bytes; want 1 to %d", len(b), MaxFrame)
	}
	t := Type(b[0])
	m := blank(t)
	if m == nil {
		return nil, fault(CodeType, 0, "0x%02x names no message", b[0])
	}
	r := &reader{b: b, off: 1}
	m.read(r)
	r.end()
	if r.err == nil {
		r.err = m.check()
	}
	if r.err != nil {
		r.err.Type = t
		return nil, r.err
	}
	return m, nil
}

// DecodeUp is Decode for the master: it takes only what a minion may send.
func DecodeUp(b []byte) (Message, error) { return decodeWay(b, true) }

// DecodeDown is Decode for the minion: it takes only what a master may send.
func DecodeDown(b []byte) (Message, error) { return decodeWay(b, false) }

func decodeWay(b []byte, up bool) (Message, error) {
	if len(b) > 0 && blank(Type(b[0])) != nil && Type(b[0]).up() != up {
		return nil, &Error{Code: CodeDirection, Type: Type(b[0]), Detail: "does not go this way"}
	}
	return Decode(b)
}

// encMode is deterministic, writes ids as text, and nil lists and data as empty ones.
var encMode = sync.OnceValues(func() (cbor.EncMode, error) {
	opt := cbor.CoreDetEncOptions()
	opt.TextMarshaler = cbor.TextMarshalerTextString
	opt.NilContainers = cbor.NilContainerAsEmpty
	return opt.EncMode()
})
