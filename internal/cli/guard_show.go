package cli

import (
	"cmp"
	"fmt"

	"brine/internal/api"
)

// guardedRule is a rule with what keeps it from acting.
type guardedRule struct {
	api.Rule
	Guard *api.Guard `json:"guard,omitempty"`
}

// guardedRules puts them together.
func guardedRules(rules []api.Rule, g api.Guards) []guardedRule {
	of := make(map[string]*api.Guard, len(g.Rules))
	for i := range g.Rules {
		of[g.Rules[i].Rule] = &g.Rules[i]
	}
	list := make([]guardedRule, len(rules))
	for i, r := range rules {
		list[i] = guardedRule{r, of[r.Name]}
	}
	return list
}

// ruleStatus is how a rule stands: it acts, or why it does not.
func (p palette) ruleStatus(r guardedRule) string {
	switch {
	case r.Guard != nil && r.Guard.Outcome == "paused":
		return p.yellow("paused")
	case r.Guard != nil:
		return p.red(clean(r.Guard.Outcome))
	case r.Mode != "":
		return p.yellow(clean(r.Mode))
	}
	return "acts"
}

// showHeld lists what is held, and says so when nothing is.
func (a *app) showHeld(g api.Guards) error {
	if done, err := machineList(a, []api.Guards{g}); done {
		return err
	}
	if len(g.Rules)+len(g.Holds) == 0 {
		fmt.Fprintln(a.err, "nothing is paused, suspended or frozen")
		return nil
	}
	return a.showGuards(g)
}

// showGuards lists what is held.
func (a *app) showGuards(g api.Guards) error {
	p := a.colors()
	t := newTable(a.out, p, "HELD", "SINCE", "UNTIL", "BY", "MISSED", "WHY")
	for _, r := range g.Rules {
		t.row("rule "+clean(r.Rule), showTime(r.Since), showTime(r.Until), cmp.Or(clean(r.By), "-"), times(uint64(r.Missed)), oneLine(r.Why, summaryWidth))
	}
	for _, h := range g.Holds {
		t.row(oneLine(holdName(h), summaryWidth), showTime(h.Since), showTime(h.Until), cmp.Or(clean(h.By), "-"), "-", oneLine(h.Why, 2*summaryWidth))
	}
	return t.flush()
}

func holdName(h api.Hold) string {
	if h.State != "" {
		return "state " + h.State
	}
	return "minions " + h.Tgt
}

// tellHolds says on the error output what is not put right at present, so that nobody wonders.
func (a *app) tellHolds(g api.Guards) {
	for _, h := range g.Holds {
		until := "`brine reactor resume --state '" + h.State + "'`"
		if !h.Until.IsZero() {
			until = showTime(h.Until)
		}
		fmt.Fprintf(a.err, "held: %s is not put right until %s: %s\n", clean(holdName(h)), clean(until), clean(h.Why))
	}
}
