package reactors

import (
	"fmt"
	"math"
	"time"

	"brine/internal/config"
)

// never is the end of a wait that has fired and begins again with the next awaited event.
const never = math.MaxInt64

// absent reads {absent, after, within, by} and {absent, at, since, zone}.
func (c *ruleCompiler) absent(n *config.Node, f onFile) []source {
	c.condition(n, kindAbsent, f)
	cond := c.rule.cond
	like := func(node *config.Node, part int) []source {
		sources := c.part(node, part)
		for i := range sources {
			s := &sources[i]
			if own := s.by; len(own) > 0 && len(own) != len(f.By) {
				c.fault(own[0].Fault("by: %d expressions here, and %d for the condition", len(own), len(f.By)))
			} else if len(own) == 0 {
				s.by = f.By
			}
			s.ends = part == partAwaited
		}
		return sources
	}
	awaited := like(f.Absent, partAwaited)
	cond.parts = []string{partName(f.Absent)}
	switch {
	case f.At != nil:
		cond.clock = c.daily(f)
	case f.After != nil:
		return append(awaited, like(f.After, partAfter)...)
	default:
		cond.alone = true
		for i := range awaited {
			awaited[i].ends = false
		}
	}
	return awaited
}

// await takes an event into a wait for another: it ends it, begins it, or both.
func (r *Reactor) await(rule *rule, p role, s *scope, now int64) Verdict {
	c := rule.cond
	w := r.conditions.get(rule.name, p.key)
	v := Verdict{Outcome: No}
	moment := r.clocks.moment(&s.event)
	inTime := w != nil && p.bits&(1<<partAwaited) != 0 && moment >= w.since && moment < w.until
	if w != nil && w.until <= now && !inTime { // missed, and its timer's event is still to come: that will find nothing
		v = r.missed(rule, w, s, now)
		w = r.conditions.get(rule.name, p.key)
	}
	if p.bits&(1<<partAwaited) != 0 {
		why := r.came(c, w, moment, now)
		if v.Outcome == No {
			v.Why = why
		}
	}
	if c.clock != nil || !c.alone && p.bits&(1<<partAfter) == 0 {
		return v
	}
	begun := r.begin(rule, p.key, s, moment, now)
	if v.Outcome == No {
		begun.Why = joined(v.Why, begun.Why)
		v = begun
	}
	return v
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// came ends a wait, if the event did not happen before that began, and says what became of it.
func (r *Reactor) came(c *condition, w *window, moment, now int64) string {
	switch {
	case w == nil:
		return "nothing waits for it"
	case moment <= w.since && c.clock != nil:
		return fmt.Sprintf("it counts only if it comes between %s and %s", textOfTime(w.since), textOfTime(w.until))
	case moment < w.since:
		return fmt.Sprintf("it happened %s, before the wait began %s", textOfTime(moment), textOfTime(w.since))
	case c.clock != nil:
		deadline := w.until
		r.turn(c, w, deadline)
		return fmt.Sprintf("it came before %s; the next is due by %s", textOfTime(deadline), textOfTime(w.until))
	}
	waited := ""
	if w.until != never {
		waited = " after " + time.Duration(now-(w.until-int64(c.within))).Round(time.Millisecond).String()
	}
	r.conditions.drop(w)
	return "what was awaited came" + waited
}

// begin opens the wait that an event starts; one that goes on already is not made longer.
func (r *Reactor) begin(rule *rule, key string, s *scope, moment, now int64) Verdict {
	c := rule.cond
	if w := r.conditions.get(rule.name, key); w != nil && w.until != never {
		return Verdict{Outcome: Waiting, Why: fmt.Sprintf("waits%s already, until %s, for %s", nameOf(c.by, key), textOfTime(w.until), c.parts[0])}
	}
	w := r.conditions.open(rule.name, key, c.print, now+int64(c.within))
	if w == nil {
		v := Verdict{Outcome: Waiting, Why: "not waited for"}
		v.unbound(", for ", r.conditions.full(rule.name))
		return v
	}
	w.timed, w.since = true, moment
	r.conditions.changed(w)
	v := Verdict{Outcome: Waiting, Why: fmt.Sprintf("waits%s until %s for %s", nameOf(c.by, key), textOfTime(w.until), c.parts[0])}
	if !r.conditions.keep(w, newSeen(&s.event, moment, 1<<partAfter)) {
		r.conditions.drop(w)
		v.Why = "not waited for"
		v.unbound(", for ", r.conditions.full(rule.name))
	}
	return v
}

// start begins the waits that no event begins: for a time of day, and for the first event of all.
func (r *Reactor) start(now int64) {
	if r.started {
		return
	}
	r.started = true
	for _, rule := range r.set.starters {
		c := rule.cond
		if r.conditions.get(rule.name, noKey) != nil {
			continue
		}
		until := now + int64(c.within)
		if c.clock != nil {
			until = c.clock.next(now)
		}
		w := r.conditions.open(rule.name, noKey, c.print, until)
		if w == nil {
			continue // with so many windows that there is no room for one: the next set of rules, or start, tries again
		}
		w.timed, w.since = true, now
		if c.clock != nil {
			w.since = c.clock.opens(until, now)
		}
		r.conditions.changed(w)
	}
}

// turn sets the clock of a wait to the deadline after one.
func (r *Reactor) turn(c *condition, w *window, last int64) {
	w.until = c.clock.next(last)
	w.since = c.clock.opens(w.until, last)
	r.conditions.changed(w)
}

// missed fires for a wait that has ended in vain. The rule sees the event that began it, or that of the timer where there is none.
func (r *Reactor) missed(rule *rule, w *window, s *scope, now int64) Verdict {
	c := rule.cond
	kept, since, until := append([]seen{}, w.kept...), w.since, w.until // none, for a wait that no event began
	then := &scope{event: s.event, world: s.world}
	if len(kept) > 0 {
		then.event = kept[len(kept)-1].event()
	}
	t := rule.triggerOf(then.event.Tag)
	if t == nil {
		r.conditions.drop(w)
		return failed(fmt.Errorf("no pattern of the rule matches the event any more that began the wait"))
	}
	switch {
	case c.clock != nil:
		r.conditions.release(w)
		r.turn(c, w, max(until, c.clock.last(now)))
	case c.alone && len(c.by) == 0: // fires again only after one has come
		r.conditions.release(w)
		w.until, w.timed = never, false
		r.conditions.changed(w)
	default:
		r.conditions.drop(w)
	}
	then.about(kept)
	then.minions = minionsOf(kept)
	v := r.conclude(rule, t, then, now)
	if v.Outcome == Fired {
		v.Why = fmt.Sprintf("no %s%s between %s and %s", c.parts[0], nameOf(c.by, w.key), textOfTime(since), textOfTime(until))
	}
	v.Causes = union(causesOf(kept, s.event.ID), v.Causes)
	return v
}
