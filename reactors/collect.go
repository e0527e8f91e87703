package reactors

import (
	"fmt"
	"strings"
	"time"
)

// role is what an event is for one window of a rule's condition.
type role struct {
	key  string
	bits uint32
	by   *trigger // the first of its patterns
}

// collect takes an event into the windows of a rule's condition. The verdict is that of the window that is complete with it, else
// of the last one asked.
func (r *Reactor) collect(rule *rule, hits []hit, s *scope, now int64) Verdict {
	parts, v := rule.rolesOf(hits, s)
	if len(parts) == 0 {
		return v
	}
	for _, p := range parts {
		s.about(nil)
		var got Verdict
		if rule.cond.kind == kindAbsent {
			got = r.await(rule, p, s, now)
		} else {
			got = r.fill(rule, p, s, now)
		}
		if v.Outcome != Fired {
			v = got
		}
	}
	return v
}

// rolesOf says for which windows the event is what: as a rule one, more where parts have a by of their own. The verdict says why
// there is none; an expression that fails is told only if no part holds.
func (r *rule) rolesOf(hits []hit, s *scope) ([]role, Verdict) {
	var parts []role
	var no Verdict
	for _, h := range hits {
		t := &r.triggers[h.trigger]
		v := holds(t.when, s)
		var key string
		if v.Outcome == "" {
			var err error
			if key, err = windowKey(t.by, s); err != nil {
				v = failed(err)
			}
		}
		if v.Outcome != "" {
			if no.Outcome != Error {
				no = v
			}
			continue
		}
		i := 0
		for i < len(parts) && parts[i].key != key {
			i++
		}
		if i == len(parts) {
			parts = append(parts, role{key: key, by: t})
		}
		parts[i].bits |= 1 << t.part
	}
	return parts, no
}

// fill adds the event to a window of count, all or sequence, and fires when that is complete. Only what lies less than within before
// the newest event of the window counts: so all that is kept belongs together, and an older event comes too late.
func (r *Reactor) fill(rule *rule, p role, s *scope, now int64) Verdict {
	c := rule.cond
	until := now + int64(c.within)
	uncounted := func() Verdict {
		v := Verdict{Outcome: Waiting, Why: "not counted"}
		v.unbound(", for ", r.conditions.full(rule.name))
		return v
	}
	w := r.conditions.get(rule.name, p.key)
	if w == nil {
		if w = r.conditions.open(rule.name, p.key, c.print, until); w == nil {
			return uncounted()
		}
	}
	one := newSeen(&s.event, r.clocks.moment(&s.event), p.bits)
	if n := len(w.kept); n > 0 && one.Moment <= w.kept[n-1].Moment-int64(c.within) {
		r.late++
		return Verdict{Outcome: Waiting, Why: fmt.Sprintf("too late to count: it happened %s, and events until %s are known%s, more than %s later",
			textOfTime(one.Moment), textOfTime(w.kept[n-1].Moment), nameOf(c.by, p.key), c.within)}
	}
	w.until = until
	r.conditions.changed(w)
	lost := ""
	if len(w.kept) >= maxKept { // a sequence that does not go on
		if c.kind != kindSequence || w.kept[0].Parts&1 != 0 { // else only a first part that comes late could have made use of it
			r.conditions.unbound++
			lost = fmt.Sprintf("a window keeps %d events, so the oldest was dropped", maxKept)
		}
		r.conditions.forgetAt(w, 0, 1)
	}
	if !r.conditions.keep(w, one) {
		if lost = r.conditions.full(rule.name); len(w.kept) == 0 {
			r.conditions.drop(w)
			return uncounted()
		}
	}
	r.conditions.since(w, w.kept[len(w.kept)-1].Moment-int64(c.within))
	if c.kind == kindAll {
		r.conditions.newest(w)
	}
	v := r.weigh(rule, p, w, s, now)
	if lost != "" {
		v.Bound = lost
		v.Why += "; " + lost
	}
	return v
}

// since forgets what happened at a moment or before it.
func (t *windows) since(w *window, moment int64) {
	n := 0
	for n < len(w.kept) && w.kept[n].Moment <= moment {
		n++
	}
	t.forgetAt(w, 0, n)
}

// newest forgets the events for each of whose parts there is a later one.
func (t *windows) newest(w *window) {
	var seen uint32
	for i := len(w.kept) - 1; i >= 0; i-- {
		if w.kept[i].Parts&^seen == 0 {
			t.forgetAt(w, i, i+1)
			continue
		}
		seen |= w.kept[i].Parts
	}
}

// weigh says what the events of a window come to. What has fired, was throttled or failed is over; what the rule's when refuses may
// still fire with a further event.
func (r *Reactor) weigh(rule *rule, p role, w *window, s *scope, now int64) Verdict {
	c := rule.cond
	events := c.complete(w.kept)
	if events == nil {
		return Verdict{Outcome: Waiting, Why: c.soFar(w)}
	}
	last, t := s, rule.reader(p, s)
	if newest := &events[len(events)-1]; newest.ID != s.event.ID { // what came last happened earlier
		last, t = &scope{event: newest.event(), world: s.world}, rule.triggerOf(newest.Tag)
	}
	if t == nil {
		r.conditions.drop(w)
		return failed(fmt.Errorf("no pattern of the rule matches %q any more, which it had kept", events[len(events)-1].Tag))
	}
	last.about(events)
	if last != s && last.event.Minion != "" {
		last.minions = []string{last.event.Minion}
	}
	v := r.conclude(rule, t, last, now)
	if v.Outcome == No {
		r.spare(c, w, events)
		return v
	}
	r.conditions.drop(w)
	if v.Outcome == Fired {
		v.Causes = union(causesOf(events, s.event.ID), v.Causes)
		v.Why += fmt.Sprintf("; %d within %s%s%s", len(events), time.Duration(events[len(events)-1].Moment-events[0].Moment).Round(time.Millisecond),
			nameOf(c.by, p.key), lacks(events))
	}
	return v
}

// soFar says what a window has seen and what is missing.
func (c *condition) soFar(w *window) string {
	have, want, missing := c.progress(w.kept)
	n, how := len(have), "seen"
	switch c.kind {
	case kindAll:
		n = want - len(missing) // an event may stand for several
	case kindSequence:
		how = "seen in order"
	}
	why := fmt.Sprintf("%d of %d %s within %s%s", n, want, how, c.within, nameOf(c.by, w.key))
	if len(missing) > 0 {
		why += "; missing " + clip(strings.Join(missing, ", "), maxPart)
	}
	if len(have) > 0 {
		why += "; the first counts until " + textOfTime(have[0].Moment+int64(c.within))
	}
	return why
}

// spare drops what no later event can need: of a count that the rule's when has refused, what is more than that.
func (r *Reactor) spare(c *condition, w *window, events []seen) {
	if c.kind == kindCount {
		r.conditions.forgetAt(w, 0, len(w.kept)-len(events))
	}
}

// reader is the pattern for whose data the rule's expressions read the scope's event; nil for none.
func (r *rule) reader(p role, s *scope) *trigger {
	if p.by.variant != nil {
		return p.by
	}
	return r.triggerOf(s.event.Tag)
}
