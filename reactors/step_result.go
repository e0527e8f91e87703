package reactors

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"brine/internal/config"
	"brine/internal/event"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// stepsVariable is what expressions call the results of earlier steps, and failedStep the one that failed, in on_failure.
const (
	stepsVariable = "steps"
	failedStep    = "failed"
)

// FailureStep is the Step of a rule's first on_failure step: the places of the do list are all below.
const FailureStep = 10_000

// StepResult is what ${steps.NAME} gives. With several targets, stdout, stderr, exit, return and error are those of the first that
// failed, by name, or else of the first; minions holds each.
type StepResult struct {
	Name      string                  `json:"name"`
	JID       string                  `json:"jid"`
	OK        bool                    `json:"ok"`      // it succeeded, on all targets but for those that max_failures puts up with
	Skipped   bool                    `json:"skipped"` // it has not run
	Changed   bool                    `json:"changed"` // something, on any target
	Error     string                  `json:"error"`
	Exit      int                     `json:"exit"`
	Stdout    string                  `json:"stdout"` // its end, where it is long
	Stderr    string                  `json:"stderr"` // the same
	Return    any                     `json:"return"` // what the function gives; null where that is too large
	By        string                  `json:"by"`     // who approved
	Targets   int                     `json:"targets"`
	Succeeded int                     `json:"succeeded"` // of the targets
	Failed    int                     `json:"failed"`    // of the targets, those that were cancelled among them
	Minions   map[string]MinionResult `json:"minions"`   // by id; with very many targets those that failed, and of them the first
}

// MinionResult is what a step gave on one target.
type MinionResult struct {
	OK      bool   `json:"ok"`
	Changed bool   `json:"changed"`
	Error   string `json:"error"`
	Exit    int    `json:"exit"`
	Stdout  string `json:"stdout"`
	Stderr  string `json:"stderr"`
	Return  any    `json:"return"`
}

// Scope is what the steps of a rule see of its beginning. It is kept with the run, so that a later step can be decided after a restart.
type Scope struct {
	ID       event.ID  `json:"id"`
	Pos      uint64    `json:"pos"`
	Time     time.Time `json:"time"`
	Received time.Time `json:"received"`
	Tag      string    `json:"tag"`
	Minion   string    `json:"minion,omitempty"`
	By       string    `json:"by,omitempty"`
	Own      bool      `json:"own,omitempty"`
	Data     []byte    `json:"data,omitempty"`    // CBOR
	Events   []seen    `json:"events,omitempty"`  // what a window has collected, the last maxShown
	Minions  []string  `json:"minions,omitempty"` // whom a step without tgt means, where it is not Minion
}

// Plan is what is needed to decide a later step: the rule's own text, so that one that is changed meanwhile ends as it began.
type Plan struct {
	Rule  string `json:"rule"`
	Print string `json:"print"` // of Text
	Kind  string `json:"kind,omitempty"`
	File  string `json:"file"`
	Line  int    `json:"line"` // where Text begins
	Text  string `json:"text,omitempty"`
	Scope Scope  `json:"scope"`
}

// maxPlanText bounds the text of a rule that is kept with its runs, in bytes. The steps of a longer one cannot be decided any more
// once it was changed.
const maxPlanText = 16 << 10

func keepScope(s *scope) Scope {
	e := &s.event
	return Scope{ID: e.ID, Pos: e.Pos, Time: e.Time, Received: e.Received, Tag: e.Tag, Minion: e.Minion, By: e.By, Own: e.Own, Data: e.Data,
		Events: slices.Clone(s.seen[max(len(s.seen)-maxShown, 0):]), Minions: s.minions}
}

func (k *Scope) event() event.Event {
	return event.Event{ID: k.ID, Pos: k.Pos, Time: k.Time, Received: k.Received, Tag: k.Tag, Minion: k.Minion, By: k.By, Own: k.Own, Data: k.Data}
}

// Later decides a step that is made of what earlier ones gave. It changes nothing and depends on nothing but its arguments and the
// rules in force.
func (r *Reactor) Later(p *Plan, index int, results map[string]StepResult, w World) (Decision, error) {
	v, err := r.set.planned(p)
	if err != nil {
		return Decision{}, err
	}
	for _, st := range slices.Concat(v.steps, v.onFailure) {
		if st.index != index {
			continue
		}
		s := &scope{event: p.Scope.event(), world: w, steps: map[string]any{}, seen: p.Scope.Events, minions: p.Scope.Minions}
		for name, res := range results {
			if s.steps[name], err = plainResult(res); err != nil {
				return Decision{}, err
			}
		}
		d, err := st.decide(s)
		if err != nil {
			return d, fmt.Errorf("%s: %w", st.label(), err)
		}
		return d, nil
	}
	return Decision{}, fmt.Errorf("rule %s has no step %d", p.Rule, index+1)
}

// planned is the variant of the rule that the plan was made by: that in force, or if it was changed since, the one that the plan kept.
func (s *Set) planned(p *Plan) (*variant, error) {
	rule := s.byName[p.Rule]
	if rule == nil || rule.text.Print != p.Print {
		if p.Text == "" {
			return nil, fmt.Errorf("rule %s was changed while its steps were under way, and is too long to have been kept", p.Rule)
		}
		text := strings.Repeat("\n", max(p.Line-1, 0)) + p.Text // so that faults have their lines
		old, faults := Load([]Source{{Name: p.File, Text: []byte(text)}}, s.env)
		if rule = old.byName[p.Rule]; rule == nil {
			return nil, fmt.Errorf("rule %s was changed while its steps were under way, and what it was cannot be read alone: %w", p.Rule, faults.Err())
		}
	}
	for _, v := range rule.variants {
		if v.env.kind == p.Kind {
			return v, nil
		}
	}
	return rule.variants[0], nil
}

