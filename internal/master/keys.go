package master

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
)

// KeyAct is what an operator does to keys.
type KeyAct string

// The acts.
const (
	KeyAccept KeyAct = "accept"
	KeyReject KeyAct = "reject"
	KeyDelete KeyAct = "delete"
)

// ErrNoTarget is returned when no accepted minion is meant.
var ErrNoTarget = errors.New("no accepted minion matches the target")

// enrol answers the enrolment door.
func (c *Core) enrol(in Enrol) {
	verdict, changes := c.registry.Enrol(c.now, in.Key, in.Remote, in.Req)
	c.apply(changes)
	c.emit(Reply{Ref: in.Ref, Value: verdict})
}

// keyCommand carries out an operator's act on each of the ids, and answers with the records as they are then.
func (c *Core) keyCommand(in KeyCommand) {
	act := map[KeyAct]func(time.Time, string, string) ([]identity.Change, error){
		KeyAccept: c.registry.Accept, KeyReject: c.registry.Reject, KeyDelete: c.registry.Delete,
	}[in.Act]
	if act == nil {
		c.emit(Reply{Ref: in.Ref, Err: fmt.Errorf("unknown act %q on keys", in.Act)})
		return
	}
	var all []identity.Change
	var first error
	for _, who := range in.Who {
		changes, err := act(c.now, who, in.By)
		if err != nil && first == nil {
			first = err
		}
		all = append(all, changes...)
	}
	c.apply(all)
	records := make([]identity.Record, len(all))
	for i := range all {
		records[i] = all[i].Record
	}
	c.emit(Reply{Ref: in.Ref, Value: records, Err: first})
}

func (c *Core) tokenCommand(in TokenCommand) {
	changes, err := c.registry.AddToken(c.now, in.Token)
	c.apply(changes)
	c.emit(Reply{Ref: in.Ref, Err: err})
}

// apply stores what changed among the keys, tells it, and ends the sessions that are no longer admitted.
func (c *Core) apply(changes []identity.Change) {
	var shut []string // ids, of which a key is no longer accepted
	for _, ch := range changes {
		c.emit(PutKey{Change: ch})
		if tag, data, ok := ch.Event(); ok {
			c.own(ownEvent{tag: tag, data: data, by: ch.By})
		}
		switch ch.Kind {
		case identity.KindAccepted:
			c.minion(ch.Record.ID).key = ch.Record.Key
		case identity.KindDeleted, identity.KindRejected:
			if m := c.minions[ch.Record.ID]; m != nil && m.key == ch.Record.Key {
				m.key = ""
				c.forgetDrift(m)
				c.forgetEnforcing(m)
				shut = append(shut, ch.Record.ID)
			}
		}
	}
	if len(shut) == 0 {
		return
	}
	for _, conn := range slices.Sorted(maps.Keys(c.sessions)) {
		s := c.sessions[conn]
		if id, ok := c.registry.Admitted(s.key); !ok || id != s.id {
			c.hangup(s, "the key of "+s.id+" has been rejected or deleted", "")
		}
	}
	for _, id := range shut {
		c.forget(c.minions[id])
	}
}

// forget cancels what waits for a minion that has no key any more. Its high-water marks stay: should it be accepted again, it
// goes on where it was. With another key in the place of the deleted one, its jobs go on waiting.
func (c *Core) forget(m *minion) {
	if m.key != "" {
		return
	}
	for len(m.queue.jobs) > 0 {
		c.cancel(m.queue.jobs[0], "the key of "+m.info.ID+" was rejected or deleted", "")
	}
}

// fireEvent appends an operator's event.
func (c *Core) fireEvent(in FireEvent) {
	if event.IsReserved(in.Tag) {
		c.emit(Reply{Ref: in.Ref, Err: fmt.Errorf("tag %q: below %s only Brine's own code fires", in.Tag, event.Reserved)})
		return
	}
	e := c.own(ownEvent{tag: in.Tag, data: in.Data, by: in.By})
	c.emit(Reply{Ref: in.Ref, Value: e})
}

// Submitted answers Submit.
type Submitted struct {
	JID     string   `json:"jid"`
	Targets []string `json:"targets"`
	Offline []string `json:"offline,omitempty"` // of the targets
}

// submit opens an operator's job for every minion it means.
func (c *Core) submit(in Submit) {
	targets := c.match(in.Match)
	if len(targets) == 0 {
		c.emit(Reply{Ref: in.Ref, Err: ErrNoTarget})
		return
	}
	answer := Submitted{Targets: targets}
	for _, t := range targets {
		if !c.Online(t) {
			answer.Offline = append(answer.Offline, t)
		}
	}
	// The id of an operator's job follows from the event that will tell of it: no other job can have it.
	next := event.ID{Origin: event.Master, Inc: c.inc, Seq: c.seq + 1}
	answer.JID = job.JID(next, "", 0)
	var verdict Verdict
	c.open(job.Job{JID: answer.JID, Fun: in.Fun, Args: in.Args, By: in.By}, targets, in.TTL, &verdict, "")
	c.emit(Reply{Ref: in.Ref, Value: answer})
}
