package identity

import (
	"bytes"
	"fmt"
	"time"
)

// Enrol judges the request of a key that has proved itself in TLS. remote is its address, host:port or host. The cases,
// of which the first that fits counts:
//
//	the key is rejected                    rejected, whatever else is said
//	the key is accepted, for this id       accepted; a token is not used up
//	the key is accepted, for another id    denied
//	a token, and it does not fit           denied, with the reason; never pending
//	a token, and another key has the id    denied as impostor, unless the token may replace
//	a token that fits                      accepted; the token is used up
//	another key is accepted for the id     denied as impostor
//	the key waits under another id         denied: who reads the list of keys could be fooled
//	the key waits                          pending
//	a bound is reached                     busy
//	a new key                              pending
func (r *Registry) Enrol(now time.Time, fp Fingerprint, remote string, q Request) (Verdict, []Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	asks := Record{ID: q.ID, Key: fp, First: now, Updated: now, Remote: host(remote), Version: q.Version, Grains: q.Grains}
	if err := q.Check(); err != nil {
		asks.ID, asks.Version, asks.Grains = "", "", nil
		return denied("the request is malformed", "is the minion of a like version?"), nil
	}
	known, isKnown := r.records[fp]
	if isKnown {
		asks.First = known.First
	}
	switch {
	case known.Status == Rejected:
		return Verdict{VerdictRejected, "this key was rejected", "on the master: `brine key delete " + string(fp) + "`, if that was a mistake"}, nil
	case known.Status == Accepted && known.ID == q.ID:
		return Verdict{Status: VerdictAccepted}, nil
	case known.Status == Accepted:
		return r.deny(now, asks, fmt.Sprintf("this key is accepted as %q, not as %q", known.ID, q.ID),
			fmt.Sprintf("set the minion's id to %s, or on the master: `brine key delete %s`", known.ID, known.ID))
	case q.Token != "":
		return r.enrolByToken(now, asks, q.Token)
	case r.accepted[q.ID] != "":
		return r.impostor(now, asks)
	case isKnown && known.ID != q.ID:
		return r.deny(now, asks, fmt.Sprintf("this key waits as %q, not as %q", known.ID, q.ID),
			fmt.Sprintf("set the minion's id to %s, or on the master: `brine key delete %s`", known.ID, fp))
	}
	asks.Status = Pending
	if isKnown {
		r.pending[fp].seen = now
		return pendingVerdict(fp), r.refresh(now, known, asks)
	}
	return r.enrolNew(now, asks)
}

func (r *Registry) enrolByToken(now time.Time, asks Record, secret Secret) (Verdict, []Change) {
	t, reason := r.findToken(now, asks.ID, secret)
	if reason != "" {
		return r.deny(now, asks, reason, "on the master: `brine key token` makes a new one; without a token the key waits for `brine key accept`")
	}
	by := "token:" + t.Name
	t.Used, t.UsedBy, t.UsedFor = now, asks.Key, asks.ID
	changes := []Change{{Kind: KindTokenUsed, Token: t, By: by}}
	if old, ok := r.accepted[asks.ID]; ok {
		if !t.Replace {
			return r.impostor(now, asks)
		}
		changes = append(changes, Change{Kind: KindDeleted, Record: r.records[old], By: by, Reason: "replaced, as the token allows, by " + string(asks.Key)})
	}
	changes = append(changes, r.yield(asks.ID, asks.Key, by)...)
	asks.Status, asks.By = Accepted, by
	return Verdict{Status: VerdictAccepted}, r.apply(append(changes, Change{Kind: KindAccepted, Record: asks, By: by})...)
}

// findToken is the token of a secret, or the reason why it does not let id in. Whoever gets to hear the reason holds the secret.
func (r *Registry) findToken(now time.Time, id string, secret Secret) (found Token, reason string) {
	hash := hashSecret(secret)
	for _, t := range r.tokens { // all of them, so that the time tells nothing
		if t.holds(hash) {
			found = t
		}
	}
	switch {
	case found.Hash == "":
		return found, "this master does not know the join token"
	case !found.Used.IsZero():
		return found, fmt.Sprintf("the join token was used on %s for %q", found.Used.UTC().Format(time.RFC3339), found.UsedFor)
	case !now.Before(found.Expires):
		return found, "the join token expired on " + found.Expires.UTC().Format(time.RFC3339)
	case found.ID != "" && found.ID != id:
		return found, fmt.Sprintf("the join token is for %q, not for %q", found.ID, id)
	}
	return found, ""
}

func (r *Registry) enrolNew(now time.Time, asks Record) (Verdict, []Change) {
	var changes []Change
	b := block(asks.Remote)
	if r.perBlock[b] >= MaxPendingAddress || len(r.pending) >= MaxPending {
		within := "" // any block
		if r.perBlock[b] >= MaxPendingAddress {
			within = b
		}
		gone, ok := r.longGone(now, within)
		if !ok {
			v, changes := r.deny(now, asks, "too many keys wait for an operator", "on the master: `brine key list`; accept, reject or delete some")
			v.Status = VerdictBusy
			return v, changes
		}
		changes = append(changes, Change{Kind: KindDeleted, Record: gone, Reason: "it has not asked again, and its place was needed"})
	}
	changes = append(changes, Change{Kind: KindPending, Record: asks})
	return pendingVerdict(asks.Key), r.apply(changes...)
}

// refresh keeps what a waiting minion now says of itself, at most every refreshEvery.
func (r *Registry) refresh(now time.Time, known, asks Record) []Change {
	same := known.Version == asks.Version && known.Remote == asks.Remote && bytes.Equal(known.Grains, asks.Grains)
	if same || now.Sub(known.Updated) < refreshEvery {
		return nil
	}
	return r.apply(Change{Kind: KindUpdated, Record: asks})
}

func (r *Registry) impostor(now time.Time, asks Record) (Verdict, []Change) {
	reason := fmt.Sprintf("another key is accepted for %q", asks.ID)
	changes := r.told.tell(now, Change{Kind: KindImpostor, Record: asks, Reason: reason}, asks.ID)
	return denied(reason, fmt.Sprintf("if this host was installed anew, on the master: `brine key delete %s`, or a join token that may replace it; otherwise set another id", asks.ID)), changes
}

func (r *Registry) deny(now time.Time, asks Record, reason, hint string) (Verdict, []Change) {
	return denied(reason, hint), r.told.tell(now, Change{Kind: KindDenied, Record: asks, Reason: reason}, "")
}

func denied(reason, hint string) Verdict { return Verdict{VerdictDenied, reason, hint} }

func pendingVerdict(fp Fingerprint) Verdict {
	return Verdict{VerdictPending, "the key waits for an operator", "on the master: `brine key accept " + string(fp) + "`"}
}
