package identity

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// ErrNotAdmitted is returned (wrapped, by ExplainTLS) when the master refuses the key at this door: pending, rejected,
// deleted or unknown to it.
var ErrNotAdmitted = errors.New("the master does not accept this key (yet)")

// ErrNoMaster is returned (wrapped) when what answers at the address speaks TLS, but is no master of Brine.
var ErrNoMaster = errors.New("no brine master answers at this address")

// ErrWrongMaster is returned, as a pointer, when the master's key is none of those it may have.
type ErrWrongMaster struct {
	Presented Fingerprint
	Expected  []Fingerprint
}

func (e *ErrWrongMaster) Error() string {
	want := make([]string, len(e.Expected))
	for i, fp := range e.Expected {
		want[i] = string(fp)
	}
	if len(want) == 0 {
		want = []string{"none: no fingerprint is configured"}
	}
	return fmt.Sprintf("the master's key is not the pinned one: it presented %s, expected %s", e.Presented, strings.Join(want, " or "))
}

// Hint says what to do.
func (e *ErrWrongMaster) Hint() string {
	return "compare with `brine key fingerprint` on the master; if its key was changed on purpose, set master_fingerprint on this minion"
}

// ExplainTLS turns what a client's handshake or first read returned into an error that helps; ask Hint for what to do. The
// result still Is and As what err was. Other errors are returned as they are.
//
// A refused client that writes before it reads may see a broken pipe instead, or on a slow path a reset: read first.
func ExplainTLS(err error) error {
	switch remoteAlert(err) {
	case "tls: bad certificate":
		return &hinted{
			err:  &both{ErrNotAdmitted, err},
			hint: "on the master: `brine key list`, then `brine key accept ID`",
		}
	case "tls: no application protocol":
		return &hinted{err: &both{ErrNoMaster, err}, hint: "is it the master's port, and a master of a like version?"}
	case "tls: protocol version not supported":
		return &hinted{err: &both{ErrNoMaster, err}, hint: "is it the master's port? Brine speaks TLS 1.3 only"}
	}
	if errors.Is(err, ErrNoMaster) && Hint(err) == "" {
		return &hinted{err: err, hint: "is it the master's port, and a master of a like version?"}
	}
	return err
}

// remoteAlert is the text of the TLS alert that the peer sent, or empty. crypto/tls gives its alerts no exported type outside QUIC;
// the tests hold these texts against the library.
func remoteAlert(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" && op.Err != nil {
		return op.Err.Error()
	}
	return ""
}

// Hint finds what err says to do about it, or nothing.
func Hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// hinted is an error that knows what to do about it.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// Hint says what to do.
func (h *hinted) Hint() string { return h.hint }

// both says what an error means, and keeps what it was.
type both struct{ meaning, was error }

func (b *both) Error() string   { return b.meaning.Error() }
func (b *both) Unwrap() []error { return []error{b.meaning, b.was} }
