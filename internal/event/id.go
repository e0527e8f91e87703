// Package event holds what Brine is made of: events, their ids, tags and tag patterns. It is plain values:
// it must never know a bus, a store or a role.
package event

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Master is the origin of the events that the master makes itself. No minion can have it: an id of a minion
// begins with a letter or a digit.
const Master = "@master"

// MaxMinionID is the longest id of a minion, in bytes: the longest host name that DNS allows.
const MaxMinionID = 253

// Incarnation tells apart the lives of one origin's memory: a minion whose data folder was restored or cloned
// takes a new one, so that its sequence numbers never collide with those it has forgotten. It is 40 random bits.
type Incarnation uint64

// incarnationBits is what fits the eight letters of an incarnation's text.
const incarnationBits = 40

var incarnationText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewIncarnation cuts an incarnation out of random, which the caller draws.
func NewIncarnation(random uint64) Incarnation {
	i := Incarnation(random & (1<<incarnationBits - 1))
	if i == 0 {
		return 1 // zero means "none"
	}
	return i
}

// String is eight letters and digits: base32 in lower case.
func (i Incarnation) String() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(i))
	return incarnationText.EncodeToString(b[3:])
}

// ParseIncarnation reads what String wrote.
func ParseIncarnation(s string) (Incarnation, error) {
	raw, err := incarnationText.DecodeString(s)
	if err != nil || len(raw) != 5 || len(s) != 8 { // the decoder passes over line ends
		return 0, fmt.Errorf("incarnation %q: want eight letters a-z or digits 2-7", s)
	}
	var b [8]byte
	copy(b[3:], raw)
	return Incarnation(binary.BigEndian.Uint64(b[:])), nil
}

// ID names one event for ever, everywhere. The sender makes it. Its text is origin:incarnation:sequence,
// such as web1:k3f7a2mc:42.
type ID struct {
	Origin string // the id of a minion, or Master
	Inc    Incarnation
	Seq    uint64 // from 1
}

// IsZero reports whether the id names no event.
func (id ID) IsZero() bool { return id == ID{} }

func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	return id.Origin + ":" + id.Inc.String() + ":" + strconv.FormatUint(id.Seq, 10)
}

// ParseID reads what String wrote. The empty text is the zero id.
func ParseID(s string) (ID, error) {
	if s == "" {
		return ID{}, nil
	}
	origin, rest, ok := strings.Cut(s, ":")
	inc, seq, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return ID{}, fmt.Errorf("event id %q: want origin:incarnation:sequence, such as web1:k3f7a2mc:42", s)
	}
	if origin != Master {
		if err := CheckMinionID(origin); err != nil {
			return ID{}, fmt.Errorf("event id %q: %w", s, err)
		}
	}
	i, err := ParseIncarnation(inc)
	if err != nil {
		return ID{}, fmt.Errorf("event id %q: %w", s, err)
	}
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil || n == 0 || seq[0] == '0' {
		return ID{}, fmt.Errorf("event id %q: the sequence %q is no number from 1", s, seq)
	}
	return ID{Origin: origin, Inc: i, Seq: n}, nil
}

// MarshalText and UnmarshalText make an id its text in JSON, YAML and CBOR alike.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is the opposite of MarshalText.
func (id *ID) UnmarshalText(text []byte) error {
	v, err := ParseID(string(text))
	*id = v
	return err
}

// CheckMinionID says what is wrong with the id of a minion: letters, digits, '.', '_' and '-', the first of them
// a letter or a digit, at most MaxMinionID bytes.
func CheckMinionID(id string) error {
	if id == "" {
		return fmt.Errorf("minion id is empty")
	}
	if len(id) > MaxMinionID {
		return fmt.Errorf("minion id %.20q... has %d bytes; at most %d", id, len(id), MaxMinionID)
	}
	for i, c := range []byte(id) {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return fmt.Errorf("minion id %q: %q at position %d; want letters, digits, '.', '_', '-', and a letter or digit first", id, c, i+1)
		}
	}
	return nil
}
