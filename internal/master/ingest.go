package master

import (
	"fmt"
	"strings"
	"time"

	"brine/internal/event"
	"brine/internal/wire"
)

// events takes in a batch. Each event is taken exactly once: what lies below the expected sequence has been taken, what
// lies past it waits until the hole is filled, for the minion sends again what is not acknowledged. One that can never be
// taken is rejected and holds up nothing.
func (c *Core) events(in Events) {
	s := c.sessions[in.Conn]
	if s == nil {
		return
	}
	if s.minion == nil {
		c.hangup(s, "the first message must be a greeting", "")
		return
	}
	var rejected []wire.Rejection
	var last wire.RawEvent
	if in.First <= s.next {
		skip := min(s.next-in.First, uint64(len(in.Items)))
		for i := range in.Items[skip:] {
			it := &in.Items[skip:][i]
			if reason := reject(s.id, s.next, it); reason != "" {
				rejected = append(rejected, wire.Rejection{Seq: s.next, Reason: reason})
			} else {
				c.take(s, it)
			}
			last = it.Raw
			s.next++
		}
	}
	if last != nil {
		c.mark(s.minion, HighWater{Minion: s.id, Inc: s.inc, Seq: s.next - 1, Sum: wire.Sum(last), Updated: c.now})
	}
	c.tellRejected(s, rejected)
	c.emit(Send{Conn: s.conn, Msg: &wire.Ack{UpTo: s.next - 1, Rejected: rejected}})
}

// reject says why an event can never be taken; empty when it can.
func reject(minion string, seq uint64, it *Item) string {
	var reason string
	switch {
	case it.Err != nil:
		reason = it.Err.Error()
	case it.Event.Seq != seq:
		reason = fmt.Sprintf("it carries the sequence %d in the place of %d", it.Event.Seq, seq)
	case !event.MayFire(minion, it.Event.Tag):
		reason = fmt.Sprintf("below %s a minion names only itself, and this is %q", event.Reserved, it.Event.Tag)
	}
	return strings.ToValidUTF8(reason[:min(len(reason), maxRejectReason)], "")
}

// maxRejectReason bounds the reason of one rejection, in bytes: as many as a batch can have fit one message.
const maxRejectReason = 256

func clip(s string) string { return wire.CutReason(s) }

func (c *Core) take(s *session, it *Item) {
	w := &it.Event
	e := c.append(event.Event{
		ID:     event.ID{Origin: s.id, Inc: s.inc, Seq: w.Seq},
		Time:   time.Unix(0, w.Time).UTC(),
		Tag:    w.Tag,
		Minion: s.id,
		By:     w.By,
		Causes: w.Causes,
		Depth:  w.Depth,
		Own:    w.Own,
		Data:   w.Data,
	}, it.Raw)
	if isResult(&e) {
		c.result(s, &e)
	}
	c.drift(s.minion, &e)
	c.enforcing(s.minion, &e)
}

// rejectedData is the data of brine/minion/<id>/rejected.
type rejectedData struct {
	Count int        `json:"count"`
	First []rejected `json:"first"` // at most maxRejectedTold
}

type rejected struct {
	ID     event.ID `json:"id"`
	Reason string   `json:"reason"`
}

const maxRejectedTold = 64

func (c *Core) tellRejected(s *session, list []wire.Rejection) {
	if len(list) == 0 {
		return
	}
	d := rejectedData{Count: len(list)}
	for _, r := range list[:min(len(list), maxRejectedTold)] {
		d.First = append(d.First, rejected{event.ID{Origin: s.id, Inc: s.inc, Seq: r.Seq}, r.Reason})
	}
	c.own(ownEvent{tag: "brine/minion/" + s.id + "/rejected", data: d})
}
