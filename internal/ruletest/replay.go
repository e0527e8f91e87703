package ruletest

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"brine/internal/event"
	"brine/reactors"
)

// maxSamples bounds the events that a change names.
const maxSamples = 5

// Replay shows the events of a log to two sets of rules, that in force and a proposed one, and compares what they decide. Both begin without a
// history. Of the log's events those that rules fired are left out, for both sets make them anew, and so are timers and pauses; what came of
// jobs stays as it was.
type Replay struct {
	Events        int // that were shown
	inForce, next *side
	names         [2][]string // of the rules of each, in the order of their files
	more, less    map[string][]string
}

// side is one of the two.
type side struct {
	set     *reactors.Set
	world   reactors.World
	player  *Player
	tallies map[string]*tally
	fired   map[string]bool // rules, since the last event of the log
}

// Tally counts what one rule made of the events.
type Tally struct {
	Fires     int    `json:"fires"`  // it fired, or would have but for shadow mode
	Shadow    int    `json:"shadow"` // of these, in shadow mode
	Throttled int    `json:"throttled"`
	Suspended int    `json:"suspended"`
	Steps     int    `json:"steps"` // that were begun, if all had succeeded
	Errors    int    `json:"errors"`
	Error     string `json:"error,omitempty"` // the first of them
}

type tally struct {
	Tally
	minions map[string]bool // that it fired on
	sum     [sha256.Size]byte
}

// Change is how one rule differs between the two sets.
type Change struct {
	Rule     string   `json:"rule"`
	Kind     Kind     `json:"change"`
	Now      Tally    `json:"now"` // of the set in force
	Proposed Tally    `json:"proposed"`
	Minions  []string `json:"minions"`        // that the proposed one would fire on
	More     []string `json:"more,omitempty"` // events for which only the proposed one would fire, the first few
	Less     []string `json:"less,omitempty"` // and only the one in force
}

// Kind says what a change is.
type Kind string

// The kinds of changes.
const (
	New     Kind = "new"     // only the proposed set has the rule
	Removed Kind = "removed" // only the set in force has it
	Differs Kind = "differs" // it decides otherwise
	Same    Kind = "same"    // it decides the same
)

// NewReplay begins. What is asked of the world is the same for both.
func NewReplay(inForce, proposed *reactors.Set, world reactors.World) *Replay {
	r := &Replay{more: map[string][]string{}, less: map[string][]string{}}
	r.inForce = &side{set: inForce, world: world, tallies: map[string]*tally{}}
	r.next = &side{set: proposed, world: world, tallies: map[string]*tally{}}
	for i, s := range []*side{r.inForce, r.next} {
		for _, info := range s.set.Rules() {
			r.names[i] = append(r.names[i], info.Name)
			s.tallies[info.Name] = &tally{minions: map[string]bool{}}
		}
	}
	return r
}

// Show shows both sets the next event of the log.
func (r *Replay) Show(e event.Event) error {
	if made(&e) {
		return nil
	}
	r.Events++
	for _, s := range []*side{r.inForce, r.next} {
		s.fired = map[string]bool{}
		if s.player == nil {
			s.player = NewPlayer(s.set, s.world, e.Received)
		}
		shown, err := s.player.Show(e, e.Received)
		s.count(shown)
		if err != nil {
			return err
		}
	}
	sample(r.more, r.next.fired, r.inForce.fired, e.ID)
	sample(r.less, r.inForce.fired, r.next.fired, e.ID)
	return nil
}

// End lets the time pass that the log does not fill with events.
func (r *Replay) End(at time.Time) error {
	for _, s := range []*side{r.inForce, r.next} {
		if s.player == nil {
			continue
		}
		s.fired = map[string]bool{}
		shown, err := s.player.Advance(at)
		s.count(shown)
		if err != nil {
			return err
		}
	}
	return nil
}

// made reports whether a player makes an event of a log itself, or must not learn of it.
func made(e *event.Event) bool {
	if e.Minion != "" {
		return false
	}
	if rest, ok := strings.CutPrefix(e.Tag, event.Reserved+"reactor/"); ok {
		_, what, _ := strings.Cut(rest, "/")
		return slices.Contains([]string{"timer", "paused", "resumed", "suspended"}, what)
	}
	return firedByRule(e)
}

func sample(into map[string][]string, in, notIn map[string]bool, id event.ID) {
	for rule := range in {
		if !notIn[rule] && len(into[rule]) < maxSamples {
			into[rule] = append(into[rule], id.String())
		}
	}
}

// count takes verdicts in.
func (s *side) count(shown []Shown) {
	for _, one := range shown {
		for i, v := range one.Verdicts {
			t := s.tallies[v.Rule]
			if t == nil {
				continue // what a rule that is gone held back: there is none without a history
			}
			switch v.Outcome {
			case reactors.Fired, reactors.Shadow:
				s.fired[v.Rule] = true
				t.fire(&one.Event, v, one.Acts[i])
			case reactors.Throttled:
				t.Throttled++
			case reactors.Suspended:
				t.Suspended++
			case reactors.Error:
				t.Errors++
				t.Error = cmp.Or(t.Error, v.Why)
			}
		}
	}
}

func (t *tally) fire(e *event.Event, v reactors.Verdict, acts []Act) {
	t.Fires++
	if v.Outcome == reactors.Shadow {
		t.Shadow++
	}
	t.Steps += len(acts)
	if e.Minion != "" {
		t.minions[e.Minion] = true
	}
	for _, a := range acts {
		if a.TgtType == "list" && a.Tgt != "" {
			for _, id := range strings.Split(a.Tgt, ",") {
				t.minions[id] = true
			}
		}
		if a.Failed != "" {
			t.Errors++
			t.Error = cmp.Or(t.Error, a.Failed)
		}
	}
	text, err := json.Marshal([]any{t.sum[:], e.Tag, e.Received, acts})
	if err == nil {
		t.sum = sha256.Sum256(text)
	}
}

// Changes compares, rule by rule: in the order of the proposed files, then those that are removed.
func (r *Replay) Changes() []Change {
	names := slices.Clone(r.names[1])
	for _, name := range r.names[0] {
		if !r.next.set.Has(name) {
			names = append(names, name)
		}
	}
	list := make([]Change, 0, len(names))
	for _, name := range names {
		c := Change{Rule: name, Kind: Same, More: r.more[name], Less: r.less[name], Minions: []string{}}
		now, next := r.inForce.tallies[name], r.next.tallies[name]
		if now != nil {
			c.Now = now.Tally
		}
		if next != nil {
			c.Proposed = next.Tally
			c.Minions = append(c.Minions, slices.Sorted(maps.Keys(next.minions))...)
		}
		switch {
		case now == nil:
			c.Kind = New
		case next == nil:
			c.Kind = Removed
		case now.Tally != next.Tally || now.sum != next.sum:
			c.Kind = Differs
		}
		list = append(list, c)
	}
	return list
}
