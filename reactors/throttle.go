package reactors

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"brine/internal/config"
	"brine/internal/event"
)

// throttleKind says how a throttle works.
type throttleKind string

// The kinds, in the words of ansible-rulebook.
const (
	onceWithin       throttleKind = "once_within"       // fires, then holds back for a time
	onceAfter        throttleKind = "once_after"        // collects for a time, then fires once
	accumulateWithin throttleKind = "accumulate_within" // fires when enough has come within a time
)

// throttle is a rule's.
type throttle struct {
	kind      throttleKind
	within    time.Duration
	threshold int      // of accumulateWithin
	by        []string // as written
	print     string   // windows of another throttle are not kept when the rule changes
}

// throttleFile is a throttle as it is written.
type throttleFile struct {
	OnceWithin       *config.Node   `yaml:"once_within"`
	OnceAfter        *config.Node   `yaml:"once_after"`
	AccumulateWithin *config.Node   `yaml:"accumulate_within"`
	Threshold        *config.Node   `yaml:"threshold"`
	By               []*config.Node `yaml:"by"`
}

// throttle reads the rule's throttle; its by is compiled for each kind of data.
func (c *ruleCompiler) throttle(n *config.Node, f *throttleFile) {
	t := &throttle{by: textsOf(f.By)}
	kinds := 0
	for kind, n := range map[throttleKind]*config.Node{onceWithin: f.OnceWithin, onceAfter: f.OnceAfter, accumulateWithin: f.AccumulateWithin} {
		if n != nil {
			kinds++
			t.kind, t.within = kind, c.span(n, string(kind))
		}
	}
	if kinds != 1 {
		c.fault(n.Fault("a throttle has one kind, this has %d", kinds).WithHint("one of once_within, once_after, accumulate_within"))
		return
	}
	switch {
	case t.kind == accumulateWithin:
		t.threshold = c.number(n, f.Threshold, "threshold", 2)
	case f.Threshold != nil:
		c.fault(f.Threshold.Fault("threshold without accumulate_within").WithHint("{accumulate_within: 5m, threshold: 3}"))
	}
	if len(f.By) > maxBy {
		c.fault(f.By[maxBy].Fault("by: %d expressions; at most %d", len(f.By), maxBy))
	}
	t.print = fingerprint(append([]string{t.within.String()}, t.by...)...) // of once_within as it was stored before there were others
	text := fmt.Sprintf("once within %s", t.within)
	switch t.kind {
	case onceAfter:
		text = fmt.Sprintf("once after %s", t.within)
	case accumulateWithin:
		text = fmt.Sprintf("once %d came within %s", t.threshold, t.within)
	}
	if t.kind != onceWithin {
		t.print = fingerprint(append([]string{string(t.kind), t.within.String(), fmt.Sprint(t.threshold)}, t.by...)...)
	}
	c.rule.throttle = t
	c.rule.info.Throttle = fmt.Sprintf("%s by [%s]", text, strings.Join(t.by, ", "))
}

// throttled asks the rule's throttle whether it may fire for this event.
func (r *Reactor) throttled(rule *rule, t *trigger, s *scope, now int64) Verdict {
	key, err := windowKey(t.variant.by, s)
	if err != nil {
		return failed(err)
	}
	switch rule.throttle.kind {
	case onceAfter:
		return r.gather(rule, t, s, key, now)
	case accumulateWithin:
		return r.accumulate(rule, t, s, key, now)
	}
	return r.once(rule, t, s, key, now)
}

// once fires when the rule's window for this event is closed, and opens it; else holds the states back.
func (r *Reactor) once(rule *rule, t *trigger, s *scope, key string, now int64) Verdict {
	w := r.throttles.get(rule.name, key)
	if w != nil && now < w.until {
		return r.holdBack(rule, t, w, s)
	}
	v := r.fire(rule, t, s)
	if v.Outcome != Fired {
		return v
	}
	if w != nil && len(w.held) > 0 { // over, and its timer's event is still to come: that will find nothing
		v.Causes = slices.Clone(w.causes)
		v.Decisions = append(v.Decisions, w.taken(v.Decisions, s.event.Minion)...)
		v.Why += fmt.Sprintf("; with it runs what %d events before were held back for", w.count)
	}
	if r.throttles.open(rule.name, key, rule.throttle.print, now+int64(rule.throttle.within)) == nil {
		v.unbound("; not throttled, for ", r.throttles.full(rule.name))
	}
	return v
}

// unbound says that a bound was met, and what came of it.
func (v *Verdict) unbound(what, bound string) {
	v.Bound = bound
	v.Why += what + bound
}

// full says which bound the windows of a rule have met.
func (t *windows) full(rule string) string {
	if u := t.ofRule[rule]; u != nil && u.windows >= maxWindows {
		return fmt.Sprintf("the rule has %d windows open already", maxWindows)
	} else if u != nil && u.bytes+windowBytes+maxKey >= maxRuleBytes {
		return fmt.Sprintf("the windows of the rule take %d MiB already", maxRuleBytes>>20)
	}
	return fmt.Sprintf("the windows of all rules take %d MiB already", maxAllBytes>>20)
}

