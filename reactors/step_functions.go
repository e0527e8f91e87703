package reactors

import (
	"fmt"
	"strings"
	"time"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"
)

type applyFile struct {
	SLS  []string `yaml:"sls"`
	Test bool     `yaml:"test"`
}

// stateApply reads an SLS, a list of them, or a map; nothing is the highstate, as in Salt.
func (c *ruleCompiler) stateApply(_ *environment, s *step, n *config.Node) {
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

// action reads the arguments of a function that is not built in.
func (c *ruleCompiler) action(env *environment, s *step, n *config.Node) {
	shape := c.actions[s.fun]
	if k := n.Kind(); k != config.Map && k != config.Null {
		if shape.Short == "" {
			c.fault(n.Fault("want the arguments of %s as a map, not %s", s.fun, k))
			return
		}
		n = (*config.Node)(nil).With(shape.Short, n).At(n)
	}
	data, faults := env.parseTree(n, c.text)
	c.fault(faults...)
	s.data = data
	if shape.Check != nil {
		c.fault(shape.Check(n)...)
	}
}

// arguments evaluates those of an action to a map.
func (st *step) arguments(s *scope) (event.Data, error) {
	v, err := st.data.value(s)
	if err != nil || v == nil {
		return nil, err
	}
	return event.Encode(v)
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
