package identity

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
)

// Bounds of a registry. Accepted and rejected keys are bounded by what operators and tokens do: one act, one key.
const (
	MaxPending        = 1024 // keys that wait, in all
	MaxPendingAddress = 8    // keys that wait, of one IPv4 address or one /64 of IPv6
	MaxTokens         = 1024 // tokens, spent ones included
)

// Errors of Accept, Reject, Delete and DeleteToken, wrapped with the name.
var (
	ErrUnknown   = errors.New("not found")                           // returned when no key or token has that name
	ErrAmbiguous = errors.New("several keys wait under this id")     // returned when an id is not enough to say which key is meant
	ErrRejected  = errors.New("the key was rejected")                // returned when a rejected key is to be accepted
	ErrTaken     = errors.New("another key is accepted for this id") // returned when a second key of one id is to be accepted
	ErrFull      = errors.New("too many join tokens")                // returned when there are MaxTokens live tokens
)

// Registry knows which key is which minion. It is pure: what it does follows from what it was given, and the caller
// persists and tells each Change. It may be asked from many goroutines.
//
// Invariants: a key has one record; an id has at most one accepted key, and then no pending one; the bounds above.
type Registry struct {
	mu       sync.RWMutex
	records  map[Fingerprint]Record
	accepted map[string]Fingerprint // by id
	pending  map[Fingerprint]*waiting
	perBlock map[string]int   // pending keys, by block
	tokens   map[string]Token // by hash
	told     told
}

// NewRegistry makes a registry of what was stored. What breaks an invariant is damage: an error that names all of it,
// and no registry.
func NewRegistry(records []Record, tokens []Token) (*Registry, error) {
	r := &Registry{
		records:  map[Fingerprint]Record{},
		accepted: map[string]Fingerprint{},
		pending:  map[Fingerprint]*waiting{},
		perBlock: map[string]int{},
		tokens:   map[string]Token{},
		told:     told{},
	}
	var faults []error
	for _, rec := range records {
		_, twice := r.records[rec.Key]
		holder, taken := r.accepted[rec.ID]
		switch err := rec.check(); {
		case err != nil:
			faults = append(faults, fmt.Errorf("key %.60q of %.60q: %w", string(rec.Key), rec.ID, err))
		case twice:
			faults = append(faults, fmt.Errorf("key %s has two records", rec.Key))
		case taken && rec.Status == Accepted:
			faults = append(faults, fmt.Errorf("keys %s and %s are both accepted for %q", holder, rec.Key, rec.ID))
		default:
			r.put(rec)
		}
	}
	for fp := range r.pending {
		if id := r.records[fp].ID; r.accepted[id] != "" {
			faults = append(faults, fmt.Errorf("key %s waits for %q, for which %s is accepted", fp, id, r.accepted[id]))
		}
	}
	for _, t := range tokens {
		if err := t.check(); err != nil {
			faults = append(faults, err)
			continue
		}
		r.tokens[t.Hash] = t
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return r, nil
}

// Admitted says for which minion a key is accepted. It is what DoorBus asks.
func (r *Registry) Admitted(fp Fingerprint) (id string, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	rec, ok := r.records[fp]
	if !ok || rec.Status != Accepted {
		return "", false
	}
	return rec.ID, true
}

// ByKey is the record of a key.
func (r *Registry) ByKey(fp Fingerprint) (Record, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	rec, ok := r.records[fp]
	return rec, ok
}

// List is all records, by id and then by key.
func (r *Registry) List() []Record {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.sorted(func(Record) bool { return true })
}

// Tokens is all tokens, the oldest first.
func (r *Registry) Tokens() []Token {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.sortedTokens()
}

// Match is the records whose id matches a glob ('*', '?', '[a-z]'), or the one whose key it names, sorted as List.
func (r *Registry) Match(glob string) ([]Record, error) {
	if _, err := path.Match(glob, ""); err != nil {
		return nil, fmt.Errorf("glob %q: %w", glob, err)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.sorted(func(rec Record) bool {
		if isKey(glob) {
			return string(rec.Key) == glob
		}
		ok, _ := path.Match(glob, rec.ID) // checked above; an id has no slash
		return ok
	}), nil
}

// isKey tells a fingerprint from an id, which has no colon.
func isKey(who string) bool { return strings.HasPrefix(who, fingerprintPrefix) }

func (r *Registry) sorted(want func(Record) bool) []Record {
	var list []Record
	for _, rec := range r.records {
		if want(rec) {
			list = append(list, rec)
		}
	}
	slices.SortFunc(list, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Key, b.Key))
	})
	return list
}

func (r *Registry) sortedTokens() []Token {
	list := make([]Token, 0, len(r.tokens))
	for _, t := range r.tokens {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Token) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Hash, b.Hash))
	})
	return list
}

// apply carries out changes: the only way in which records and tokens change. Doing it again to an empty registry
// gives the same one.
func (r *Registry) apply(changes ...Change) []Change {
	for _, c := range changes {
		switch c.Kind {
		case KindPending, KindUpdated, KindAccepted, KindRejected:
			r.put(c.Record)
		case KindDeleted:
			r.remove(c.Record.Key)
		case KindTokenAdded, KindTokenUsed:
			r.tokens[c.Token.Hash] = c.Token
		case KindTokenDeleted:
			delete(r.tokens, c.Token.Hash)
		}
	}
	return changes
}

func (r *Registry) put(rec Record) {
	r.remove(rec.Key)
	r.records[rec.Key] = rec
	switch rec.Status {
	case Accepted:
		r.accepted[rec.ID] = rec.Key
	case Pending:
		b := block(rec.Remote)
		r.pending[rec.Key] = &waiting{block: b, seen: rec.Updated}
		r.perBlock[b]++
	}
}

func (r *Registry) remove(fp Fingerprint) {
	rec := r.records[fp]
	delete(r.records, fp)
	if r.accepted[rec.ID] == fp {
		delete(r.accepted, rec.ID)
	}
	if w, ok := r.pending[fp]; ok {
		delete(r.pending, fp)
		if r.perBlock[w.block]--; r.perBlock[w.block] == 0 {
			delete(r.perBlock, w.block)
		}
	}
}
