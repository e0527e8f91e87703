package reactors

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"brine/internal/config"
	"brine/internal/event"
)

// Bounds of guards.
const (
	maxGuardHeld  = 20_000          // distinct decisions that one rule holds back, of maxRuleBytes: two for each of 10,000 minions; what is past it is told as lost
	maxGuardList  = 500             // minions in one decision that is let go
	maxGuardGone  = 1000            // rules that are paused and not in the files at present; the pause of a further one is forgotten
	maxSample     = 5               // tags and minions that the event of a suspension names
	minQuiet      = 5 * time.Second // of what a suspended rule must be quiet for
	maxSampleText = 300             // bytes of one of them
)

// guards keep rules from acting: those that operators have paused, and those that fire too often.
type guards struct {
	of     map[string]*guard // by rule: that fire, or are kept from it
	active map[string]*guard // of these, that are kept from it
	dirty  map[string]bool   // keys of the state that have changed
}

func newGuards(dirty map[string]bool) *guards {
	return &guards{of: make(map[string]*guard), active: make(map[string]*guard), dirty: dirty}
}

// guard is how one rule stands. Times are event.Event.Received, Unix nanoseconds.
type guard struct {
	rule  string
	print string // of the rate that counted
	// The window in which the rule's firings are counted begins with the first of them.
	begun  int64
	fires  int
	sample sample
	pause  *pause
	storm  *storm
	held   map[string]heldBack // by digest and minion
	bytes  int                 // that these take, about: at most maxRuleBytes
	missed int                 // times that it would have fired since it was stopped
	lost   int                 // decisions that found no room in held
	causes []event.ID          // of the last of these times, at most event.MaxCauses
	depth  uint8               // of the deepest of them
}

// pause is an operator's.
type pause struct {
	Since int64  `json:"since"`
	Until int64  `json:"until"`
	Why   string `json:"why"`
	By    string `json:"by"`
}

// storm is a suspension: since when, and the period that has to be quiet.
type storm struct {
	Since int64 `json:"since"`
	Ends  int64 `json:"ends"`  // of the period that is counted now
	Count int   `json:"count"` // in it
}

// sample is what a storm is made of: the first few of its window.
type sample struct {
	Tags    []string `json:"tags,omitempty"`
	Minions []string `json:"minions,omitempty"`
}

// add takes an event's tag and minion in and reports whether that changed anything.
func (s *sample) add(e *event.Event) bool {
	return addTo(&s.Tags, e.Tag) || addTo(&s.Minions, e.Minion)
}

func addTo(list *[]string, text string) bool {
	text = clip(text, maxSampleText)
	if text == "" || len(*list) >= maxSample || slices.Contains(*list, text) {
		return false
	}
	*list = append(*list, text)
	return true
}

// heldBack is one decision, for one minion where it is for a list of them.
type heldBack struct {
	Minion   string   `json:"minion,omitempty"`
	Decision Decision `json:"decision"`
}

// find is the guard of a rule, made when there is none.
func (g *guards) find(rule string) *guard {
	o := g.of[rule]
	if o == nil {
		o = &guard{rule: rule}
		g.of[rule] = o
	}
	return o
}

// place puts a guard among the active ones, or takes it out.
func (g *guards) place(o *guard) {
	if o.pause != nil || o.storm != nil {
		g.active[o.rule] = o
	} else {
		delete(g.active, o.rule)
	}
}

// Guard is why a rule does not act at present.
type Guard struct {
	Rule    string    `json:"rule"`
	Outcome Outcome   `json:"outcome"` // paused, or suspended
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"` // suspended: the earliest, if it is quiet until then
	Why     string    `json:"why"`
	By      string    `json:"by,omitempty"`
	Missed  int       `json:"missed"` // times that it would have fired since
	Held    int       `json:"held"`   // decisions that run when it ends
}

// Guards lists the rules that do not act at present, by name.
func (r *Reactor) Guards() []Guard {
	r.settle()
	list := make([]Guard, 0, len(r.guards.active))
	for _, o := range r.guards.active {
		list = append(list, r.describe(o))
	}
	slices.SortFunc(list, func(a, b Guard) int { return cmp.Compare(a.Rule, b.Rule) })
	return list
}

// Guard is why one rule does not act at present; false when it does.
func (r *Reactor) Guard(rule string) (Guard, bool) {
	r.settle()
	o, ok := r.guards.active[rule]
	if !ok {
		return Guard{}, false
	}
	return r.describe(o), true
}

