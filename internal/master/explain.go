package master

import (
	"fmt"
	"slices"

	"brine/internal/config"
	"brine/internal/event"
	"brine/reactors"
)

// Explained is one event and what each rule made of it when it came in.
type Explained struct {
	Event    event.Event `json:"event"`
	Verdicts []Verdict   `json:"verdicts"`
	Passed   []Passed    `json:"passed,omitempty"` // rules that were asked for by name and that the event passed by
}

// Passed is a rule that has no verdict on an event.
type Passed struct {
	Rule string   `json:"rule"`
	Why  []string `json:"why"` // for each of its patterns, as the rule stands now
}

// Explain says what the rules made of an event, or what one of them did, which may have passed it by. name is an id or a position. A rule that is
// neither in force nor has a verdict is ErrUnknown.
func (m *Master) Explain(name, rule string) (Explained, error) {
	e, err := m.Event(name)
	if err != nil {
		return Explained{}, err
	}
	out := Explained{Event: e}
	if out.Verdicts, err = m.Verdicts(e.Pos); err != nil || rule == "" {
		return out, err
	}
	out.Verdicts = slices.DeleteFunc(out.Verdicts, func(v Verdict) bool { return v.Rule != rule })
	if len(out.Verdicts) > 0 {
		return out, nil
	}
	m.rules.mu.Lock()
	set := m.rules.set
	m.rules.mu.Unlock()
	if !set.Has(rule) {
		return out, unknownRule(rule, set)
	}
	why := set.Mismatch(rule, e.Tag)
	if len(why) == 0 {
		why = []string{"its pattern matches; the rule was not in force, or was another one, when the event came in"}
	}
	out.Passed = []Passed{{Rule: rule, Why: why}}
	return out, nil
}

func unknownRule(name string, set *reactors.Set) error {
	var names []string
	for _, info := range set.Rules() {
		names = append(names, info.Name)
	}
	return noRule(name, names)
}

// noRule is ErrUnknown with the rule that was probably meant.
func noRule(name string, known []string) error {
	meant := ""
	if near := config.Nearest(name, known); near != "" {
		meant = fmt.Sprintf("; did you mean %q?", near)
	}
	return fmt.Errorf("rule %q: %w%s", name, ErrUnknown, meant)
}
