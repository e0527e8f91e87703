package master

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"
)

// Bounds of what is watched for states that drift to the same content on many minions.
const (
	maxSpreads     = 1024 // contents at once; the one that was seen least recently goes
	maxFrozen      = 64   // states at once; a further one is told and goes on being enforced
	maxFrozenTold  = 50   // minions in the event
	maxSpreadScans = 100_000
)

// Blast says when enforcement of a state is frozen: more than Share of the minions that enforce it, and at least Min, drifted to the same
// content within Window. A Share of 0 is never.
type Blast struct {
	Share  float64 // 0.1 is a tenth
	Window time.Duration
	Min    int
}

// blasts is what the core knows of states on all minions.
type blasts struct {
	states  map[string]*sharedState // by key
	spreads map[string]*spread      // by state and content
}

// sharedState is one state, and how many minions enforce it.
type sharedState struct {
	key     string
	minions int
}

// spread is one content that a state was found to have, and when on which minions.
type spread struct {
	state, content string
	on             map[string]time.Time
	last           time.Time
}

// enforcingSuffix ends the tag brine/minion/<id>/enforcing.
const enforcingSuffix = "/enforcing"

// bucketEnforcing keeps which states each minion enforces.
const bucketEnforcing = "enforcing"

// enforcing takes note of which states a minion enforces from now on.
func (c *Core) enforcing(m *minion, e *event.Event) {
	if !strings.HasSuffix(e.Tag, enforcingSuffix) || strings.Count(e.Tag, "/") != 3 {
		return
	}
	if c.setEnforcing(m, e.Data) {
		c.emit(PutRecord{Bucket: bucketEnforcing, Key: m.info.ID, Value: e.Data})
	}
}

// setEnforcing counts the minion's states.
func (c *Core) setEnforcing(m *minion, data event.Data) bool {
	var d job.Enforcing
	if err := data.Decode(&d); err != nil {
		return false
	}
	c.countEnforcing(m, d.States[:min(len(d.States), job.MaxEnforcingTold)])
	return true
}

func (c *Core) countEnforcing(m *minion, states []string) {
	for _, s := range m.enforcing {
		if s.minions--; s.minions == 0 {
			delete(c.blasts.states, s.key)
		}
	}
	m.enforcing = nil
	for _, key := range states {
		s := c.blasts.states[key]
		if s == nil {
			s = &sharedState{key: key}
			c.blasts.states[key] = s
		}
		s.minions++
		m.enforcing = append(m.enforcing, s)
	}
}

// forgetEnforcing drops what is known of a minion whose key is gone.
func (c *Core) forgetEnforcing(m *minion) {
	if len(m.enforcing) > 0 {
		c.countEnforcing(m, nil)
		c.emit(PutRecord{Bucket: bucketEnforcing, Key: m.info.ID})
	}
}

// spread takes note of a state's drift on one minion, and freezes the state when too many drift to the same.
func (c *Core) spread(m *minion, e *event.Event, d *job.Drift) {
	s := c.addSpread(m, e, d)
	if s == nil {
		return
	}
	of := len(s.on)
	if st := c.blasts.states[s.state]; st != nil {
		of = max(of, st.minions)
	}
	limit := max(int(c.opt.Blast.Share*float64(of))+1, c.opt.Blast.Min)
	if len(s.on) < limit {
		return
	}
	for id, at := range s.on {
		if c.clock.Sub(at) > c.opt.Blast.Window {
			delete(s.on, id)
		}
	}
	if len(s.on) >= limit {
		c.freeze(s, of, e)
	}
}

// addSpread counts one minion. It gives nil when that cannot freeze anything: what is frozen already, and what an operator has let be put
// right a moment ago.
func (c *Core) addSpread(m *minion, e *event.Event, d *job.Drift) *spread {
	at := m.when(e)
	if c.opt.Blast.Share <= 0 || len(d.Result.Changes) == 0 || c.clock.Sub(at) > c.opt.Blast.Window {
		return nil
	}
	state, content := d.Fun+": "+d.Name, foundContent(d.Result.Changes)
	for _, h := range c.holds {
		if h.State == state && (h.Over.IsZero() || h.Content == content) {
			return nil
		}
	}
	key := state + "\x00" + content
	s := c.blasts.spreads[key]
	if s == nil {
		c.roomForSpread()
		s = &spread{state: state, content: content, on: map[string]time.Time{}}
		c.blasts.spreads[key] = s
	}
	s.on[m.info.ID], s.last = at, c.clock
	return s
}

// roomForSpread forgets what is too old to count, and what was seen least recently if there is still no room.
func (c *Core) roomForSpread() {
	if len(c.blasts.spreads) < maxSpreads {
		return
	}
	oldest := ""
	for key, s := range c.blasts.spreads {
		if c.clock.Sub(s.last) > c.opt.Blast.Window {
			delete(c.blasts.spreads, key)
			continue
		}
		if o := c.blasts.spreads[oldest]; o == nil || cmp.Or(s.last.Compare(o.last), cmp.Compare(key, oldest)) < 0 {
			oldest = key
		}
	}
	if len(c.blasts.spreads) >= maxSpreads {
		delete(c.blasts.spreads, oldest)
	}
}

// foundContent tells what a state was found to be from anything else: what is wanted is no part of it.
func foundContent(changes []job.Change) string {
	h := sha256.New()
	for _, ch := range changes {
		_, _ = io.WriteString(h, ch.What+"\x00"+ch.From+"\x00") // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

// freeze holds a state everywhere, until an operator resumes it.
func (c *Core) freeze(s *spread, of int, e *event.Event) {
	if n := len(c.heldBy(func(h *hold) bool { return h.State != "" })); n >= maxFrozen {
		c.emit(Log{Warn: true, Text: "a state drifts on many minions and is not frozen: too many are already", Args: []any{"state", s.state, "frozen", n}})
		return
	}
	ids := make([]string, 0, len(s.on))
	for id := range s.on {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	c.emit(Log{Warn: true, Text: "enforcement is frozen", Args: []any{"state", s.state, "minions", len(ids), "of", of}})
	delete(c.blasts.spreads, s.state+"\x00"+s.content)
	c.beginHold(&hold{Hold: Hold{
		ID: c.nextHoldID(), Kind: HoldFrozen, State: s.state, Since: c.clock, Content: s.content, Count: len(ids), Of: of,
		Minions: ids[:min(len(ids), maxFrozenTold)],
		Why:     fmt.Sprintf("frozen: %d of %d minions drifted to the same content within %s", len(ids), of, config.ShortDuration(c.opt.Blast.Window)),
	}}, "frozen", e)
}

// recoverBlasts takes what the log remembers: which states each minion enforces, and what drifted within the window.
func (c *Core) recoverBlasts(r Recovered) {
	for id, data := range r.Enforcing {
		if m := c.minions[id]; m != nil && m.key != "" {
			c.setEnforcing(m, data)
		}
	}
	for i := range r.Drifted {
		e := &r.Drifted[i]
		var d job.Drift
		if m := c.minions[e.Minion]; m != nil && e.Data.Decode(&d) == nil {
			c.addSpread(m, e, &d)
		}
	}
}

// isDrift tells the events that are counted.
func isDrift(e *event.Event) bool {
	if e.Minion == "" || !strings.HasPrefix(e.Tag, driftTag) {
		return false
	}
	switch e.Tag[strings.LastIndexByte(e.Tag, '/')+1:] {
	case job.DriftCorrected, job.DriftDrifted, job.DriftFailed, job.DriftContested:
		return true
	}
	return false
}
