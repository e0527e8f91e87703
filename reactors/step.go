package reactors

import (
	"fmt"
	"strings"
	"time"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/target"
)

// step is one entry of a rule's do list, for one kind of data.
type step struct {
	index   int
	fun     string
	args    job.Args // state.apply
	tgt     *template
	tgtType string
	tag     *template // event.fire
	data    *tree     // event.fire; nil for none
	argv    []*template
	env     []envVar
	timeout time.Duration // master.exec
}

type envVar struct {
	name  string
	value *template
}

// stepFile is a step as it is written: one of the functions, and for a state whom it is for.
type stepFile struct {
	StateApply *config.Node `yaml:"state.apply"`
	EventFire  *config.Node `yaml:"event.fire"`
	MasterExec *config.Node `yaml:"master.exec"`
	Tgt        *config.Node `yaml:"tgt"`
	TgtType    *config.Node `yaml:"tgt_type"`
}

const stepHint = "one of " + job.StateApply + ", " + job.EventFire + ", " + job.MasterExec

// steps compiles a do list, or the single step that stands for one.
func (c *ruleCompiler) steps(env *environment, n *config.Node) []*step {
	items := n.Items()
	switch {
	case n == nil:
		return nil // a fault already
	case n.Kind() == config.Map:
		items = []*config.Node{n}
	case n.Kind() != config.List:
		c.fault(n.Fault("want a list of steps, not %s", n.Kind()).WithHint(stepHint))
		return nil
	}
	if len(items) == 0 || len(items) > maxSteps {
		c.fault(n.Fault("%d steps; want 1 to %d", len(items), maxSteps))
	}
	var steps []*step
	for i, it := range items {
		if s := c.step(env, it); s != nil {
			s.index = i
			steps = append(steps, s)
		}
	}
	return steps
}

func (c *ruleCompiler) step(env *environment, n *config.Node) *step {
	if n.Kind() != config.Map {
		c.fault(n.Fault("a step is a map, not %s", n.Kind()).WithHint("such as {state.apply: motd}"))
		return nil
	}
	var f stepFile
	if faults := n.Decode(&f); len(faults) > 0 {
		c.fault(faults...)
		return nil
	}
	s := &step{}
	functions := 0
	for fun, arg := range map[string]*config.Node{job.StateApply: f.StateApply, job.EventFire: f.EventFire, job.MasterExec: f.MasterExec} {
		if arg != nil {
			functions++
			s.fun = fun
		}
	}
	if functions != 1 {
		c.fault(n.Fault("a step has one function, this has %d", functions).WithHint(stepHint))
		return nil
	}
	switch s.fun {
	case job.StateApply:
		c.stateApply(s, f.StateApply)
	case job.EventFire:
		c.eventFire(env, s, f.EventFire)
	case job.MasterExec:
		c.masterExec(env, s, f.MasterExec)
	}
	c.target(env, s, f)
	return s
}

type applyFile struct {
	SLS  []string `yaml:"sls"`
	Test bool     `yaml:"test"`
}

// stateApply reads an SLS, a list of them, or a map; nothing is the highstate, as in Salt.
func (c *ruleCompiler) stateApply(s *step, n *config.Node) {
	var f applyFile
	if n.Kind() == config.Map {
		c.fault(n.Decode(&f)...)
	} else {
		c.fault(n.Decode(&f.SLS)...)
	}
	for _, sls := range f.SLS {
		if sls == "" || strings.ContainsAny(sls, " \t\n*${}") {
			c.fault(n.Fault("%q is no name of an SLS", sls).WithHint("names of SLS are fixed: a rule for each, or a state that decides by grains"))
		}
	}
	s.args = job.Args{SLS: f.SLS, Test: f.Test}
}

type fireFile struct {
	Tag  *config.Node `yaml:"tag,required"`
	Data *config.Node `yaml:"data"`
}

