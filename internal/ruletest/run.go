package ruletest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"
	"brine/reactors"
)

// Result is what became of one test.
type Result struct {
	File     string         `json:"file"`
	Line     int            `json:"line"`
	Name     string         `json:"name"`
	OK       bool           `json:"ok"`
	Failures []config.Fault `json:"failures,omitempty"` // what is not as expected
	Got      []string       `json:"got,omitempty"`      // of a test that failed: what the rules decided, step by step
}

// Run runs the tests of a file, those whose name holds a text, against a set of rules.
func (f *File) Run(set *reactors.Set, holds string) []Result {
	var results []Result
	for _, t := range f.tests {
		if strings.Contains(t.Name, holds) {
			results = append(results, t.run(set))
		}
	}
	return results
}

// running is a test under way.
type running struct {
	*test
	set    *reactors.Set
	names  []string // of the rules
	player *Player
	step   *step
	result Result
}

func (t *test) run(set *reactors.Set) Result {
	world := reactors.World{Grains: func(minion string) map[string]any {
		g, _ := t.Grains[minion].(map[string]any)
		return g
	}}
	r := &running{test: t, set: set, player: NewPlayer(set, world, t.Start)}
	for _, info := range set.Rules() {
		r.names = append(r.names, info.Name)
	}
	r.player.Results = r.results
	r.result = Result{File: t.node.File(), Line: t.node.Line(), Name: t.Name}
	for i := range t.steps {
		r.step = &t.steps[i]
		shown, err := r.happen()
		if err != nil {
			r.fail(r.step.node, "%v", err)
			break
		}
		r.tell(shown)
		r.compare(shown)
	}
	r.result.OK = len(r.result.Failures) == 0
	if r.result.OK {
		r.result.Got = nil
	}
	return r.result
}

func (r *running) fail(n *config.Node, format string, args ...any) {
	r.result.Failures = append(r.result.Failures, n.Fault(format, args...))
}

// results answers what a step of a rule gives: as the present step of the test says, by the step's name or function.
func (r *running) results(_ string, d reactors.Decision) reactors.StepResult {
	for _, key := range []string{d.Name, d.Fun} {
		if res, ok := r.step.results[key]; ok && key != "" {
			return res
		}
	}
	return reactors.StepResult{OK: true}
}

