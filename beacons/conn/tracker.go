package conn

import (
	"net/netip"
	"time"

	"brine/internal/linux"
)

// maxTracked bounds the connections that are remembered; those past it are not told one by one, nor counted.
const maxTracked = 1 << 18

// conn is one socket that is, or was, there.
type conn struct {
	linux.Socket
	in      bool
	user    string
	process *Process
	opened  time.Time // when it was first seen
	seen    uint64    // the look that saw it last
}

// look is what the kernel said at one time.
type look struct {
	now       time.Time
	conns     []linux.Socket // connected ones
	listeners []linux.Socket
	ended     []linux.Socket // since the last look; nil where the kernel does not tell
	told      bool           // the kernel tells of ends
}

// tracker remembers what is open. It is pure: looks go in, what has changed comes out.
type tracker struct {
	open      map[uint64]*conn // by cookie
	closed    map[uint64]uint64
	listeners map[listenerKey]bool
	before    map[listenerKey]bool
	looks     uint64
}

type listenerKey struct {
	proto linux.Proto
	local netip.AddrPort
}

func newTracker() *tracker {
	return &tracker{open: map[uint64]*conn{}, closed: map[uint64]uint64{}}
}

// step takes a look and gives the connections that are new since the last one, and those that have ended; one that was there only
// in between is among both. The first look makes nothing new.
func (t *tracker) step(l look) (opened, ended []*conn) {
	t.looks++
	first := t.looks == 1
	t.before, t.listeners = t.listeners, make(map[listenerKey]bool, len(l.listeners))
	for _, s := range l.listeners {
		t.listeners[listenerKey{s.Proto, s.Local}] = true
	}
	for _, s := range l.ended {
		if first {
			break // of before our time
		}
		c := t.open[s.Cookie]
		if c == nil {
			if s.Info.RTT == 0 || t.closed[s.Cookie] > 0 {
				continue // never established: refused, a listener; or told already
			}
			c = t.begin(s, l.now)
			opened = append(opened, c)
		}
		c.Info = s.Info
		delete(t.open, s.Cookie)
		t.closed[s.Cookie] = t.looks
		ended = append(ended, c)
	}
	for _, s := range l.conns {
		c := t.open[s.Cookie]
		switch {
		case c != nil:
			c.State = s.State
		case t.closed[s.Cookie] > 0 || len(t.open) >= maxTracked:
			continue
		default:
			c = t.begin(s, l.now)
			t.open[s.Cookie] = c
			if !first {
				opened = append(opened, c)
			}
		}
		c.seen = t.looks
	}
	return opened, append(ended, t.missing(l)...)
}

// missing are the connections that are no longer there, though the kernel did not tell of their end: it does not, or had no room. Where it does, it
// has until the next look.
func (t *tracker) missing(l look) (ended []*conn) {
	patience := uint64(0)
	if l.told {
		patience = 1
	}
	for cookie, c := range t.open {
		if c.seen+patience < t.looks {
			delete(t.open, cookie)
			t.closed[cookie] = t.looks
			ended = append(ended, c)
		}
	}
	for cookie, at := range t.closed {
		if at+2 < t.looks {
			delete(t.closed, cookie)
		}
	}
	return ended
}

func (t *tracker) begin(s linux.Socket, now time.Time) *conn {
	return &conn{Socket: s, in: t.inbound(s), opened: now}
}

// inbound reports whether the connection came to something that listens here, or did until just now.
func (t *tracker) inbound(s linux.Socket) bool {
	if s.Proto != linux.TCP {
		return false
	}
	port := s.Local.Port()
	for _, addr := range []netip.Addr{s.Local.Addr(), netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		k := listenerKey{s.Proto, netip.AddrPortFrom(addr, port)}
		if t.listeners[k] || t.before[k] {
			return true
		}
	}
	return false
}