// plainResult makes a result what expressions read.
func plainResult(r StepResult) (any, error) {
	d, err := event.Encode(r)
	if err != nil {
		return nil, fmt.Errorf("the result of step %s: %w", r.Name, err)
	}
	return d.Value()
}

// after is the environment of a step that follows those of the names.
func (v *environment) after(names []string) *environment {
	w := *v
	w.steps = append([]string{}, names...)
	return &w
}

func (v *environment) knows(step string) bool { return slices.Contains(v.steps, step) }

// checkSteps looks at how an expression reads the results of steps: steps.NAME, of an earlier one. It reports whether it does at all.
func (v *environment) checkSteps(src string, at place, a *cel.Ast) (late bool, faults config.Faults) {
	if !strings.Contains(src, stepsVariable) {
		return false, nil
	}
	info := a.NativeRep().SourceInfo()
	fault := func(e ast.Expr, word, format string, args ...any) {
		offset := 0
		if r, ok := info.GetOffsetRange(e.ID()); ok {
			offset = int(r.Start)
		}
		if i := strings.Index(runesFrom(src, offset), word); i > 0 {
			offset += utf8.RuneCountInString(runesFrom(src, offset)[:i])
		}
		hint := didYouMean(word, v.steps)
		if hint == "" && len(v.steps) > 0 {
			hint = "the steps before it that have a name: " + strings.Join(v.steps, ", ")
		} else if hint == "" {
			hint = "a step has a name when it says so: {name: first, ...}"
		}
		faults = append(faults, at.fault(offset, format, args...).WithHint(hint))
	}
	named := map[int64]bool{} // places of the variable that were looked at
	check := func(e, operand ast.Expr, name string) {
		if operand.Kind() != ast.IdentKind || operand.AsIdent() != stepsVariable {
			return
		}
		named[operand.ID()] = true
		if v.steps != nil && !v.knows(name) {
			fault(e, name, "no earlier step is called %q", name)
		}
	}
	ast.PreOrderVisit(a.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.SelectKind:
			check(e, e.AsSelect().Operand(), e.AsSelect().FieldName())
		case ast.CallKind:
			if args := e.AsCall().Args(); len(args) == 2 && args[1].Kind() == ast.LiteralKind {
				switch e.AsCall().FunctionName() {
				case operators.Index, operators.OptIndex, operators.OptSelect:
					if name, ok := args[1].AsLiteral().Value().(string); ok {
						check(e, args[0], name)
					}
				}
			}
		case ast.IdentKind:
			if e.AsIdent() != stepsVariable {
				return
			}
			late = true
			if v.steps == nil {
				fault(e, stepsVariable, "no step has run when this is looked at")
			} else if !named[e.ID()] {
				fault(e, stepsVariable, "want the result of one step: steps.NAME")
			}
		}
	}))
	return late, faults
}

// refersToSteps reports whether any of the step's expressions reads results.
func (st *step) refersToSteps() bool {
	late := st.tgt.late() || st.tag.late() || st.text.late() || st.data.late()
	for _, t := range st.argv {
		late = late || t.late()
	}
	for _, e := range st.env {
		late = late || e.value.late()
	}
	return late
}

func (t *template) late() bool {
	return t != nil && slices.ContainsFunc(t.parts, func(p part) bool { return p.x != nil && p.x.late })
}

func (t *tree) late() bool {
	return t != nil && (t.leaf.late() || slices.ContainsFunc(t.items, (*tree).late))
}

// decide decides all steps: those that are made of results later, see Later.
func (t *variant) decide(s *scope, v *Verdict) error {
	ordered := len(t.steps)+len(t.onFailure) > 1
	for _, st := range slices.Concat(t.steps, t.onFailure) {
		d := Decision{Step: st.index, Name: st.name, Fun: st.fun, Late: true}
		if !st.late {
			var err error
			if d, err = st.decide(s); err != nil {
				return fmt.Errorf("%s: %w", st.label(), err)
			}
		}
		d.Ordered, d.OnFailure = ordered, st.index >= FailureStep
		v.Decisions = append(v.Decisions, d)
		if st.late && v.Plan == nil {
			v.Plan = t.plan(s)
		}
	}
	return nil
}

func (t *variant) plan(s *scope) *Plan {
	p := t.rule.text
	p.Kind, p.Scope = t.env.kind, keepScope(s)
	return &p
}

// planText is what a plan keeps of a rule: its lines, up to that where the next rule begins.
func planText(p config.Pair, lines []string, next int) Plan {
	plan := Plan{Rule: p.Key.Text(), File: p.Key.File(), Line: p.Key.Line()}
	end := len(lines)
	if next > plan.Line {
		end = min(end, next-1)
	}
	text := strings.Join(lines[min(plan.Line-1, end):end], "")
	sum := sha256.Sum256([]byte(text))
	plan.Print = hex.EncodeToString(sum[:8])
	if len(text) <= maxPlanText {
		plan.Text = text
	}
	return plan
}