func (c *ruleCompiler) eventFire(env *environment, s *step, n *config.Node) {
	var f fireFile
	if n.Kind() == config.Scalar {
		f.Tag = n // event.fire: some/tag
	} else {
		c.fault(n.Decode(&f)...)
	}
	if f.Tag.Kind() != config.Scalar {
		if f.Tag != nil {
			c.fault(f.Tag.Fault("want a tag, not %s", f.Tag.Kind()))
		}
		return
	}
	s.tag = c.template(env, f.Tag)
	if lit, ok := s.tag.static(); ok {
		if err := event.CheckTag(lit); err != nil {
			c.fault(f.Tag.Fault("%s", err))
		}
	}
	if p := s.tag.prefix(); p == strings.TrimSuffix(event.Reserved, "/") || strings.HasPrefix(p, event.Reserved) {
		c.fault(f.Tag.Fault("tag %q lies below %s, where only Brine itself fires", f.Tag.Text(), event.Reserved).
			WithHint("choose a name of your own, such as ops/..."))
	}
	if f.Data != nil {
		data, faults := env.parseTree(f.Data, c.text)
		c.fault(faults...)
		s.data = data
	}
}

type execFile struct {
	Argv    []*config.Node          `yaml:"argv,required"`
	Env     map[string]*config.Node `yaml:"env"`
	Timeout time.Duration           `yaml:"timeout"`
}

func (c *ruleCompiler) masterExec(env *environment, s *step, n *config.Node) {
	var f execFile
	switch n.Kind() {
	case config.List:
		f.Argv = n.Items()
	case config.Scalar:
		c.fault(n.Fault("want the command as a list of its arguments, not as one text").WithHint("no shell is run: [" + strings.Join(strings.Fields(n.Text()), ", ") + "]"))
		return
	default:
		if faults := n.Decode(&f); len(faults) > 0 {
			c.fault(faults...)
			return
		}
	}
	if len(f.Argv) == 0 || len(f.Argv) > maxArgv {
		c.fault(n.Fault("%d arguments; want 1 to %d", len(f.Argv), maxArgv))
		return
	}
	for _, a := range f.Argv {
		s.argv = append(s.argv, c.template(env, a))
	}
	if lit, ok := s.argv[0].static(); !ok {
		c.warn(f.Argv[0], "name the command itself", "what the event says chooses the command that the master runs")
	} else if lit == "" {
		c.fault(f.Argv[0].Fault("the command is empty"))
	}
	if e := n.Get("env"); n.Kind() == config.Map {
		for _, p := range e.Pairs() {
			if name := p.Key.Text(); name == "" || strings.ContainsAny(name, "=\x00") {
				c.fault(p.Key.Fault("%q is no name of a variable", name))
			}
			s.env = append(s.env, envVar{p.Key.Text(), c.template(env, p.Value)})
		}
	}
	if f.Timeout < 0 {
		c.fault(n.Get("timeout").Fault("a timeout is more than 0s"))
	}
	s.timeout = f.Timeout
}

// target reads tgt and tgt_type, which only states have.
func (c *ruleCompiler) target(env *environment, s *step, f stepFile) {
	switch {
	case f.Tgt == nil && f.TgtType == nil:
		return
	case s.fun != job.StateApply:
		n := f.Tgt
		if n == nil {
			n = f.TgtType
		}
		c.fault(n.Fault("%s runs on the master and has no target", s.fun).WithHint("tgt belongs to " + job.StateApply))
		return
	case f.Tgt == nil:
		c.fault(f.TgtType.Fault("tgt_type without tgt"))
		return
	case f.Tgt.Kind() != config.Scalar:
		c.fault(f.Tgt.Fault("want a target, not %s", f.Tgt.Kind()).WithHint("a list is written tgt: a,b and tgt_type: list"))
		return
	}
	s.tgtType = "glob"
	if f.TgtType != nil {
		s.tgtType = f.TgtType.Text()
	}
	s.tgt = c.template(env, f.Tgt)
	if _, err := target.Parse(s.tgtType, "x"); err != nil {
		c.fault(f.TgtType.Fault("%s", err))
	} else if lit, ok := s.tgt.static(); ok {
		if _, err := target.Parse(s.tgtType, lit); err != nil {
			c.fault(f.Tgt.Fault("%s", err))
		}
	}
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
	d := Decision{Step: st.index, Fun: st.fun, Args: st.args, TgtType: st.tgtType, Timeout: st.timeout}
	var err error
	switch st.fun {
	case job.StateApply:
		err = st.decideTarget(s, &d)
	case job.EventFire:
		d.Fire, err = st.fire(s)
	case job.MasterExec:
		d.Args, err = st.exec(s)
	}
	return d, err
}

