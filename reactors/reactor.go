package reactors

import (
	"fmt"
	"strings"

	"brine/internal/event"
)

// Reactor decides. It is a pure function of the events it is given, in the order of the log, and of the sets of rules; one
// goroutine at a time.
type Reactor struct {
	set        *Set
	throttles  *windows
	conditions *windows // over more than one event
	clocks     clocks   // of the minions
	guards     *guards
	search     search
	settled    bool // what Restore gave has been compared with the rules
	started    bool // the conditions that need no event to begin have begun
	returned   bool // so have the minions, after a start
	dirty      map[string]bool
	late       uint64
}

// New makes a reactor with no state.
func New(set *Set) *Reactor {
	r := &Reactor{set: set, dirty: make(map[string]bool)}
	r.guards = newGuards(r.dirty)
	all := &usage{}
	r.throttles = newWindows(throttleKeys, r.dirty, all)
	r.conditions = newWindows(conditionKeys, r.dirty, all)
	r.clocks = clocks{offsets: make(map[string]int64), dirty: r.dirty}
	return r
}

// Replace puts another set in force. A rule whose throttle or condition is as before keeps its windows, whatever else of it changed;
// those of a rule that is gone, or of what changed, are forgotten, but what a changed throttle held back still runs when its window ends.
func (r *Reactor) Replace(set *Set) {
	r.set = set
	r.search = search{}
	r.started = false
	r.prune()
}

// settle compares what was restored with the rules, once.
func (r *Reactor) settle() {
	if !r.settled {
		r.settled = true
		r.prune()
	}
}

// Step gives the verdict of each rule that has a pattern which matches the event, in the order of the rules; before them, for
// the event of a timer, that of its rule. Events must come in the order of the log, each once.
func (r *Reactor) Step(e event.Event, w World) []Verdict {
	r.settle()
	now := e.Received.UnixNano()
	r.clocks.learn(&e)
	r.throttles.expire(now)
	r.conditions.expire(now)
	r.start(now)
	s := &scope{event: e, world: w}
	var verdicts []Verdict
	if v, ok := r.timer(s, now); ok {
		verdicts = append(verdicts, r.guarded(r.set.byName[v.Rule], v, &e, now))
	}
	if v, ok := r.learn(&e); ok {
		verdicts = append(verdicts, v)
	}
	for hits := r.set.index.match(&r.search, e.Tag); len(hits) > 0; {
		n := 1
		for n < len(hits) && hits[n].rule == hits[0].rule {
			n++
		}
		rule := r.set.rules[hits[0].rule]
		s.about(nil)
		v := r.guarded(rule, r.decide(rule, hits[:n], s, now), &e, now)
		v.Rule, v.Why = rule.name, clip(v.Why, maxWhy)
		verdicts = append(verdicts, v)
		hits = hits[n:]
	}
	return verdicts
}

// decide asks one rule: may it react to this event at all, and is the event alone what it waits for, or a part of that.
func (r *Reactor) decide(rule *rule, hits []hit, s *scope, now int64) Verdict {
	if v, pass := rule.passesOver(&s.event); pass {
		return v
	}
	if rule.cond != nil {
		return r.collect(rule, hits, s, now)
	}
	t, v := rule.meant(hits, s)
	if t == nil {
		return v
	}
	return r.conclude(rule, t, s, now)
}

// passesOver says whose events, and which, a rule never reacts to.
func (r *rule) passesOver(e *event.Event) (Verdict, bool) {
	switch {
	case !r.admits(e):
		return Verdict{Outcome: Foreign, Why: fmt.Sprintf("fired by minion %q, which the rule's from does not name", e.Minion)}, true
	case e.Own && !r.own:
		return Verdict{Outcome: Own, Why: "Brine's own change, and the rule has no own: true"}, true
	case e.Depth >= event.MaxDepth:
		return Verdict{Outcome: Deep, Why: fmt.Sprintf("%d events led to this one, each caused by the one before: a loop is likely", e.Depth)}, true
	}
	return Verdict{}, false
}

// meant is the first of the patterns that matched whose own when holds; without one, the verdict says why.
func (r *rule) meant(hits []hit, s *scope) (*trigger, Verdict) {
	var no Verdict
	for i, h := range hits {
		t := &r.triggers[h.trigger]
		v := holds(t.when, s)
		if v.Outcome == "" {
			return t, v
		}
		if i == 0 || v.Outcome == Error {
			no = v
		}
	}
	return nil, no
}

// conclude goes on when everything that a rule waits for has come: its when, its throttle, its steps.
func (r *Reactor) conclude(rule *rule, t *trigger, s *scope, now int64) Verdict {
	if v := holds(t.variant.when, s); v.Outcome != "" {
		return v
	}
	if rule.throttle != nil {
		return r.throttled(rule, t, s, now)
	}
	return r.fire(rule, t, s)
}

// holds evaluates a condition; the verdict has no outcome when it is true, or when there is none.
func holds(when *expr, s *scope) Verdict {
	if when == nil {
		return Verdict{}
	}
	got, err := when.eval(s)
	if err != nil {
		return failed(err)
	}
	yes, ok := got.Value().(bool)
	switch {
	case !ok:
		return failed(fmt.Errorf("%s: the condition gave %s, no bool", when.at.String(0), show(got)))
	case !yes:
		return Verdict{Outcome: No, Why: when.whyFalse(s)}
	}
	return Verdict{}
}

// fire decides all steps, or none. Everything that fires passes here: an event, a timer, the end of a window.
func (r *Reactor) fire(rule *rule, t *trigger, s *scope) Verdict {
	v := Verdict{Outcome: Fired, Why: t.why, Decisions: make([]Decision, 0, len(t.variant.steps))}
	if err := t.variant.decide(s, &v); err != nil {
		return failed(err)
	}
	return v
}

// admits reports whether the rule listens to whoever fired the event.
func (r *rule) admits(e *event.Event) bool {
	switch {
	case e.Minion == "":
		return true // the master's own, and operators', who stand in By
	case len(r.from) == 0:
		return strings.HasPrefix(e.Tag, event.Reserved)
	}
	for _, t := range r.from {
		if t.Match(e.Minion, nil) {
			return true
		}
	}
	return false
}

func failed(err error) Verdict { return Verdict{Outcome: Error, Why: err.Error()} }
