package wire

import (
	"math"
	"unicode/utf8"

	"brine/internal/event"
	"brine/internal/job"
)

// checkName wants UTF-8 without control characters, at most limit bytes. An empty text passes.
func checkName(field uint64, what, s string, limit int) *Error {
	if len(s) > limit {
		return fault(CodeBound, field, "%s has %d bytes; at most %d", what, len(s), limit)
	}
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] == 0x7f {
			return fault(CodeValue, field, "%s %q holds a control character", what, s)
		}
	}
	return checkUTF8(field, s)
}

// checkUTF8 is for what is to be encoded: what was decoded has passed already.
func checkUTF8(field uint64, s string) *Error {
	if !utf8.ValidString(s) {
		return fault(CodeSyntax, field, "%q is not UTF-8", s)
	}
	return nil
}

func checkReason(field uint64, s string) *Error {
	if len(s) > MaxReason {
		return fault(CodeBound, field, "the text has %d bytes; at most %d", len(s), MaxReason)
	}
	return checkUTF8(field, s)
}

// CutReason makes of any text one that fits where a message gives a reason: UTF-8, at most MaxReason bytes.
func CutReason(s string) string { return cut(s, MaxReason) }

func cut(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	if utf8.ValidString(s) {
		return s
	}
	clean := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < utf8.RuneSelf {
			clean = append(clean, c)
		} else {
			clean = append(clean, '?')
		}
	}
	return string(clean)
}

func checkID(field uint64, id event.ID) *Error {
	if id.IsZero() {
		return fault(CodeValue, field, "the event id is empty")
	}
	if id.Origin != event.Master {
		if err := event.CheckMinionID(id.Origin); err != nil {
			return fault(CodeValue, field, "%v", err)
		}
	}
	if id.Seq == 0 {
		return fault(CodeValue, field, "event id %q has no sequence", id)
	}
	return checkInc(field, id.Inc, 0)
}

// maxIncarnation is the largest that fits 40 bits.
const maxIncarnation = 1<<40 - 1

func checkInc(field uint64, inc, least event.Incarnation) *Error {
	if inc > maxIncarnation || inc < least {
		return fault(CodeBound, field, "incarnation %d; want 40 bits, and not zero", uint64(inc))
	}
	return nil
}

// checkHash wants the SHA-256 of something as 64 lower-case hex digits.
func checkHash(field uint64, s string) *Error {
	if len(s) != 64 {
		return fault(CodeValue, field, "hash %.80q: want 64 hex digits", s)
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return fault(CodeValue, field, "hash %q: want 64 lower-case hex digits", s)
		}
	}
	return nil
}

func checkJID(field uint64, s string) *Error {
	if len(s) != job.JIDLen {
		return fault(CodeValue, field, "jid %.80q: want %d letters a-z or digits 2-7", s, job.JIDLen)
	}
	for _, c := range []byte(s) {
		if (c < '2' || c > '7') && (c < 'a' || c > 'z') {
			return fault(CodeValue, field, "jid %q: want letters a-z or digits 2-7", s)
		}
	}
	return nil
}

func checkAttempt(field uint64, n int) *Error {
	if n < 1 || n > MaxAttempt {
		return fault(CodeBound, field, "attempt %d; want 1 to %d", n, MaxAttempt)
	}
	return nil
}

// first returns the first fault.
func first(errs ...*Error) *Error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Hello) check() *Error {
	if m.MinProto < 1 || m.MinProto > m.MaxProto {
		return fault(CodeBound, 1, "protocols %d to %d", m.MinProto, m.MaxProto)
	}
	if err := event.CheckMinionID(m.ID); err != nil {
		return fault(CodeValue, 3, "%v", err)
	}
	switch {
	case m.First < 1 || m.First > m.Next:
		return fault(CodeBound, 5, "first %d, next %d: want 1 <= first <= next", m.First, m.Next)
	case m.Acked >= m.First:
		return fault(CodeBound, 7, "acknowledged up to %d, yet first is %d", m.Acked, m.First)
	}
	return first(checkInc(4, m.Inc, 1), checkName(9, "version", m.Version, MaxVersion), checkMap(10, "grains", m.Grains, MaxGrains))
}

