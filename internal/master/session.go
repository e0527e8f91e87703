package master

import (
	"cmp"
	"fmt"
	"time"

	"brine/internal/event"
	"brine/internal/wire"
)

func (c *Core) opened(in Opened) {
	id, ok := c.registry.Admitted(in.Key)
	if !ok { // deleted or rejected between the handshake and now
		c.emit(Hangup{Conn: in.Conn})
		return
	}
	c.sessions[in.Conn] = &session{conn: in.Conn, id: id, key: in.Key, remote: in.Remote, content: map[string]bool{}}
	c.timers.add(c.now.Add(helloTimeout), timer{kind: timerHello, conn: in.Conn})
}

func (c *Core) closed(in Closed) {
	s := c.sessions[in.Conn]
	if s == nil {
		return
	}
	reason := "connection closed"
	if in.Err != nil {
		reason = in.Err.Error()
	}
	c.end(s, reason)
}

// end forgets a session and, if it was the minion's current one, says that the minion is offline. Its jobs wait again.
func (c *Core) end(s *session, reason string) {
	delete(c.sessions, s.conn)
	m := s.minion
	if m == nil || m.session != s {
		return
	}
	m.session = nil
	m.queue.unsend()
	m.info.Online, m.info.Since = false, c.now
	c.emit(PutMinion{m.info})
	c.own(ownEvent{tag: "brine/minion/" + s.id + "/offline", data: map[string]string{"reason": reason, "remote": s.remote}})
}

// hangup ends a session from this side, with the reason for the minion's log.
func (c *Core) hangup(s *session, reason, hint string) {
	c.end(s, reason)
	c.emit(Hangup{Conn: s.conn, Bye: &wire.Bye{Reason: reason, Hint: hint}})
}

// message is the one place where a minion's message meets its handler. The identity is the session's: a message that
// names somebody else is refused, and told.
func (c *Core) message(in Received) {
	s := c.sessions[in.Conn]
	if s == nil {
		return
	}
	if hello, ok := in.Msg.(*wire.Hello); ok {
		c.hello(s, hello)
		return
	}
	if s.minion == nil {
		c.hangup(s, "the first message must be a greeting", "")
		return
	}
	switch msg := in.Msg.(type) {
	case *wire.Taken:
		c.taken(s, msg)
	case *wire.Get:
		c.get(s, msg)
	default:
		c.hangup(s, fmt.Sprintf("a minion may not send messages of type %s", msg.Type()), "")
	}
}

func (c *Core) hello(s *session, h *wire.Hello) {
	switch {
	case h.ID != s.id:
		c.own(ownEvent{tag: "brine/minion/" + s.id + "/refused", data: map[string]string{
			"reason": "it named itself " + h.ID, "remote": s.remote}})
		c.hangup(s, fmt.Sprintf("this key belongs to %s, not to %s", s.id, h.ID), "set id: "+s.id+", or delete data_dir to take a new key")
		return
	case h.MinProto > wire.Proto || h.MaxProto < wire.MinProto:
		c.hangup(s, fmt.Sprintf("no common protocol: the minion speaks %d to %d, the master %d to %d", h.MinProto, h.MaxProto, wire.MinProto, wire.Proto), "bring both to the same version of Brine")
		return
	case s.minion != nil:
		c.welcome(s) // a greeting that was doubled on its way
		return
	}
	m := c.minion(s.id)
	if old := m.session; old != nil {
		c.own(ownEvent{tag: "brine/minion/" + s.id + "/displaced", data: map[string]string{
			"reason": "a newer session of the same key", "remote": s.remote, "old_remote": old.remote}})
		c.hangup(old, "another session of this key has taken over", "is a clone of this minion running?")
	}
	s.minion, s.inc = m, h.Inc
	m.session, m.set = s, nil
	c.present(m, s, h)
	s.next = c.resume(m, h)
	c.welcome(s)
	c.setAll(m)
	c.dispatch(m)
}

// present records that a minion is here.
func (c *Core) present(m *minion, s *session, h *wire.Hello) {
	m.setInfo(MinionInfo{
		ID: s.id, Online: true, Since: c.now, Remote: s.remote, Version: h.Version, Inc: h.Inc,
		OffsetNS: int64(time.Unix(0, h.Now).Sub(c.now)), Grains: h.Grains,
	})
	c.emit(PutMinion{m.info})
	c.own(ownEvent{tag: "brine/minion/" + s.id + "/online", data: map[string]any{
		"remote": s.remote, "version": h.Version, "incarnation": h.Inc.String(), "unsent": h.Next - h.First,
		"clock_offset_ns": m.info.OffsetNS}}) // the rules' windows are measured by it
}

// gapData is the data of brine/gap/<id>: Lost events, From to To, that the log does not hold and never will.
type gapData struct {
	Incarnation string `json:"incarnation"`
	From        uint64 `json:"from"`
	To          uint64 `json:"to"`
	Lost        uint64 `json:"lost"`
	Reason      string `json:"reason"`
}

// resume finds the sequence at which a minion goes on, and tells a hole: events the minion no longer holds although
// this log has not got them, for it was restored from a backup or begun anew. An incarnation of which neither has anything may
// begin anywhere.
func (c *Core) resume(m *minion, h *wire.Hello) uint64 {
	high := m.marks[h.Inc].Seq
	told := gap{h.Inc, h.First - 1}
	if h.First > high+1 && (h.Acked > 0 || high > 0) && m.gap != told {
		m.gap = told
		reason := "acknowledged once, and not in this log: was the master restored from a backup?"
		if h.Acked <= high {
			reason = "the minion no longer has them: its memory was damaged"
		}
		c.own(ownEvent{tag: "brine/gap/" + m.info.ID, data: gapData{
			Incarnation: h.Inc.String(), From: high + 1, To: h.First - 1, Lost: h.First - 1 - high, Reason: reason}})
	}
	return max(high+1, h.First)
}

func (c *Core) welcome(s *session) {
	hw := s.minion.marks[s.inc]
	c.emit(Send{Conn: s.conn, Msg: &wire.Welcome{Proto: wire.Proto, HighWater: hw.Seq, Sum: hw.Sum, Now: c.now.UnixNano()}})
}

// get serves content that one of the minion's own jobs names, and nothing else.
func (c *Core) get(s *session, g *wire.Get) {
	if !s.mayGet(g.Hash) {
		c.emit(Send{Conn: s.conn, Msg: &wire.Chunk{Hash: g.Hash, Offset: g.Offset, Error: wire.NotNamed}})
		return
	}
	c.emit(Serve{Conn: s.conn, Get: *g})
}

// mark moves a minion's high-water mark. Marks of incarnations long gone are dropped.
func (c *Core) mark(m *minion, hw HighWater) {
	m.marks[hw.Inc] = hw
	c.emit(hw)
	if len(m.marks) <= maxIncarnations {
		return
	}
	var oldest HighWater
	for _, o := range m.marks {
		if o.Inc != hw.Inc && (oldest.Inc == 0 || cmp.Or(o.Updated.Compare(oldest.Updated), cmp.Compare(o.Inc, oldest.Inc)) < 0) {
			oldest = o
		}
	}
	delete(m.marks, oldest.Inc)
	oldest.Drop = true
	c.emit(oldest)
}

// isResult tells the event that carries a job's result.
func isResult(e *event.Event) bool {
	return e.Minion != "" && len(e.Tag) > len(jobTag) && e.Tag[:len(jobTag)] == jobTag
}
