package reactors

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"brine/internal/event"
	"brine/internal/job"
)

// Reactor decides. It is a pure function of the events it is given, in the order of the log, and of the sets of rules; one
// goroutine at a time.
type Reactor struct {
	set     *Set
	t       *throttles
	search  search
	settled bool // what Restore gave has been compared with the rules
}

// New makes a reactor with no state.
func New(set *Set) *Reactor { return &Reactor{set: set, t: newThrottles()} }

// Replace puts another set in force. A rule whose throttle is as before keeps its windows, whatever else of it changed; those of a
// rule that is gone, or whose throttle changed, are forgotten, but what a changed one held back still runs when its window ends.
func (r *Reactor) Replace(set *Set) {
	r.set = set
	r.search = search{}
	r.prune()
}

// settle compares what was restored with the rules, once.
func (r *Reactor) settle() {
	if !r.settled {
		r.settled = true
		r.prune()
	}
}

// Stats are counts since the reactor was made, but for the first two, which are of now.
type Stats struct {
	Windows     int    `json:"windows"`     // throttle windows kept
	Holding     int    `json:"holding"`     // of these, that hold something back
	HeldBack    uint64 `json:"held_back"`   // events whose states wait, or waited, for the end of a window
	Unthrottled uint64 `json:"unthrottled"` // fired although throttled, because a bound was reached
}

// Stats counts.
func (r *Reactor) Stats() Stats {
	return Stats{len(r.t.windows), len(r.t.holding), r.t.heldBack, r.t.unbound}
}

// Step gives the verdict of each rule that has a pattern which matches the event, in the order of the rules; before them, for
// the event of a timer, that of its rule. Events must come in the order of the log, each once.
func (r *Reactor) Step(e event.Event, w World) []Verdict {
	r.settle()
	now := e.Received.UnixNano()
	r.t.expire(now)
	var verdicts []Verdict
	if v, ok := r.timer(&e, now); ok {
		verdicts = append(verdicts, v)
	}
	hits := r.set.index.match(&r.search, e.Tag)
	if len(hits) == 0 {
		return verdicts
	}
	s := &scope{event: e, world: w}
	for _, h := range hits {
		rule := r.set.rules[h.rule]
		v := r.decide(rule, &rule.triggers[h.trigger], s, now)
		v.Rule, v.Why = rule.name, clip(v.Why, maxWhy)
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// decide asks one rule: may it react to this event at all, does its condition hold, is it throttled, what is to be done.
func (r *Reactor) decide(rule *rule, t *trigger, s *scope, now int64) Verdict {
	e := &s.event
	switch {
	case !rule.admits(e):
		return Verdict{Outcome: Foreign, Why: fmt.Sprintf("fired by minion %q, which the rule's from does not name", e.Minion)}
	case e.Own && !rule.own:
		return Verdict{Outcome: Own, Why: "Brine's own change, and the rule has no own: true"}
	case e.Depth >= event.MaxDepth:
		return Verdict{Outcome: Deep, Why: fmt.Sprintf("%d events led to this one, each caused by the one before: a loop is likely", e.Depth)}
	}
	if v := t.variant; v.when != nil {
		got, err := v.when.eval(s)
		if err != nil {
			return failed(err)
		}
		holds, ok := got.Value().(bool)
		switch {
		case !ok:
			return failed(fmt.Errorf("%s: the condition gave %s, no bool", v.when.at.String(0), show(got)))
		case !holds:
			return Verdict{Outcome: No, Why: v.when.whyFalse(s)}
		}
	}
	if rule.within == 0 {
		return fire(t, s)
	}
	return r.throttled(rule, t, s, now)
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

// fire decides all steps, or none.
func fire(t *trigger, s *scope) Verdict {
	v := Verdict{Outcome: Fired, Why: t.why, Decisions: make([]Decision, 0, len(t.variant.steps))}
	if err := t.variant.decide(s, &v); err != nil {
		return failed(err)
	}
	return v
}

// throttled fires when the rule's window for this event is closed, and opens it; else holds the states back.
func (r *Reactor) throttled(rule *rule, t *trigger, s *scope, now int64) Verdict {
	key, err := windowKey(t.variant, s)
	if err != nil {
		return failed(err)
	}
	w := r.t.windows[windowID{rule.name, key}]
	if w != nil && now < w.until {
		return r.holdBack(rule, t, w, s)
	}
	v := fire(t, s)
	if v.Outcome != Fired {
		return v
	}
	if w != nil && len(w.held) > 0 { // over, and its timer's event is still to come: that will find nothing
		v.Causes = slices.Clone(w.causes)
		v.Decisions = append(v.Decisions, w.taken(v.Decisions, s.event.Minion)...)
		v.Why += fmt.Sprintf("; with it runs what %d events before were held back for", w.count)
	}
	if !r.t.open(rule, key, now) {
		v.Why += fmt.Sprintf("; not throttled, for the rule has %d windows open already", maxWindows)
	}
	return v
}

// holdBack keeps the rule's states until the window ends: a file is never left wrong. Its other steps are passed over.
func (r *Reactor) holdBack(rule *rule, t *trigger, w *window, s *scope) Verdict {
	v := Verdict{Outcome: Throttled, Why: fmt.Sprintf("once within %s by %s, and that ends %s", rule.within, w.key,
		time.Unix(0, w.until).UTC().Format(time.RFC3339Nano))}
	var states []Decision
	for _, st := range t.variant.steps {
		if st.fun != job.StateApply || st.late {
			continue
		}
		d, err := st.decide(s)
		if err != nil {
			return failed(fmt.Errorf("step %d, %s: %w", st.index+1, st.fun, err))
		}
		if d.TgtType == "" { // the event of the timer has no minion
			d.Tgt, d.TgtType = s.event.Minion, "list"
		}
		states = append(states, d)
	}
	kept := 0
	for _, d := range states {
		if r.t.hold(w, d) {
			kept++
			continue
		}
		v.Outcome = Fired
		v.Decisions = append(v.Decisions, d)
	}
	if kept > 0 {
		r.t.heldFor(w, &s.event)
		v.Why += "; the state runs once more then"
	}
	if len(v.Decisions) > 0 {
		v.Why += fmt.Sprintf("; not throttled, for the window holds %d states back already", maxHeld)
	}
	return v
}

// timer answers the event of a timer: what the window held back runs, and the window starts anew.
func (r *Reactor) timer(e *event.Event, now int64) (Verdict, bool) {
	if e.Minion != "" || !strings.HasPrefix(e.Tag, timerPrefix) || !strings.HasSuffix(e.Tag, timerSuffix) || len(r.t.holding) == 0 {
		return Verdict{}, false
	}
	name := strings.TrimSuffix(strings.TrimPrefix(e.Tag, timerPrefix), timerSuffix)
	var d timerData
	if err := e.Data.Decode(&d); err != nil {
		return Verdict{}, false
	}
	w := r.t.windows[windowID{name, d.Key}]
	if w == nil || len(w.held) == 0 || w.until != d.At.UnixNano() {
		return Verdict{}, false // a timer told twice, or overtaken by an event
	}
	v := Verdict{Rule: name, Outcome: Fired, Decisions: w.taken(nil, ""),
		Why: fmt.Sprintf("the window by %s has ended; %d events were held back", w.key, w.count)}
	if rule := r.set.byName[name]; rule.within > 0 && rule.print == w.print {
		r.t.open(rule, w.key, now)
	} else {
		r.t.drop(w)
	}
	return v, true
}
