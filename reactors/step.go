package reactors

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"brine/internal/config"
	"brine/internal/job"
)

// step is one entry of a rule's do or on_failure list, for one kind of data. It does not change once compiled.
type step struct {
	index   int // see FailureStep
	fun     string
	name    string   // for later steps; empty for none
	args    job.Args // state.apply
	tgt     *template
	tgtType string
	tag     *template // event.fire
	data    *tree     // event.fire, and the arguments of an action; nil for none
	argv    []*template
	env     []envVar
	text    *template     // fail, stop, approve
	timeout time.Duration // of one attempt
	options *Options      // nil when nothing is said
	minions bool          // minions carry it out, not the master
	late    bool          // it is made of what earlier steps gave
}

type envVar struct {
	name  string
	value *template
}

// stepFile is a step as it is written, beside its function.
type stepFile struct {
	Name          *config.Node `yaml:"name"`
	Tgt           *config.Node `yaml:"tgt"`
	TgtType       *config.Node `yaml:"tgt_type"`
	Batch         *config.Node `yaml:"batch"`
	MaxFailures   *config.Node `yaml:"max_failures"`
	Retry         *config.Node `yaml:"retry"`
	Timeout       *config.Node `yaml:"timeout"`
	IgnoreFailure bool         `yaml:"ignore_failure"`
	Interrupted   *config.Node `yaml:"interrupted"`
}

// builtin are the functions that need no ActionShape: how their arguments are read.
func builtin() map[string]func(*ruleCompiler, *environment, *step, *config.Node) {
	return map[string]func(*ruleCompiler, *environment, *step, *config.Node){
		job.StateApply: (*ruleCompiler).stateApply,
		job.EventFire:  (*ruleCompiler).eventFire,
		job.MasterExec: (*ruleCompiler).masterExec,
		Fail:           (*ruleCompiler).control,
		Stop:           (*ruleCompiler).control,
		Approve:        (*ruleCompiler).control,
	}
}

// functions are the names of all that a step can do, sorted.
func (l *loader) functions() []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(builtin())), maps.Keys(l.actions))
	slices.Sort(names)
	return slices.Compact(names)
}

func (l *loader) stepHint() string { return "one of " + strings.Join(l.functions(), ", ") }

// onMinion reports whether a function is carried out by minions.
func (l *loader) onMinion(fun string) bool {
	return fun == job.StateApply || l.actions[fun].OnMinion
}

// steps compiles a list of steps, or the single one that stands for it. names are those of the steps before, which it extends.
func (c *ruleCompiler) steps(env *environment, n *config.Node, first int, names *[]string) []*step {
	items := n.Items()
	switch {
	case n == nil:
		return nil // a fault already, or none is wanted
	case n.Kind() == config.Map:
		items = []*config.Node{n}
	case n.Kind() != config.List:
		c.fault(n.Fault("want a list of steps, not %s", n.Kind()).WithHint(c.stepHint()))
		return nil
	}
	if len(items) == 0 || len(items) > maxSteps {
		c.fault(n.Fault("%d steps; want 1 to %d", len(items), maxSteps))
	}
	var steps []*step
	for i, it := range items {
		if s := c.step(env.after(*names), it); s != nil {
			s.index = first + i
			steps = append(steps, s)
			if s.name != "" {
				*names = append(*names, s.name)
			}
		}
	}
	return steps
}

func (c *ruleCompiler) step(env *environment, n *config.Node) *step {
	if n.Kind() != config.Map {
		c.fault(n.Fault("a step is a map, not %s", n.Kind()).WithHint("such as {state.apply: motd}"))
		return nil
	}
	s, arg, f, ok := c.function(n)
	if !ok {
		return nil
	}
	s.minions = c.onMinion(s.fun)
	if read := builtin()[s.fun]; read != nil {
		read(c, env, s, arg)
	} else {
		c.action(env, s, arg)
	}
	c.name(env, s, f.Name)
	c.target(env, s, f)
	c.options(s, f)
	s.late = s.refersToSteps()
	return s
}

// function finds the one key of a step that is a function, and reads the others.
func (c *ruleCompiler) function(n *config.Node) (s *step, arg *config.Node, f stepFile, ok bool) {
	s = &step{}
	known := c.functions()
	options := config.Keys(&f)
	var mine []string
	before := c.raised
	for _, p := range n.Pairs() {
		switch key := p.Key.Text(); {
		case slices.Contains(known, key):
			mine = append(mine, key)
			s.fun, arg = key, p.Value
		case !slices.Contains(options, key):
			c.fault(config.UnknownKey(p.Key, append(slices.Clone(known), options...)))
		}
	}
	if c.raised > before {
		return nil, nil, f, false
	}
	if len(mine) != 1 {
		c.fault(n.Fault("a step has one function, this has %d", len(mine)).WithHint(c.stepHint()))
		return nil, nil, f, false
	}
	faults := n.Without(mine...).Decode(&f)
	c.fault(faults...)
	return s, arg, f, len(faults) == 0
}

// template compiles a scalar that may hold ${...}; a fault and an empty text for anything else.
func (c *ruleCompiler) template(env *environment, n *config.Node) *template {
	if n.Kind() != config.Scalar {
		c.fault(n.Fault("want a text, not %s", n.Kind()))
		return &template{}
	}
	t, faults := env.parseTemplate(n, c.text)
	c.fault(faults...)
	return t
}

// decide evaluates the step's templates.
func (st *step) decide(s *scope) (Decision, error) {
	d := Decision{Step: st.index, Name: st.name, Fun: st.fun, Args: st.args, TgtType: st.tgtType, Timeout: st.timeout, Options: st.options}
	var err error
	switch st.fun {
	case job.EventFire:
		d.Fire, err = st.fire(s)
		return d, err
	case job.MasterExec:
		d.Args, err = st.exec(s)
		return d, err
	case Fail, Stop, Approve:
		d.Text, err = st.text.string(s, nil)
		d.Text = clip(d.Text, maxText)
		return d, err
	case job.StateApply:
	default:
		if d.Args.Data, err = st.arguments(s); err != nil {
			return d, err
		}
		if d.OnMaster = !st.minions; d.OnMaster {
			return d, nil
		}
	}
	return d, st.decideTarget(s, &d)
}

// label names the step to people.
func (st *step) label() string {
	if st.index >= FailureStep {
		return fmt.Sprintf("on_failure step %d, %s", st.index-FailureStep+1, st.fun)
	}
	return fmt.Sprintf("step %d, %s", st.index+1, st.fun)
}
