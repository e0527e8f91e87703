package master

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/target"
)

// HoldKind says whose a hold is.
type HoldKind string

// The kinds.
const (
	HoldPause       HoldKind = "pause"       // an operator's
	HoldMaintenance HoldKind = "maintenance" // a window that the configuration names
	HoldFrozen      HoldKind = "frozen"      // a state, by blast_radius: until an operator resumes it
)

// Hold keeps what is not right from being put right: on the minions of a target every state, and what rules decide for them; or one state
// everywhere. It is seen and told, and put right when the hold ends.
type Hold struct {
	ID      string    `json:"id"`
	Kind    HoldKind  `json:"kind"`
	Tgt     string    `json:"tgt,omitempty"`
	TgtType string    `json:"tgt_type,omitempty"`
	State   string    `json:"state,omitempty"` // frozen: its key, such as "file.managed: /etc/motd"
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until,omitzero"` // zero: until an operator resumes it
	Why     string    `json:"why"`
	By      string    `json:"by,omitempty"`
	Minions []string  `json:"minions,omitempty"` // frozen: the first of those that drifted
	Count   int       `json:"count,omitempty"`   // frozen: how many drifted
	Of      int       `json:"of,omitempty"`      // frozen: how many enforce the state
	Content string    `json:"content,omitempty"` // frozen: tells what they drifted to from anything else
	// Over is when it was ended before its time. What is no operator's pause is kept until then: a window does not begin once more after a restart, nor is a state
	// frozen at once for the drift that an operator has just let be put right.
	Over time.Time `json:"over,omitzero"`
}

// hold is one that the core keeps.
type hold struct {
	Hold
	target target.Target
}

// covers reports whether a minion is meant.
func (h *hold) covers(id string, grains map[string]any) bool {
	return h.Over.IsZero() && (h.State != "" || h.target.Match(id, grains))
}

// bucketHolds keeps holds by their ids.
const bucketHolds = "holds"

// holdTag is what the tags of all events about holds begin with.
const holdTag = "brine/hold/"

// holdEnded is the data of brine/hold/<id>/resumed.
type holdEnded struct {
	Hold
	Reason string `json:"reason"`
}

// pauseTarget holds every state of the minions that a target means, now and for as long as it lasts.
func (c *Core) pauseTarget(in Pause, until time.Time) ([]Hold, error) {
	t, err := target.Parse(in.TgtType, in.Tgt)
	if err != nil {
		return nil, err
	}
	h := Hold{Kind: HoldPause, Tgt: in.Tgt, TgtType: in.TgtType, Since: c.clock, Until: until, Why: in.Why, By: in.By}
	for _, o := range c.holds { // the same target once more: another end, another reason
		if o.Kind == HoldPause && o.Tgt == in.Tgt && o.TgtType == in.TgtType && o.Over.IsZero() {
			h.ID, h.Since = o.ID, o.Since
		}
	}
	if h.ID == "" {
		if len(c.holds) >= maxHolds {
			return nil, fmt.Errorf("%d targets are paused already", maxHolds)
		}
		if len(c.match(t.Match)) == 0 {
			return nil, ErrNoTarget
		}
		h.ID = c.nextHoldID()
	}
	c.beginHold(&hold{Hold: h, target: t}, "paused", nil)
	return []Hold{h}, nil
}

// nextHoldID follows from the event that will tell of the hold: no other can have it.
func (c *Core) nextHoldID() string {
	return job.JID(event.ID{Origin: event.Master, Inc: c.inc, Seq: c.seq + 1}, "hold", 0)
}

// maintain begins a window that the configuration names, unless it has been begun before.
func (c *Core) maintain(in Maintain) {
	h := in.Hold
	t, err := target.Parse(h.TgtType, h.Tgt)
	if c.holds[h.ID] != nil || err != nil || !c.clock.Before(h.Until) {
		return
	}
	h.Kind, h.Since, h.By = HoldMaintenance, c.clock, "maintenance"
	c.beginHold(&hold{Hold: h, target: t}, "paused", nil)
}

// holdBegun is the data of brine/hold/<id>/paused and frozen.
type holdBegun struct {
	Hold
	Hint string `json:"hint"`
}

func (c *Core) beginHold(h *hold, what string, cause *event.Event) {
	c.holds[h.ID] = h
	o := ownEvent{tag: holdTag + h.ID + "/" + what, by: h.By}
	if cause != nil {
		o.causes, o.depth = []event.ID{cause.ID}, min(cause.Depth, event.MaxDepth-1)+1
	}
	hint := fmt.Sprintf("brine reactor resume --tgt '%s' ends it", h.Tgt)
	if h.State != "" {
		hint = cut(fmt.Sprintf("a roll-out is under way, or the state is wrong: `brine state drift` shows who differs; brine reactor resume --state '%s' has it put right", h.State), maxDriftName)
	}
	o.data = holdBegun{h.Hold, hint}
	c.own(o)
	c.putHold(h)
	c.holdsChanged()
}

