package reactors

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"brine/internal/event"
)

// returnGrace is how long after its start a master still waits for what was due meanwhile: the minions have to come back first, and
// what should have come may lie with one of them. A wait that is shorter has no more than its own length.
const returnGrace = 30 * time.Second

// Timer says that a window ends at whose end something happens. The caller appends it to the log as an event of the master's, with
// Event's tag and data, the causes and depth given here, and passes that event to Step.
type Timer struct {
	Rule   string
	Of     string // condition, or empty for a throttle
	Key    string // the values of by, as a JSON list
	At     time.Time
	Causes []event.ID // the last events that the window holds, at most event.MaxCauses
	Depth  uint8      // of the deepest of them: a timer is no link of a chain
}

// ofCondition is Timer.Of.
const ofCondition = "condition"

// timerData is the data of a timer's event.
type timerData struct {
	Of  string    `json:"of,omitempty"`
	Key string    `json:"key"`
	At  time.Time `json:"at"`
}

const (
	timerPrefix = event.Reserved + "reactor/"
	timerSuffix = "/timer"
)

// Event gives the tag and the data of the timer's event.
func (t Timer) Event() (tag string, data event.Data) {
	data, err := event.Encode(timerData{Of: t.Of, Key: t.Key, At: t.At})
	if err != nil {
		panic(err) // a key is bounded
	}
	return timerPrefix + t.Rule + timerSuffix, data
}

// Due gives the timers that have expired, the earliest first, at most maxTimers. It changes no decision: a timer stays due until
// Step has taken its event.
func (r *Reactor) Due(now time.Time) []Timer {
	r.settle()
	r.waitForReturn(now.UnixNano())
	type dueWindow struct {
		w  *window
		of string
	}
	var due []dueWindow
	add := func(of string, h windowHeap) {
		var walk func(i int)
		walk = func(i int) {
			if i < len(h) && h[i].due <= now.UnixNano() {
				due = append(due, dueWindow{h[i], of})
				walk(2*i + 1)
				walk(2*i + 2)
			}
		}
		walk(0)
	}
	add("", r.throttles.timed)
	add(ofCondition, r.conditions.timed)
	slices.SortFunc(due, func(a, b dueWindow) int { return cmp.Or(compareWindows(a.w, b.w), cmp.Compare(a.of, b.of)) })
	timers := make([]Timer, 0, min(len(due), maxTimers))
	for _, d := range due[:min(len(due), maxTimers)] {
		timers = append(timers, d.w.timer(d.of))
	}
	if !r.started { // no event has come since the rules are in force: this one begins the waits that need none
		for _, rule := range r.set.starters[:min(len(r.set.starters), 1)] {
			timers = append(timers, Timer{Rule: rule.name, Of: ofCondition, Key: noKey, At: now.UTC()})
		}
	}
	return timers
}

func (w *window) timer(of string) Timer {
	t := Timer{Rule: w.rule, Of: of, Key: w.key, At: time.Unix(0, w.until).UTC(), Causes: slices.Clone(w.causes), Depth: w.depth}
	if len(w.kept) > 0 {
		t.Causes, t.Depth = causesOf(w.kept, event.ID{}), depthOf(w.kept)
	}
	return t
}

// waitForReturn puts off, once after a start, the timers of waits that were due while the master was away, or are soon.
func (r *Reactor) waitForReturn(now int64) {
	if r.returned {
		return
	}
	r.returned = true
	for _, w := range slices.Clone(r.conditions.timed) {
		if rule := r.set.byName[w.rule]; w.restored && rule != nil && rule.cond != nil {
			grace := returnGrace
			if d := rule.cond.within; d > 0 {
				grace = min(grace, d)
			}
			w.due = max(w.until, now+int64(grace))
			r.conditions.place(w)
		}
	}
}

// Next is when the next timer expires; false when none runs.
func (r *Reactor) Next() (time.Time, bool) {
	r.settle()
	at, ok := int64(0), !r.started && len(r.set.starters) > 0 // at once
	for _, h := range []windowHeap{r.throttles.timed, r.conditions.timed} {
		if len(h) > 0 && (!ok || h[0].due < at) {
			at, ok = h[0].due, true
		}
	}
	if end, ends := r.nextEnd(); ends && (!ok || end < at) {
		at, ok = end, true
	}
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(0, at).UTC(), true
}

// timer answers the event of a timer: what the window held back or collected runs, or what it waited for has not come.
func (r *Reactor) timer(s *scope, now int64) (Verdict, bool) {
	e := &s.event
	if e.Minion != "" || !strings.HasPrefix(e.Tag, timerPrefix) || !strings.HasSuffix(e.Tag, timerSuffix) {
		return Verdict{}, false
	}
	name := strings.TrimSuffix(strings.TrimPrefix(e.Tag, timerPrefix), timerSuffix)
	var d timerData
	if err := e.Data.Decode(&d); err != nil {
		return Verdict{}, false
	}
	all, answer := r.throttles, r.ended
	if d.Of == ofCondition {
		all, answer = r.conditions, r.missed
	}
	w := all.get(name, d.Key)
	if w == nil || !w.timed && len(w.held) == 0 || w.until != d.At.UnixNano() || w.until > now {
		return Verdict{}, false // a timer told twice, or overtaken by an event
	}
	v := answer(r.set.byName[name], w, s, now)
	v.Rule, v.Why = name, clip(v.Why, maxWhy)
	return v, true
}

// union adds the causes that are not there yet, at most event.MaxCauses - 1 in all.
func union(causes, more []event.ID) []event.ID {
	for _, id := range more {
		if !slices.Contains(causes, id) && len(causes) < event.MaxCauses-1 {
			causes = append(causes, id)
		}
	}
	return causes
}