func checkMap(field uint64, what string, d event.Data, limit int) *Error {
	if len(d) == 0 {
		return nil
	}
	if len(d) > limit {
		return fault(CodeBound, field, "%s: %d bytes; at most %d", what, len(d), limit)
	}
	v, err := d.Value()
	if err != nil {
		return fault(CodeValue, field, "%s: %v", what, err)
	}
	if _, ok := v.(map[string]any); !ok {
		return fault(CodeValue, field, "%s: not a map", what)
	}
	return nil
}

func (m *Welcome) check() *Error {
	if m.Proto < 1 {
		return fault(CodeBound, 1, "protocol %d", m.Proto)
	}
	return nil
}

func (m *Events) check() *Error {
	n := uint64(len(m.Events))
	switch {
	case n < 1 || n > MaxBatch:
		return fault(CodeBound, 2, "%d events; want 1 to %d", n, MaxBatch)
	case m.First < 1 || m.First > math.MaxUint64-n:
		return fault(CodeBound, 1, "first sequence %d", m.First)
	}
	return nil
}

func (m *Ack) check() *Error {
	if len(m.Rejected) > MaxRejected {
		return fault(CodeBound, 2, "%d rejections; at most %d", len(m.Rejected), MaxRejected)
	}
	var last uint64
	for _, x := range m.Rejected {
		if x.Seq <= last || x.Seq > m.UpTo {
			return fault(CodeBound, 2, "rejection of %d after %d, up to %d: want them to ascend", x.Seq, last, m.UpTo)
		}
		last = x.Seq
		if err := checkReason(2, x.Reason); err != nil {
			return err
		}
	}
	return nil
}

func (m *Taken) check() *Error { return first(checkJID(1, m.JID), checkAttempt(2, m.Attempt)) }

func (m *Cancel) check() *Error { return checkJID(1, m.JID) }

func (m *Get) check() *Error {
	if m.Offset < 0 {
		return fault(CodeBound, 2, "offset %d", m.Offset)
	}
	return checkHash(1, m.Hash)
}

func (m *Chunk) check() *Error {
	if err := first(checkHash(1, m.Hash), checkReason(5, m.Error)); err != nil {
		return err
	}
	n := int64(len(m.Data))
	switch {
	case m.Offset < 0:
		return fault(CodeBound, 2, "offset %d", m.Offset)
	case m.Size < 0:
		return fault(CodeBound, 3, "size %d", m.Size)
	case m.Error != "" && n > 0:
		return fault(CodeBound, 4, "data beside an error")
	case m.Error != "":
		return nil
	case n > MaxChunk:
		return fault(CodeBound, 4, "%d bytes; at most %d", n, MaxChunk)
	case m.Offset > m.Size || n > m.Size-m.Offset:
		return fault(CodeBound, 4, "%d bytes at %d of %d", n, m.Offset, m.Size)
	case n == 0 && m.Offset < m.Size:
		return fault(CodeBound, 4, "no bytes at %d of %d: the asker would never end", m.Offset, m.Size)
	}
	return nil
}

func (m *Settings) check() *Error {
	if m.Name == "" {
		return fault(CodeValue, 1, "the name is empty")
	}
	return first(checkName(1, "name", m.Name, MaxName), checkHash(2, m.Hash), checkMap(3, "settings", m.Data, MaxSettings))
}

func (m *Bye) check() *Error { return first(checkReason(1, m.Reason), checkReason(2, m.Hint)) }

func (m *Job) check() *Error {
	err := first(checkJID(1, m.JID), checkAttempt(2, m.Attempt), checkName(3, "function", m.Fun, MaxName),
		checkName(6, "rule", m.Rule, MaxName), checkID(7, m.Cause))
	switch {
	case err != nil:
		return err
	case m.Fun == "":
		return fault(CodeValue, 3, "the function is empty")
	case m.Remaining < 0:
		return fault(CodeBound, 5, "%v remain", m.Remaining)
	}
	if err := checkMap(10, "arguments", m.Args, MaxArgs); err != nil || m.Low == nil {
		return err
	}
	return checkLow(m.Low)
}
