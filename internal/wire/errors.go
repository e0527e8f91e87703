package wire

import "fmt"

// Code says, in one stable word, why bytes are no message. Counters, dead letters and tests go by it.
type Code string

// The codes. SPEC.md has the rule behind each of them.
const (
	CodeSize      Code = "size"      // the message or the event is longer than it may be, or empty
	CodeType      Code = "type"      // the first byte names no message
	CodeDirection Code = "direction" // the message does not go this way
	CodeSyntax    Code = "syntax"    // not exactly one well-formed item in deterministic CBOR
	CodeShape     Code = "shape"     // a field is of the wrong kind of CBOR
	CodeMissing   Code = "missing"   // a required field is not there
	CodeBound     Code = "bound"     // a number, length or count is out of its bounds
	CodeValue     Code = "value"     // a text has not the form it must have: an id, a tag, a hash, a jid
)

// Error is what every function of this package returns.
type Error struct {
	Code   Code
	Type   Type   // of the message; zero for an event and where it is not known
	Field  uint64 // key of the field in the message or the event; zero for none in particular
	Detail string // for people; may change
}

func (e *Error) Error() string {
	what := "message"
	switch {
	case e.Type == typeEvent:
		what = "event"
	case e.Type != 0:
		what = e.Type.String()
	}
	if e.Field != 0 {
		return fmt.Sprintf("wire: %s, field %d: %s (%s)", what, e.Field, e.Detail, e.Code)
	}
	return fmt.Sprintf("wire: %s: %s (%s)", what, e.Detail, e.Code)
}

// typeEvent stands in errors for an event, which has no type byte of its own.
const typeEvent Type = 0xff

// String is the name of the type as SPEC.md has it.
func (t Type) String() string {
	switch t {
	case TypeHello:
		return "hello"
	case TypeEvents:
		return "events"
	case TypeTaken:
		return "taken"
	case TypeGet:
		return "get"
	case TypeWelcome:
		return "welcome"
	case TypeAck:
		return "ack"
	case TypeJob:
		return "job"
	case TypeCancel:
		return "cancel"
	case TypeChunk:
		return "chunk"
	case TypeBye:
		return "bye"
	}
	return fmt.Sprintf("type 0x%02x", byte(t))
}

func fault(code Code, field uint64, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Detail: fmt.Sprintf(format, args...)}
}
