package reactors

import (
	"time"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"
)

// Source is one rule file.
type Source struct {
	Name string // as faults name it
	Text []byte
}

// Env is what rules are checked against.
type Env struct {
	Data    map[string]any         // by the name of a beacon: the zero value of the struct its events carry
	Actions map[string]ActionShape // by the name of a function, beside those that this package knows itself
}

// World is what a step may ask beside the event. What it gives must be a function of the log, or a replay decides otherwise.
type World struct {
	Grains func(minion string) map[string]any // nil for none known; asked at most once an event
}

// Outcome says what became of one rule for one event.
type Outcome string

// The outcomes. Only Fired carries decisions.
const (
	Fired     Outcome = "fired"
	No        Outcome = "no"        // the condition was false
	Waiting   Outcome = "waiting"   // the event is a part of what the rule waits for, and not the last
	Throttled Outcome = "throttled" // the throttle held it back
	Error     Outcome = "error"     // an expression failed: the caller tells it as an event
	Own       Outcome = "own"       // Brine's own change, and the rule does not ask for those
	Foreign   Outcome = "foreign"   // fired by a minion that the rule's from does not name
	Paused    Outcome = "paused"    // an operator has paused the rule
	Suspended Outcome = "suspended" // the rule has fired too often
	Shadow    Outcome = "shadow"    // mode: shadow, so it decides and does not act
	Deep      Outcome = "deep"      // the chain of causes is event.MaxDepth long: nothing reacts any more
)

// Verdict is what one rule, whose pattern matched, made of one event.
type Verdict struct {
	Rule      string     `json:"rule"`
	Outcome   Outcome    `json:"outcome"`
	Why       string     `json:"why"` // one sentence, at most some hundred characters
	Decisions []Decision `json:"decisions,omitempty"`
	Causes    []event.ID `json:"causes,omitempty"` // of the decisions, beside the event: those collected or held back before it
	Would     []Decision `json:"would,omitempty"`  // paused, suspended, shadow: what was decided and is not carried out now
	Tell      *Tell      `json:"-"`                // an event to append, nil for none
	Bound     string     `json:"bound,omitempty"`  // which bound was met, and so the rule did not do what it says: the caller tells it as an event
	Plan      *Plan      `json:"-"`                // what Later needs, when any of Decisions is Late
}

// Decision is one thing to do. Those that are Ordered are done one after the other, as they stand, the OnFailure ones only when one of
// the others fails; the rest each by itself. Several decisions of a verdict with the same Step are for different targets and have equal
// Args; their jid is the same.
type Decision struct {
	Step    int           `json:"step"` // the place in the rule's do list, from 0; in on_failure from FailureStep
	Name    string        `json:"name,omitempty"`
	Fun     string        `json:"fun"`                // job.StateApply, job.EventFire, job.MasterExec
	Tgt     string        `json:"tgt,omitempty"`      // job.StateApply only
	TgtType string        `json:"tgt_type,omitempty"` // glob, list; empty: the minion that fired the event
	Args    job.Args      `json:"args"`
	Timeout time.Duration `json:"timeout_ns,omitempty"` // of one attempt; 0 is the caller's default
	Fire    *Fire         `json:"fire,omitempty"`       // job.EventFire only
	Text    string        `json:"text,omitempty"`       // Fail, Stop and Approve only

	OnMaster  bool     `json:"on_master,omitempty"` // the master carries it out, and it is none of the functions built in
	Ordered   bool     `json:"ordered,omitempty"`
	OnFailure bool     `json:"on_failure,omitempty"`
	Late      bool     `json:"late,omitempty"` // it is made of what earlier steps give: nothing but Step, Name and Fun is known, see Reactor.Later
	Options   *Options `json:"options,omitempty"`
}

// Fire is an event to fire. Its tag has been checked and lies outside event.Reserved.
type Fire struct {
	Tag  string     `json:"tag"`
	Data event.Data `json:"data"`
}

// KV is one piece of the reactor's state; a nil Value removes it.
type KV struct {
	Key   string
	Value []byte
}

// Warning is something that is allowed and probably not meant.
type Warning config.Fault

// String is file:line:column: message (hint).
func (w Warning) String() string { return config.Fault(w).String() }

// Info describes a rule, for `brine reactor list`.
type Info struct {
	Name        string   `json:"name"`
	File        string   `json:"file"`
	Line        int      `json:"line"`
	Description string   `json:"description,omitempty"`
	On          []string `json:"on"`
	When        string   `json:"when,omitempty"`
	From        []string `json:"from,omitempty"`
	Throttle    string   `json:"throttle,omitempty"`
	Do          []string `json:"do"`                   // the function of each step
	OnFailure   []string `json:"on_failure,omitempty"` // the same of those for when one fails
	Own         bool     `json:"own,omitempty"`
	MaxRate     string   `json:"max_rate,omitempty"` // where the rule says one
	Mode        string   `json:"mode,omitempty"`     // shadow, or empty
}

// Set is a checked set of rules. It does not change.
type Set struct {
	env      Env
	rules    []*rule
	byName   map[string]*rule
	starters []*rule // whose conditions begin without an event
	index    *index
	warnings []Warning
}

// Rules describes the rules, in the order of the files.
func (s *Set) Rules() []Info {
	infos := make([]Info, len(s.rules))
	for i, r := range s.rules {
		infos[i] = r.info
	}
	return infos
}

// Warnings are what lint says of rules that are in order otherwise, sorted by place.
func (s *Set) Warnings() []Warning { return s.warnings }
