package minion

import (
	"fmt"
	"time"

	"brine/internal/identity"
	"brine/internal/wire"
)

func (c *Core) dial() {
	c.conn++
	c.attempts++
	c.phase = dialling
	c.emit(Dial{Conn: c.conn})
}

// retry goes back to idle and dials again after a wait that grows with each attempt, half of it drawn: thousands of minions
// that lost one master come back spread out.
func (c *Core) retry(least time.Duration) {
	wait := backoffMax
	if c.attempts < 10 {
		wait = min(backoffMax, backoffMin<<c.attempts)
	}
	wait = max(wait/2+time.Duration(c.opt.Jitter()*float64(wait)/2), least)
	c.phase, c.retryAt = idle, c.now.Add(wait)
}

func (c *Core) hangup(reason string) {
	c.emit(Hangup{Conn: c.conn, Reason: reason})
	c.logf(true, "hanging up", "reason", reason)
	c.retry(0)
}

func (c *Core) connected(in Connected) {
	if in.Conn != c.conn || c.phase != dialling {
		c.emit(Hangup{Conn: in.Conn, Reason: "superseded"})
		return
	}
	c.phase, c.deadline = greeting, c.now.Add(helloTimeout)
	c.emit(Send{Conn: c.conn, Msg: &wire.Hello{
		MinProto: wire.MinProto, MaxProto: wire.Proto,
		ID: c.opt.ID, Inc: c.mem.Inc, First: c.mem.First, Next: c.mem.Next, Acked: c.mem.Acked,
		Now: c.now.UnixNano(), Version: c.opt.Version, Grains: c.opt.Grains,
	}})
}

func (c *Core) connectFailed(in ConnectFailed) {
	if in.Conn != c.conn || c.phase != dialling {
		return
	}
	switch in.Verdict {
	case identity.VerdictAccepted:
		c.attempts = 0 // the door is open: walk through it soon
		c.retry(0)
	case identity.VerdictPending: // soon at first, for somebody may be at it; a thousand that wait must not keep the master busy
		c.attempts = min(c.attempts, pendingAttempts)
		c.retry(0)
	case identity.VerdictRejected, identity.VerdictDenied:
		c.retry(rejectedWait)
	default:
		c.retry(0)
	}
}

func (c *Core) disconnected(in Disconnected) {
	if in.Conn != c.conn || c.phase == idle || c.phase == dialling {
		return
	}
	if c.phase == renewing {
		c.conn++ // the answer to Renew dials anew
		return
	}
	if c.phase == up && c.now.Sub(c.since) >= steady {
		c.attempts = 0
	}
	c.logf(true, "session ended", "reason", in.Err)
	c.retry(0)
}

// received takes a message of the master's. One that does not belong to the phase is passed over: it is late, and what
// matters is sent again.
func (c *Core) received(in Received) {
	if in.Conn != c.conn {
		return
	}
	switch msg := in.Msg.(type) {
	case *wire.Welcome:
		if c.phase == greeting {
			c.welcome(msg)
		}
	case *wire.Ack:
		if c.phase == up {
			c.acked(msg)
		}
	case *wire.Job:
		if c.phase == up {
			c.job(msg)
		}
	case *wire.Cancel:
		c.cancel(msg.JID)
	case *wire.Settings:
		if c.phase == up {
			c.emit(Set{Settings: msg})
		}
	case *wire.Bye:
		if c.phase == up && c.now.Sub(c.since) >= stable {
			c.attempts = 0 // else two clones that take the session from each other do so ever more slowly
		}
		c.logf(true, "the master ends the session", "reason", msg.Reason, "hint", msg.Hint)
		c.emit(Hangup{Conn: c.conn, Reason: msg.Reason})
		c.retry(time.Second)
	}
}

// welcome compares the master's memory of this minion with its own. The master may know less (an acknowledgement was
// lost with a crash of the master's that took a backup's place: a gap, which the master tells) or more (an acknowledgement was lost on the
// way: trimmed here). When it knows what was never sent, or another event under the same sequence, this memory is a restored
// snapshot or a clone, and its sequence numbers must not be used again under this incarnation.
func (c *Core) welcome(w *wire.Welcome) {
	switch {
	case w.HighWater >= c.mem.Next:
		c.renew(fmt.Sprintf("the master has event %d, and the next one here would be %d: restored snapshot or cloned disk", w.HighWater, c.mem.Next))
	case w.HighWater == 0 || w.HighWater < c.mem.Acked:
		c.establish(c.mem.Acked)
	default:
		c.phase, c.deadline = comparing, c.now.Add(helloTimeout)
		c.link.offered = w.HighWater
		c.emit(Compare{Conn: c.conn, Seq: w.HighWater, Sum: w.Sum})
	}
}

func (c *Core) compared(in Compared) {
	if in.Conn != c.conn || c.phase != comparing {
		return
	}
	if !in.Same {
		c.renew(fmt.Sprintf("the master has another event %d than this minion: restored snapshot or cloned disk", c.link.offered))
		return
	}
	c.establish(c.link.offered)
}

func (c *Core) establish(highWater uint64) {
	c.phase, c.since = up, c.now
	if highWater > c.mem.Acked {
		c.trim(highWater, nil)
	}
	c.link = link{sent: c.mem.Acked}
	if c.mem.First > c.link.sent+1 {
		c.link.sent = c.mem.First - 1
	}
	c.logf(false, "session established", "unsent", c.mem.Next-1-c.link.sent)
}

func (c *Core) renew(reason string) {
	c.phase = renewing
	c.emit(Hangup{Conn: c.conn, Reason: reason})
	c.emit(Renew{Reason: reason})
}

// renewedData is the data of the event that tells of a new incarnation.
type renewedData struct {
	Reason string `json:"reason"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

func (c *Core) renewed(in Renewed) {
	old := c.mem.Inc
	c.mem = in.Memory
	c.mem.Done = nil
	c.logf(true, "took a new incarnation", "old", old, "new", c.mem.Inc)
	c.emit(Fire{Tag: "brine/minion/" + c.opt.ID + "/renewed", Data: renewedData{
		Reason: "this minion's memory is a restored snapshot or a clone", Old: old.String(), New: c.mem.Inc.String()}})
	c.phase, c.retryAt = idle, c.now
	c.expire()
}