// happen lets the step of the test happen.
func (r *running) happen() (all []Shown, err error) {
	s := r.step
	switch {
	case s.Event == "" && s.Until.IsZero():
		return r.player.Advance(r.player.Now().Add(s.Advance))
	case s.Event == "":
		if s.Until.Before(r.player.Now()) {
			return nil, fmt.Errorf("until %s: it is %s already", s.Until.Format(stamp), r.player.Now().Format(stamp))
		}
		return r.player.Advance(s.Until)
	}
	for range s.Repeat {
		at := r.player.Now().Add(s.After)
		e := event.Event{Tag: s.Event, Minion: *s.Minion, By: s.By, Own: s.Own, Data: s.data, Time: at}
		if !s.Time.IsZero() {
			e.Time = s.Time
		}
		shown, err := r.player.Show(e, at)
		all = append(all, shown...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

const stamp = "2006-01-02 15:04:05"

// tell adds to the record of what the rules made of a step.
func (r *running) tell(shown []Shown) {
	what := r.step.Event
	if what == "" {
		what = "until " + r.player.Now().Format(stamp)
	}
	r.result.Got = append(r.result.Got, fmt.Sprintf("line %d: %s", r.step.node.Line(), what))
	for _, s := range shown {
		for i, v := range s.Verdicts {
			by := ""
			if s.Event.Tag != r.step.Event {
				by = " (by " + s.Event.Tag + ")"
			}
			r.result.Got = append(r.result.Got, fmt.Sprintf("  %s %s%s: %s", v.Rule, v.Outcome, by, v.Why))
			for _, a := range s.Acts[i] {
				r.result.Got = append(r.result.Got, "    "+a.Line(s.Event.Minion))
			}
		}
	}
}

// verdict is one that a step brought about.
type verdict struct {
	reactors.Verdict
	event *event.Event
	acts  []Act
	used  bool
}

// compare looks for what the step expects among what came of it. Rules that fire without being expected are wrong too, and so are expressions
// that fail.
func (r *running) compare(shown []Shown) {
	var got []*verdict
	for i := range shown {
		for j, v := range shown[i].Verdicts {
			got = append(got, &verdict{Verdict: v, event: &shown[i].Event, acts: shown[i].Acts[j]})
		}
	}
	for i := range r.step.wants {
		w := &r.step.wants[i]
		if !slices.Contains(r.names, w.Rule) {
			r.result.Failures = append(r.result.Failures, w.node.Get("rule").Fault("there is no rule %q", w.Rule).WithHint(config.Suggest(w.Rule, r.names)))
			continue
		}
		for n := range w.Times {
			if !r.find(w, got, n) {
				break
			}
		}
	}
	for _, v := range got {
		switch {
		case v.used:
		case v.Outcome == reactors.Error:
			r.fail(r.step.node, "rule %s failed: %s", v.Rule, v.Why)
		case v.Outcome == reactors.Fired && r.step.Expect != nil:
			r.fail(r.step.Expect, "rule %s fired, which is not expected: %s", v.Rule, v.Why)
		}
	}
}

// find looks for one verdict that is wanted; n of them have been found.
func (r *running) find(w *want, got []*verdict, n int) bool {
	for _, v := range got {
		if v.used || v.Rule != w.Rule || string(v.Outcome) != w.Outcome {
			continue
		}
		v.used = true
		r.check(w, v)
		return true
	}
	wanted := w.Outcome
	if w.Times > 1 {
		wanted += fmt.Sprintf(" %d times, was %d times", w.Times, n)
	}
	r.fail(w.node, "rule %s: want %s, got %s", w.Rule, wanted, r.instead(w.Rule, got))
	return false
}

// instead says what a rule made of the step in the place of what was expected.
func (r *running) instead(rule string, got []*verdict) string {
	for _, v := range got {
		if v.Rule == rule && !v.used {
			v.used = v.Outcome == reactors.Error // it is told here
			return string(v.Outcome) + ": " + v.Why
		}
	}
	if r.step.Event == "" {
		return "nothing: no timer of its has expired"
	}
	return "nothing: " + cmp.Or(strings.Join(r.set.Mismatch(rule, r.step.Event), "; "), "it gives one verdict for an event")
}

// check compares what a verdict does with what is wanted of it.
func (r *running) check(w *want, v *verdict) {
	if !strings.Contains(v.Why, w.Why) {
		r.fail(w.node.Get("why"), "rule %s: want a reason with %q, got %q", w.Rule, w.Why, v.Why)
	}
	var jobs, fires []map[string]any
	for _, a := range v.acts {
		if a.Fun == job.EventFire && a.Fire != nil {
			fires = append(fires, a.fire())
		} else {
			jobs = append(jobs, a.job(v.event.Minion))
		}
	}
	r.each(w, w.Jobs, "job", jobs)
	r.each(w, w.Fires, "event", fires)
}

// each compares a list one by one. Where the file says nothing, nothing is compared; none is said by an empty list.
func (r *running) each(w *want, n *config.Node, what string, got []map[string]any) {
	if n == nil {
		return
	}
	wanted := listOf(n)
	for i, it := range wanted[:min(len(wanted), len(got))] {
		for _, f := range differ(it, got[i], "") {
			f.Msg = fmt.Sprintf("rule %s: %s %d: %s", w.Rule, what, i+1, f.Msg)
			r.result.Failures = append(r.result.Failures, f)
		}
	}
	if len(wanted) != len(got) {
		r.fail(n, "rule %s: want %d %ss, got %d", w.Rule, len(wanted), what, len(got))
	}
}
