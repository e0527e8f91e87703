package identity

import (
	"net"
	"net/netip"
	"strings"
	"time"
)

// How often things are told, and how long they are kept for who stays away.
const (
	refreshEvery = 10 * time.Minute // a waiting key's record is written anew at most this often
	tellEvery    = time.Minute      // refusals of one kind from one address block are told at most this often
	pendingGone  = time.Hour        // a waiting key that has not asked for so long gives way when its place is needed
	maxTold      = 1024             // address blocks of which refusals are counted each by itself; the others share one count
)

// host drops the port of an address.
func host(remote string) string {
	if h, _, err := net.SplitHostPort(remote); err == nil {
		return h
	}
	return remote
}

// block is what counts as one address: an IPv4 address, or the /64 that one IPv6 host has for itself.
func block(remote string) string {
	addr, err := netip.ParseAddr(host(remote))
	if err != nil {
		return remote
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	p, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return p.String()
}

// waiting is what is known of a pending key besides its record. seen is not persisted: after a restart a key that is
// still there asks soon, and one that is dropped too early asks again.
type waiting struct {
	block string
	seen  time.Time // when it last asked
}

// longGone is the pending key, of one block or of any (""), that stayed away longest, if it did for pendingGone.
func (r *Registry) longGone(now time.Time, within string) (Record, bool) {
	var gone Fingerprint
	var at time.Time
	for fp, w := range r.pending {
		if within != "" && w.block != within {
			continue
		}
		if gone == "" || w.seen.Before(at) || w.seen.Equal(at) && fp < gone {
			gone, at = fp, w.seen
		}
	}
	return r.records[gone], gone != "" && now.Sub(at) >= pendingGone
}

// told bounds the changes that strangers can cause by being refused: the first of a kind from an address block, and
// then one every tellEvery, with the number of those in between.
type told map[string]*burst

type burst struct {
	at     time.Time // of the last one told
	missed int       // since
}

// tell returns the change, or nothing when one like it was told just now. about tells apart within the block.
func (t told) tell(now time.Time, c Change, about string) []Change {
	key := string(c.Kind) + " " + block(c.Record.Remote) + " " + about
	if _, ok := t[key]; !ok && len(t) >= maxTold && !t.sweep(now) {
		key = string(c.Kind)
	}
	b := t[key]
	if b == nil {
		b = &burst{}
		t[key] = b
	} else if d := now.Sub(b.at); d >= 0 && d < tellEvery {
		b.missed++
		return nil
	}
	c.Missed = b.missed
	*b = burst{at: now}
	if s := t[string(c.Kind)]; s != nil {
		c.Missed += s.missed
		s.missed = 0
	}
	return []Change{c}
}

// sweep forgets what is long past, leaves what it had to tell to the shared count, and reports whether there is room.
func (t told) sweep(now time.Time) bool {
	for key, b := range t {
		kind, _, own := strings.Cut(key, " ")
		if d := now.Sub(b.at); !own || d >= 0 && d < tellEvery {
			continue
		}
		delete(t, key)
		if b.missed > 0 {
			t.shared(kind).missed += b.missed
		}
	}
	return len(t) < maxTold
}

// shared is the count of those that have none of their own.
func (t told) shared(kind string) *burst {
	b := t[kind]
	if b == nil {
		b = &burst{}
		t[kind] = b
	}
	return b
}
