package reactors

import (
	"cmp"
	"slices"
	"strings"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"
)

// Bounds of a set of rules.
const (
	maxRules    = 10_000
	maxPatterns = 64 // of one rule
	maxSteps    = 64 // of one rule
	maxBy       = 8  // expressions that windows are kept by
	maxParts    = 16 // of a condition over several events
	maxArgv     = 1024
)

// jobData is the kind of data that the events of finished jobs carry.
const jobData = "job result"

// Load reads and checks rule files, and gives every fault of all of them at once, sorted by place. With faults the set
// holds only the rules that have none: whether half a set is better than the last good one is the caller's to say.
func Load(files []Source, env Env) (*Set, config.Faults) {
	kinds := map[string]any{jobData: job.Result{}}
	for name, zero := range env.Data {
		kinds[name] = zero
	}
	l := &loader{beacons: env.Data, actions: env.Actions, set: &Set{env: env, byName: make(map[string]*rule), index: newIndex()}, named: make(map[string]config.Fault), known: make(map[config.Fault]bool)}
	var err error
	if l.envs, err = newEnvironments(kinds); err != nil {
		return l.set, config.Faults{{Msg: err.Error()}}
	}
	for _, f := range files {
		l.file(f)
	}
	l.cycles()
	l.unreachable()
	l.fights()
	slices.SortStableFunc(l.set.warnings, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Msg, b.Msg))
	})
	l.set.warnings = slices.Compact(l.set.warnings) // a rule is read once for each kind of data it may get
	return l.set, l.faults.Sorted()
}

// loader gathers what a Load finds.
type loader struct {
	beacons map[string]any
	actions map[string]ActionShape
	envs    *environments
	set     *Set
	named   map[string]config.Fault // where each name was first used
	faults  config.Faults
	known   map[config.Fault]bool // which faults
	raised  int                   // faults, the same one counted each time: an alias has its faults where the anchor is
}

// fault adds what is new: a rule is read once for each kind of data it may get.
func (l *loader) fault(f ...config.Fault) {
	l.raised += len(f)
	for _, f := range f {
		if !l.known[f] {
			l.known[f] = true
			l.faults = append(l.faults, f)
		}
	}
}

func (l *loader) warn(n *config.Node, hint, format string, args ...any) {
	l.set.warnings = append(l.set.warnings, Warning(n.Fault(format, args...).WithHint(hint)))
}

func (l *loader) file(f Source) {
	root, faults := config.Parse(f.Name, f.Text)
	l.fault(faults...)
	if len(faults) > 0 {
		return
	}
	if k := root.Kind(); k != config.Map && k != config.Null {
		l.fault(root.Fault("want rules by name, not %s", k).WithHint("each top-level key is a rule"))
		return
	}
	rules, lines := root.Pairs(), slices.Collect(strings.Lines(string(f.Text)))
	for i, p := range rules {
		end := 0
		if i+1 < len(rules) {
			end = rules[i+1].Key.Line()
		}
		l.rule(p, f.Text, planText(p, lines, end))
	}
}

func (l *loader) rule(p config.Pair, text []byte, plan Plan) {
	name := p.Key.Text()
	before := l.raised
	if err := event.CheckMinionID(name); err != nil {
		l.fault(p.Key.Fault("%s", strings.Replace(err.Error(), "minion id", "the name of a rule", 1)))
	}
	here := p.Key.Fault("")
	if first, ok := l.named[name]; ok {
		l.fault(p.Key.Fault("rule %q is already declared at %s:%d:%d", name, first.File, first.Line, first.Column).
			WithHint("the name of a rule is unique over all files"))
	} else {
		l.named[name] = here
	}
	if len(l.named) > maxRules {
		l.fault(p.Key.Fault("more than %d rules", maxRules))
		return
	}
	c := &ruleCompiler{loader: l, text: text, rule: &rule{name: name, text: plan}}
	c.rule.info = Info{Name: name, File: here.File, Line: here.Line}
	c.compile(p)
	if l.raised > before {
		return
	}
	id := int32(len(l.set.rules))
	l.set.rules = append(l.set.rules, c.rule)
	l.set.byName[name] = c.rule
	if c.rule.cond != nil && c.rule.cond.starts() {
		l.set.starters = append(l.set.starters, c.rule)
	}
	every := c.rule.asksEvery()
	for i, t := range c.rule.triggers {
		l.set.index.add(t.pattern, hit{rule: id, trigger: int32(i), every: every})
	}
}

// ruleFile is a rule as it is written.
type ruleFile struct {
	Description string        `yaml:"description"`
	On          *config.Node  `yaml:"on,required"`
	When        *config.Node  `yaml:"when"`
	From        *config.Node  `yaml:"from"`
	Throttle    *throttleFile `yaml:"throttle"`
	Own         bool          `yaml:"own"`
	MaxRate     *rate         `yaml:"max_rate"`
	Mode        *config.Node  `yaml:"mode"`
	Do          *config.Node  `yaml:"do,required"`
	OnFailure   *config.Node  `yaml:"on_failure"`
}
