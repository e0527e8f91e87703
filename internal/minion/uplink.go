package minion

import (
	"time"

	"brine/internal/wire"
)

// link is what one session has sent and not yet seen acknowledged.
type link struct {
	offered  uint64    // the master's high-water mark, while it is compared
	sent     uint64    // highest sequence sent
	busy     bool      // Transmit is out
	stale    bool      // its answer no longer counts: rewound meanwhile
	batches  []batch   // sent, oldest first
	bytes    int       // in batches
	rewinds  int       // since the last acknowledgement
	progress time.Time // of the last acknowledgement, or of the first batch sent after all was acknowledged
}

type batch struct {
	to    uint64
	bytes int
}

// deadline is when what was sent counts as lost; zero when nothing is outstanding.
func (l *link) deadline() time.Time {
	if len(l.batches) == 0 {
		return time.Time{}
	}
	return l.progress.Add(min(ackTimeout<<min(l.rewinds, 8), ackTimeoutMax))
}

// rewind forgets what was sent, so that it is sent again.
func (l *link) rewind(now time.Time) {
	l.sent = 0 // pump begins behind what is acknowledged
	l.batches, l.bytes = l.batches[:0], 0
	l.stale = l.busy
	l.progress = now
	l.rewinds++
}

// pump asks for the next batch when there are events and room.
func (c *Core) pump() {
	if c.phase != up || c.link.busy || c.link.bytes >= maxInflightBytes {
		return
	}
	c.link.sent = max(c.link.sent, c.mem.Acked, c.mem.First-1)
	if c.link.sent+1 >= c.mem.Next {
		return
	}
	c.link.busy = true
	c.emit(Transmit{Conn: c.conn, From: c.link.sent + 1})
}

func (c *Core) transmitted(in Transmitted) {
	if in.Conn != c.conn || !c.link.busy {
		return
	}
	c.link.busy = false
	if c.link.stale {
		c.link.stale = false
		return
	}
	if in.To < in.From {
		c.hangup("the outbox does not give the events that it holds") // asked again at once, it would be asked for ever
		return
	}
	c.mem.Next = max(c.mem.Next, in.To+1) // the outbox may be ahead of what Appended has told
	if len(c.link.batches) == 0 {
		c.link.progress = c.now
	}
	c.link.sent = in.To
	c.link.batches = append(c.link.batches, batch{in.To, in.Bytes})
	c.link.bytes += in.Bytes
}

// acked takes an acknowledgement. It is cumulative, so that a lost or late one does no harm. One that brings nothing new
// while something is outstanding says that the master has met a hole: what is outstanding is sent again when the wait ends.
func (c *Core) acked(a *wire.Ack) {
	if a.UpTo >= c.mem.Next {
		c.hangup("the master acknowledged what was never sent")
		return
	}
	if a.UpTo < c.mem.First { // acknowledged before; or a new incarnation, of which nothing is
		return
	}
	c.trim(a.UpTo, a.Rejected)
	for len(c.link.batches) > 0 && c.link.batches[0].to <= a.UpTo {
		c.link.bytes -= c.link.batches[0].bytes
		c.link.batches = c.link.batches[1:]
	}
	c.link.progress, c.link.rewinds = c.now, 0
}

func (c *Core) trim(upTo uint64, rejected []wire.Rejection) {
	c.mem.Acked = upTo
	c.mem.First = max(c.mem.First, upTo+1)
	c.emit(Trim{UpTo: upTo, Rejected: rejected})
}