func (r *Reactor) describe(o *guard) Guard {
	d := Guard{Rule: o.rule, Missed: o.missed, Held: len(o.held)}
	if p := o.pause; p != nil {
		d.Outcome, d.Since, d.Until, d.Why, d.By = Paused, at(p.Since), at(p.Until), p.Why, p.By
		return d
	}
	rate := r.rateOf(o.rule)
	d.Outcome, d.Since, d.Until = Suspended, at(o.storm.Since), at(o.storm.due(rate))
	d.Why = fmt.Sprintf("fired more often than %s; quiet for %s ends it", rate, config.ShortDuration(rate.quiet()))
	return d
}

func at(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// Names of the rules in force, in the order of the files.
func (r *Reactor) Names() []string {
	names := make([]string, len(r.set.rules))
	for i, rule := range r.set.rules {
		names[i] = rule.name
	}
	return names
}

func (r *Reactor) rateOf(rule string) rate {
	if o := r.set.byName[rule]; o != nil {
		return o.rate
	}
	return defaultRate
}

// What becomes of a rule is told by events brine/reactor/<rule>/<what>: the caller appends them to the log, and the reactor learns of
// them there.
const (
	whatPaused    = "paused"
	whatResumed   = "resumed"
	whatSuspended = "suspended"
)

// PauseData is the data of brine/reactor/<rule>/paused.
type PauseData struct {
	Until time.Time `json:"until"`
	Why   string    `json:"why"`
}

// ResumeData is the data of brine/reactor/<rule>/resumed.
type ResumeData struct {
	Was    Outcome `json:"was,omitempty"` // paused or suspended: that alone ends; empty: both
	Why    string  `json:"why"`
	Missed int     `json:"missed"`         // times that it would have fired meanwhile
	Held   int     `json:"held"`           // decisions that were held back, and run now
	Lost   int     `json:"lost,omitempty"` // decisions for which there was no room
}

// SuspendData is the data of brine/reactor/<rule>/suspended.
type SuspendData struct {
	Count   int      `json:"count"` // firings within the window, the one that was too much with them
	Rate    string   `json:"rate"`
	Tags    []string `json:"tags,omitempty"` // of the first of them; at most five
	Minions []string `json:"minions,omitempty"`
	Quiet   string   `json:"quiet"` // for so long it must fire at no more than half its rate to be resumed
	Hint    string   `json:"hint"`
}

// Tell is an event that a verdict brings about. The caller appends it to the log.
type Tell struct {
	Tag    string
	Data   any
	Causes []event.ID
	Depth  uint8
}

// GuardTag is the tag of what becomes of a rule: paused, resumed.
func GuardTag(rule, what string) string { return timerPrefix + rule + "/" + what }

// Pausing makes the event by which a rule is paused.
func Pausing(rule string, until time.Time, why string) Tell {
	return Tell{Tag: GuardTag(rule, whatPaused), Data: PauseData{Until: until, Why: why}}
}

// Resuming makes the event by which a rule acts again: what was held back runs with it. Was says what of it ends; empty: all.
func (r *Reactor) Resuming(rule string, was Outcome, why string) Tell {
	t := Tell{Tag: GuardTag(rule, whatResumed)}
	d := ResumeData{Was: was, Why: why}
	if o := r.guards.active[rule]; o != nil {
		d.Missed, d.Held, d.Lost = o.missed, len(o.held), o.lost
		t.Causes, t.Depth = slices.Clone(o.causes), o.depth
	}
	t.Data = d
	return t
}

// Ended gives the events of the rules whose pause is over, and of those that were suspended and are quiet again, in the order of their
// names. It changes nothing: they stay due until Step has taken them.
func (r *Reactor) Ended(now time.Time) []Tell {
	r.settle()
	var due []Tell
	for _, o := range r.guards.active {
		switch was, end := r.ends(o); {
		case end > now.UnixNano():
		case was == Paused:
			due = append(due, r.Resuming(o.rule, Paused, "the pause is over"))
		default:
			due = append(due, r.Resuming(o.rule, Suspended, "quiet again"))
		}
	}
	slices.SortFunc(due, func(a, b Tell) int { return strings.Compare(a.Tag, b.Tag) })
	return due[:min(len(due), maxTimers)]
}

// ends is what ends first, and when.
func (r *Reactor) ends(o *guard) (was Outcome, end int64) {
	if o.storm != nil {
		was, end = Suspended, o.storm.due(r.rateOf(o.rule))
	}
	if o.pause != nil && (was == "" || o.pause.Until <= end) {
		was, end = Paused, o.pause.Until
	}
	return was, end
}

// nextEnd is the soonest of them.
func (r *Reactor) nextEnd() (next int64, ok bool) {
	for _, o := range r.guards.active {
		if _, end := r.ends(o); !ok || end < next {
			next, ok = end, true
		}
	}
	return next, ok
}
