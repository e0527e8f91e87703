package identity

import (
	"fmt"
	"unicode/utf8"

	"brine/internal/event"
)

// Limits of the enrolment exchange, in bytes.
const (
	MaxRequest = 4096 // an encoded Request, and an encoded Verdict
	MaxVersion = 64   // a version of the minion's program
	MaxReason  = 1024 // a reason, and a hint
)

// Request is what a minion says at DoorEnrol. Its key is not in it: that is the session's.
type Request struct {
	ID      string     `cbor:"1,keyasint"`           // the id it wants
	Token   Secret     `cbor:"2,keyasint,omitempty"` // of a join token, if it has one
	Version string     `cbor:"3,keyasint,omitempty"` // of its program, for the eye
	Proto   uint8      `cbor:"4,keyasint"`           // the highest protocol of the bus that it speaks
	Grains  event.Data `cbor:"5,keyasint,omitempty"` // a map, for the eye of who accepts the key; a byte string that holds one CBOR item
}

// Verdict is the master's answer.
type Verdict struct {
	Status VerdictStatus `cbor:"1,keyasint"`
	Reason string        `cbor:"2,keyasint,omitempty"` // one sentence; empty for accepted
	Hint   string        `cbor:"3,keyasint,omitempty"` // what to do about it
}

// VerdictStatus says how a request ended.
type VerdictStatus string

// The verdicts.
const (
	VerdictAccepted VerdictStatus = "accepted" // go to DoorBus
	VerdictPending  VerdictStatus = "pending"  // an operator will decide: ask again from time to time
	VerdictRejected VerdictStatus = "rejected" // an operator has decided against this key; ask again seldom
	VerdictDenied   VerdictStatus = "denied"   // this request will never do; somebody must change something
	VerdictBusy     VerdictStatus = "busy"     // a bound is reached: ask again later
)

func (s VerdictStatus) valid() bool {
	switch s {
	case VerdictAccepted, VerdictPending, VerdictRejected, VerdictDenied, VerdictBusy:
		return true
	}
	return false
}

// Check says what is wrong with the request as a value, whoever sent it.
func (q Request) Check() error {
	if err := event.CheckMinionID(q.ID); err != nil {
		return err
	}
	if len(q.Token) > secretLen {
		return fmt.Errorf("token's secret has %d bytes; at most %d", len(q.Token), secretLen)
	}
	if err := checkText("version", q.Version, MaxVersion); err != nil {
		return err
	}
	if q.Proto == 0 {
		return fmt.Errorf("protocol is 0; want 1 or more")
	}
	v, err := q.Grains.Value()
	if err != nil {
		return fmt.Errorf("grains: %w", err)
	}
	if _, ok := v.(map[string]any); !ok {
		return fmt.Errorf("grains: a %T; want a map", v)
	}
	return nil
}

// Check says what is wrong with the verdict as a value.
func (v Verdict) Check() error {
	if !v.Status.valid() {
		return fmt.Errorf("status %.20q is none of accepted, pending, rejected, denied, busy", string(v.Status))
	}
	if err := checkText("reason", v.Reason, MaxReason); err != nil {
		return err
	}
	return checkText("hint", v.Hint, MaxReason)
}

// checkText keeps what is shown on terminals and in logs on one line and without control characters.
func checkText(what, s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("%s has %d bytes; at most %d", what, len(s), limit)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is not UTF-8", what)
	}
	for i, c := range s {
		if c < 0x20 || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' || c >= '\u202a' && c <= '\u202e' || c >= '\u2066' && c <= '\u2069' {
			return fmt.Errorf("%s: %q at byte %d; want one line without control characters", what, c, i)
		}
	}
	return nil
}
