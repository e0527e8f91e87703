package identity

import (
	"fmt"
	"time"

	"brine/internal/event"
)

// Status says what the master thinks of a key.
type Status string

// The states of a key.
const (
	Pending  Status = "pending"  // it waits for an operator
	Accepted Status = "accepted" // it is its minion
	Rejected Status = "rejected" // it is none, until it is deleted
)

// Record is what the master knows of one key.
type Record struct {
	ID      string      `json:"id"` // the minion that the key is, or wants to be
	Key     Fingerprint `json:"key"`
	Status  Status      `json:"status"`
	First   time.Time   `json:"first"`             // when the key was first seen
	Updated time.Time   `json:"updated"`           // when the record last changed
	Remote  string      `json:"remote,omitempty"`  // the address it enrolled from
	Version string      `json:"version,omitempty"` // of its program then
	Grains  event.Data  `json:"grains,omitempty"`  // what it said of itself then
	By      string      `json:"by,omitempty"`      // who decided: an operator, or token:NAME
}

func (r Record) check() error {
	if err := event.CheckMinionID(r.ID); err != nil {
		return err
	}
	if _, err := r.Key.sum(); err != nil {
		return err
	}
	switch r.Status {
	case Pending, Accepted, Rejected:
		return nil
	}
	return fmt.Errorf("status %.20q is none of pending, accepted, rejected", string(r.Status))
}

// Kind says what a Change is.
type Kind string

// The kinds of change. After KindRejected and KindDeleted the caller ends the session of Record.Key.
const (
	KindPending      Kind = "pending"       // a new key asks
	KindUpdated      Kind = "updated"       // a pending key says something else of itself than before; not an event
	KindAccepted     Kind = "accepted"      // by an operator or a token
	KindRejected     Kind = "rejected"      // by an operator
	KindDeleted      Kind = "deleted"       // by an operator, or because another key took its place (Reason)
	KindImpostor     Kind = "impostor"      // a second key claims an accepted id; nothing to persist
	KindDenied       Kind = "denied"        // a request was refused for another reason; nothing to persist
	KindTokenAdded   Kind = "token-added"   // by an operator
	KindTokenUsed    Kind = "token-used"    // and worth nothing any more
	KindTokenDeleted Kind = "token-deleted" // by an operator, or because it was spent and its place was needed
)

// Change is one thing that happened to a Registry. All changes of one call belong into one commit, which is to be on disk
// before anybody is told (the minion its verdict, the operator the outcome).
type Change struct {
	Kind   Kind
	Record Record // as it is now; for KindDeleted as it was; for impostor and denied what was asked, without a status
	Token  Token  // for the kinds of tokens
	By     string // who did it
	Reason string // why, where nobody asked for it
	Missed int    // for impostor and denied: refusals of this kind before this one that were not told
}

// The buckets in which a store keeps what Put returns.
const (
	BucketKeys   = "keys"
	BucketTokens = "tokens"
)

// Put says what a store must do: set key in bucket to value, or delete it when value is nil. ok is false when there
// is nothing to store.
func (c Change) Put() (bucket, key string, value []byte, ok bool, err error) {
	var v any
	switch c.Kind {
	case KindPending, KindUpdated, KindAccepted, KindRejected:
		bucket, key, v = BucketKeys, string(c.Record.Key), c.Record
	case KindDeleted:
		bucket, key = BucketKeys, string(c.Record.Key)
	case KindTokenAdded, KindTokenUsed:
		bucket, key, v = BucketTokens, c.Token.Hash, c.Token
	case KindTokenDeleted:
		bucket, key = BucketTokens, c.Token.Hash
	default:
		return "", "", nil, false, nil
	}
	value, err = event.Encode(v)
	return bucket, key, value, err == nil, err
}

// DecodeRecord reads what Put made of a record. An error means damage.
func DecodeRecord(value []byte) (Record, error) {
	var r Record
	if err := event.Data(value).Decode(&r); err != nil {
		return Record{}, fmt.Errorf("key record: %w", err)
	}
	if err := r.check(); err != nil {
		return Record{}, fmt.Errorf("key record: %w", err)
	}
	return r, nil
}

// DecodeToken reads what Put made of a token. An error means damage.
func DecodeToken(value []byte) (Token, error) {
	var t Token
	if err := event.Data(value).Decode(&t); err != nil {
		return Token{}, fmt.Errorf("token: %w", err)
	}
	return t, t.check()
}