func (st *step) decideTarget(s *scope, d *Decision) (err error) {
	if st.tgt == nil {
		if s.event.Minion == "" {
			return fmt.Errorf("no minion fired the event, and the step has no tgt")
		}
		return nil
	}
	if d.Tgt, err = st.tgt.string(s, insertTarget); err != nil {
		return err
	}
	_, err = target.Parse(d.TgtType, d.Tgt)
	return err
}

// insertTarget lets only what an id is made of into a target, so that no event can widen it by a '*' or a comma. A list
// becomes a,b,c, each of them so.
func insertTarget(v any) (string, error) {
	if list, ok := v.([]any); ok {
		ids := make([]string, len(list))
		for i := range list {
			var err error
			if ids[i], err = insertTarget(list[i]); err != nil {
				return "", err
			}
		}
		return strings.Join(ids, ","), nil
	}
	s, err := textOf(v)
	if err != nil {
		return "", err
	}
	if s == "" {
		return "", fmt.Errorf("is empty, and a target with nothing in its place could mean more minions")
	}
	if event.CheckMinionID("x"+s) != nil {
		return "", fmt.Errorf("is %q: only letters, digits, '.', '_' and '-' may be inserted into a target", clip(s, maxValue))
	}
	return s, nil
}

func (st *step) fire(s *scope) (*Fire, error) {
	tag, err := st.tag.string(s, func(v any) (string, error) {
		text, err := textOf(v)
		return event.EscapeTag(text), err
	})
	if err != nil {
		return nil, err
	}
	if err := event.CheckTag(tag); err != nil {
		return nil, fmt.Errorf("event.fire: %w", err)
	}
	if tag == strings.TrimSuffix(event.Reserved, "/") || strings.HasPrefix(tag, event.Reserved) {
		return nil, fmt.Errorf("event.fire: tag %q lies below %s, where only Brine itself fires", clip(tag, maxPart), event.Reserved)
	}
	f := &Fire{Tag: tag}
	if st.data == nil {
		return f, nil
	}
	v, err := st.data.value(s)
	if err != nil {
		return nil, err
	}
	f.Data, err = event.Encode(v)
	return f, err
}

func (st *step) exec(s *scope) (job.Args, error) {
	args := job.Args{Argv: make([]string, len(st.argv))}
	for i, t := range st.argv {
		var err error
		if args.Argv[i], err = execText(t, s); err != nil {
			return job.Args{}, err
		}
	}
	if args.Argv[0] == "" {
		return job.Args{}, fmt.Errorf("master.exec: the command is empty")
	}
	for _, e := range st.env {
		v, err := execText(e.value, s)
		if err != nil {
			return job.Args{}, err
		}
		if args.Env == nil {
			args.Env = make(map[string]string, len(st.env))
		}
		args.Env[e.name] = v
	}
	return args, nil
}

// execText is an argument or a variable: whatever the event holds, it stays one argument; only what the kernel cannot pass is refused.
func execText(t *template, s *scope) (string, error) {
	text, err := t.string(s, nil)
	if err == nil && strings.ContainsRune(text, 0) {
		return "", fmt.Errorf("master.exec: %q holds a zero byte", clip(text, maxValue))
	}
	return text, err
}