// collected keeps the event in the throttle's window for key, made when there is none. It gives nil when there is no room.
func (r *Reactor) collected(rule *rule, s *scope, key string, now int64) *window {
	w := r.throttles.get(rule.name, key)
	if w == nil || now >= w.until || w.print != rule.throttle.print {
		if w = r.throttles.open(rule.name, key, rule.throttle.print, now+int64(rule.throttle.within)); w == nil {
			return nil
		}
		w.since, w.timed = now, rule.throttle.kind == onceAfter
		r.throttles.changed(w)
	}
	if !r.throttles.keep(w, newSeen(&s.event, now, 0)) {
		return nil
	}
	return w
}

// gather collects for once_after; what was collected fires when the timer of the window has expired.
func (r *Reactor) gather(rule *rule, t *trigger, s *scope, key string, now int64) Verdict {
	var over []seen
	if w := r.throttles.get(rule.name, key); w != nil && now >= w.until { // its timer's event is still to come, and will find nothing
		over = slices.Clone(w.kept)
		r.throttles.drop(w)
	}
	w := r.collected(rule, s, key, now)
	if w == nil {
		return r.atOnce(rule, t, s, key, over, now)
	}
	if len(over) > 0 {
		return r.gathered(rule, over, s)
	}
	r.throttles.heldBack++
	return Verdict{Outcome: Throttled, Why: fmt.Sprintf("once after %s%s: %d collected; fires %s", rule.throttle.within,
		nameOf(rule.throttle.by, key), len(w.kept), textOfTime(w.until))}
}

// atOnce fires what was collected and the event for which there is no room: nothing that came is left undone.
func (r *Reactor) atOnce(rule *rule, t *trigger, s *scope, key string, events []seen, now int64) Verdict {
	bound := r.throttles.full(rule.name)
	if w := r.throttles.get(rule.name, key); w != nil {
		if len(w.kept) >= maxKept {
			bound = fmt.Sprintf("the window keeps %d events already", maxKept)
		}
		events = append(events, w.kept...)
		r.throttles.drop(w)
	}
	v := r.fireAll(rule, t, s, append(events, newSeen(&s.event, now, 0)))
	v.unbound("; not throttled, for ", bound)
	return v
}

// fireAll fires for all events that a throttle has collected; the expressions see the scope's event, and a step without tgt means all
// minions that fired one of them.
func (r *Reactor) fireAll(rule *rule, t *trigger, s *scope, events []seen) Verdict {
	s.about(events)
	s.minions = minionsOf(events)
	v := r.fire(rule, t, s)
	v.Causes = causesOf(events, s.event.ID)
	if v.Outcome == Fired {
		v.Why += fmt.Sprintf("; for %d events%s", len(events), lacks(events))
	}
	return v
}

// gathered fires for what a window of once_after has collected, about the last event of it.
func (r *Reactor) gathered(rule *rule, events []seen, s *scope) Verdict {
	last := &events[len(events)-1]
	t := rule.triggerOf(last.Tag)
	if t == nil {
		return failed(fmt.Errorf("no pattern of the rule matches %q any more, which its throttle had collected", last.Tag))
	}
	then := &scope{event: last.event(), world: s.world}
	v := r.fireAll(rule, t, then, events)
	v.Causes = causesOf(events, s.event.ID)
	return v
}

// accumulate fires when threshold events have come within the window that the first of them opened.
func (r *Reactor) accumulate(rule *rule, t *trigger, s *scope, key string, now int64) Verdict {
	w := r.collected(rule, s, key, now)
	if w == nil {
		v := Verdict{Outcome: Throttled, Why: "not counted"}
		v.unbound(", for ", r.throttles.full(rule.name))
		return v
	}
	if len(w.kept) < rule.throttle.threshold {
		r.throttles.heldBack++
		return Verdict{Outcome: Throttled, Why: fmt.Sprintf("%d of %d within %s%s; the window ends %s", len(w.kept), rule.throttle.threshold,
			rule.throttle.within, nameOf(rule.throttle.by, key), textOfTime(w.until))}
	}
	v := r.fireAll(rule, t, s, w.kept)
	r.throttles.drop(w)
	return v
}

// ended answers the timer of a throttle's window: what it held back or collected runs.
func (r *Reactor) ended(rule *rule, w *window, s *scope, now int64) Verdict {
	if len(w.held) > 0 {
		v := Verdict{Outcome: Fired, Decisions: w.taken(nil, ""),
			Why: fmt.Sprintf("the window by %s has ended; %d events were held back", w.key, w.count)}
		if rule.throttle != nil && rule.throttle.print == w.print {
			r.throttles.open(rule.name, w.key, w.print, now+int64(rule.throttle.within))
		} else {
			r.throttles.drop(w)
		}
		return v
	}
	v := r.gathered(rule, slices.Clone(w.kept), s)
	r.throttles.drop(w)
	return v
}

// triggerOf is the pattern that takes a tag, as what a window kept is read again.
func (r *rule) triggerOf(tag string) *trigger {
	for i := range r.triggers {
		if t := &r.triggers[i]; t.variant != nil && t.pattern.Match(tag) {
			return t
		}
	}
	if r.cond != nil {
		return r.cond.atTime
	}
	return nil
}

// depthOf is that of the deepest of some events.
func depthOf(events []seen) (depth uint8) {
	for i := range events {
		depth = max(depth, events[i].Depth)
	}
	return min(depth, event.MaxDepth)
}