// endHold ends a hold. What it held back is dispatched, and put right by the minions themselves.
func (c *Core) endHold(id, reason, by string) {
	h := c.holds[id]
	if h == nil || !h.Over.IsZero() {
		return
	}
	if h.State != "" {
		h.Until = c.clock.Add(c.opt.Blast.Window)
	}
	h.Over = c.clock
	c.own(ownEvent{tag: holdTag + id + "/resumed", data: holdEnded{h.Hold, reason}, by: by})
	if h.Kind != HoldPause && c.clock.Before(h.Until) {
		c.putHold(h)
	} else {
		c.dropHold(h)
	}
	c.holdsChanged()
	for _, id := range c.sessionIDs() {
		c.dispatch(c.minions[id])
	}
}

// expireHolds ends what is over.
func (c *Core) expireHolds() {
	var due []*hold
	for _, h := range c.holds {
		if !h.Until.IsZero() && !c.clock.Before(h.Until) {
			due = append(due, h)
		}
	}
	slices.SortFunc(due, func(a, b *hold) int { return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.ID, b.ID)) })
	for _, h := range due {
		if h.Over.IsZero() {
			c.endHold(h.ID, "its time is over", "")
		} else {
			c.dropHold(h)
		}
	}
}

// nextHoldEnd is when the first of them is over; zero for none.
func (c *Core) nextHoldEnd() (next time.Time) {
	for _, h := range c.holds {
		if !h.Until.IsZero() && (next.IsZero() || h.Until.Before(next)) {
			next = h.Until
		}
	}
	return next
}

func (c *Core) putHold(h *hold) {
	data, err := event.Encode(h.Hold)
	if err != nil {
		c.emit(Log{Warn: true, Text: "a pause is forgotten with the next restart", Args: []any{"hold", h.ID, "error", err}})
		return
	}
	c.emit(PutRecord{Bucket: bucketHolds, Key: h.ID, Value: data})
}

func (c *Core) dropHold(h *hold) {
	delete(c.holds, h.ID)
	c.emit(PutRecord{Bucket: bucketHolds, Key: h.ID})
}

// heldBy lists the holds in force that pick says, the oldest first.
func (c *Core) heldBy(pick func(*hold) bool) []Hold {
	var list []Hold
	for _, h := range c.holds {
		if h.Over.IsZero() && pick(h) {
			list = append(list, h.Hold)
		}
	}
	slices.SortFunc(list, func(a, b Hold) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return list
}

// holdsChanged tells the minions what is held now.
func (c *Core) holdsChanged() {
	c.holdsVersion++
	c.setEverywhere()
}

// targetHold is what keeps rules from acting on a minion: the oldest such hold, nil for none.
func (c *Core) targetHold(id string) *hold {
	var found *hold
	for _, h := range c.holds {
		if h.State == "" && h.covers(id, c.grains(id)) && (found == nil || cmp.Or(h.Since.Compare(found.Since), cmp.Compare(h.ID, found.ID)) < 0) {
			found = h
		}
	}
	return found
}

// heldJob reports whether a job has to wait: what rules decided, on a minion that is paused. Operators' own runs.
func (c *Core) heldJob(j *openJob) bool {
	return len(c.holds) > 0 && j.Rule != "" && j.Target != event.Master && c.targetHold(j.Target) != nil
}

// whyHeld is what a verdict says of the jobs that wait for the end of a hold; empty when none does.
func (c *Core) whyHeld(targets []string) string {
	if len(c.holds) == 0 {
		return ""
	}
	var first *hold
	n := 0
	for _, id := range targets {
		if h := c.targetHold(id); h != nil {
			first = cmp.Or(first, h)
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("waits on %d of %d minions: %s is paused by %s until %s: %s", n, len(targets), first.Tgt, first.By, first.Until.UTC().Format(time.RFC3339), first.Why)
}

// minionHolds is the setting that tells a minion what is held. Within a session it is made anew only when something has changed: the time
// that remains is another one each time.
type minionHolds struct {
	session *session
	version uint64
	data    event.Data
}

func holdsOf(c *Core, m *minion) event.Data {
	if m.holds.session == m.session && m.holds.version == c.holdsVersion {
		return m.holds.data
	}
	in := job.Holds{Sent: c.now.UnixNano()}
	for _, h := range c.heldBy(func(h *hold) bool { return h.covers(m.info.ID, c.grains(m.info.ID)) }) {
		o := job.Hold{Why: h.Why, All: h.State == ""}
		if h.State != "" {
			o.States = []string{h.State}
		}
		if !h.Until.IsZero() {
			o.Left = max(h.Until.Sub(c.clock), 1)
		}
		in.Holds = append(in.Holds, o)
	}
	m.holds = minionHolds{session: m.session, version: c.holdsVersion}
	if len(in.Holds) == 0 {
		return nil
	}
	data, err := event.Encode(in)
	if err != nil {
		c.emit(Log{Warn: true, Text: "holds not sent", Args: []any{"minion", m.info.ID, "error", err}})
	}
	m.holds.data = data
	return data
}

// recoverHolds takes what the log remembers.
func (c *Core) recoverHolds(list []Hold) {
	for _, h := range list {
		o := &hold{Hold: h}
		if h.State == "" {
			var err error
			if o.target, err = target.Parse(h.TgtType, h.Tgt); err != nil {
				continue // written by another version, whose targets this one does not know
			}
		}
		c.holds[h.ID] = o
	}
}
