package identity

import (
	"fmt"
	"time"
)

// Accept lets the key that who names in: a fingerprint, or the id of the one key that waits under it. A key that
// is accepted already is no change. Other keys that wait under the same id are deleted: they would be impostors.
func (r *Registry) Accept(now time.Time, who, by string) ([]Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, err := r.toAccept(who)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", who, err)
	}
	if rec.Status == Accepted {
		return nil, nil
	}
	if holder, ok := r.accepted[rec.ID]; ok {
		return nil, fmt.Errorf("key %q: %w", who, &hinted{
			err:  fmt.Errorf("%w (%q): %s", ErrTaken, rec.ID, holder),
			hint: fmt.Sprintf("if the host was installed anew, `brine key delete %s` first", holder),
		})
	}
	changes := r.yield(rec.ID, rec.Key, by)
	rec.Status, rec.Updated, rec.By = Accepted, now, by
	return r.apply(append(changes, Change{Kind: KindAccepted, Record: rec, By: by})...), nil
}

// toAccept finds the one record that who means.
func (r *Registry) toAccept(who string) (Record, error) {
	records := r.named(who)
	var waiting []Record
	for _, rec := range records {
		switch {
		case rec.Status == Pending:
			waiting = append(waiting, rec)
		case rec.Status == Accepted:
			return rec, nil
		}
	}
	switch {
	case len(waiting) == 1:
		return waiting[0], nil
	case len(waiting) > 1:
		return Record{}, &hinted{err: ErrAmbiguous, hint: "compare with the fingerprint in the minion's own log, and accept by fingerprint"}
	case len(records) > 0:
		return Record{}, &hinted{err: ErrRejected, hint: fmt.Sprintf("`brine key delete %s`; the minion then asks again", who)}
	}
	return Record{}, ErrUnknown
}

// Reject shuts the keys that who names out, an accepted one too: a fingerprint, or an id for all keys under it. They
// stay out until they are deleted. Keys that are rejected already are no change.
func (r *Registry) Reject(now time.Time, who, by string) ([]Change, error) {
	return r.each(who, func(rec Record) (Change, bool) {
		old := rec.Status
		rec.Status, rec.Updated, rec.By = Rejected, now, by
		return Change{Kind: KindRejected, Record: rec, By: by}, old != Rejected
	})
}

// Delete forgets the keys that who names: a fingerprint, or an id for all keys under it. A minion that
// comes again with a forgotten key is a new one.
func (r *Registry) Delete(_ time.Time, who, by string) ([]Change, error) {
	return r.each(who, func(rec Record) (Change, bool) {
		return Change{Kind: KindDeleted, Record: rec, By: by}, true
	})
}

func (r *Registry) each(who string, change func(Record) (Change, bool)) ([]Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	records := r.named(who)
	if len(records) == 0 {
		return nil, fmt.Errorf("key %q: %w", who, ErrUnknown)
	}
	var changes []Change
	for _, rec := range records {
		if c, ok := change(rec); ok {
			changes = append(changes, c)
		}
	}
	return r.apply(changes...), nil
}

// named is the records of a fingerprint or an id.
func (r *Registry) named(who string) []Record {
	return r.sorted(func(rec Record) bool {
		if isKey(who) {
			return string(rec.Key) == who
		}
		return rec.ID == who
	})
}

// yield deletes the keys that wait under an id which is about to be the winner's.
func (r *Registry) yield(id string, winner Fingerprint, by string) []Change {
	var changes []Change
	for _, rec := range r.sorted(func(rec Record) bool {
		return rec.ID == id && rec.Status == Pending && rec.Key != winner
	}) {
		changes = append(changes, Change{Kind: KindDeleted, Record: rec, By: by, Reason: "another key was accepted for this id: " + string(winner)})
	}
	return changes
}

// AddToken takes a token in. Where MaxTokens are held, the oldest that is used or expired makes room; ErrFull when none is.
func (r *Registry) AddToken(now time.Time, t Token) ([]Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := t.check(); err != nil {
		return nil, err
	}
	if _, ok := r.tokens[t.Hash]; ok {
		return nil, fmt.Errorf("token %s: is held already", t.Name)
	}
	var changes []Change
	if len(r.tokens) >= MaxTokens {
		spent, ok := r.spent(now)
		if !ok {
			return nil, &hinted{err: fmt.Errorf("%w: %d", ErrFull, MaxTokens), hint: "delete those that are not needed"}
		}
		changes = append(changes, Change{Kind: KindTokenDeleted, Token: spent, By: t.By, Reason: "spent, and its place was needed"})
	}
	return r.apply(append(changes, Change{Kind: KindTokenAdded, Token: t, By: t.By})...), nil
}

func (r *Registry) spent(now time.Time) (Token, bool) {
	for _, t := range r.sortedTokens() {
		if !t.Used.IsZero() || !now.Before(t.Expires) {
			return t, true
		}
	}
	return Token{}, false
}

// DeleteToken makes a token worth nothing, by its name.
func (r *Registry) DeleteToken(name, by string) ([]Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.sortedTokens() {
		if t.Name == name {
			return r.apply(Change{Kind: KindTokenDeleted, Token: t, By: by}), nil
		}
	}
	return nil, fmt.Errorf("token %q: %w", name, ErrUnknown)
}
