package reactors

import (
	"fmt"
	"strings"
	"time"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/target"

	"cel.dev/cel-go/cel"
)

// rule is one checked rule.
type rule struct {
	name     string
	triggers []trigger
	from     []target.Target
	own      bool
	within   time.Duration // of the throttle; 0 for none
	print    string        // of the throttle: windows of another one are not kept when the rule changes
	variants []*variant
	text     Plan // but for the scope
	info     Info
}

// trigger is one pattern, and which variant of the rule reads the data of its events.
type trigger struct {
	pattern event.Pattern
	variant *variant
	why     string // what a verdict says when it fires
}

// variant is what the rule's expressions became for one kind of data.
type variant struct {
	rule      *rule
	env       *environment
	when      *expr // nil: always
	by        []*expr
	steps     []*step
	onFailure []*step
}

// ruleCompiler makes a rule out of its node.
type ruleCompiler struct {
	*loader
	text []byte
	rule *rule
}

func (c *ruleCompiler) compile(p config.Pair) {
	var f ruleFile
	if p.Value.Kind() != config.Map {
		c.fault(p.Key.Fault("rule %q is %s; want a map", p.Key.Text(), p.Value.Kind()).WithHint("with the keys on and do at least"))
		return
	}
	faults := p.Value.Decode(&f)
	c.fault(faults...)
	r := c.rule
	r.own = f.Own
	r.info.Own, r.info.Description = f.Own, f.Description
	c.on(f.On)
	c.from(f.From)
	if f.Throttle != nil {
		c.throttle(f.Throttle)
	}
	if len(r.variants) == 0 { // no pattern was in order: check the rest as if the data could be anything
		r.variants = []*variant{{rule: r, env: c.envs.any}}
	}
	for _, v := range r.variants {
		v.when = c.when(v.env, f.When)
		if f.Throttle != nil {
			for _, n := range f.Throttle.By {
				v.by = append(v.by, c.expr(v.env, n, nil))
			}
		}
		var names []string
		v.steps = c.steps(v.env, f.Do, 0, &names)
		names = append(names, failedStep)
		v.onFailure = c.steps(v.env, f.OnFailure, FailureStep, &names)
	}
	for _, s := range r.variants[0].steps {
		r.info.Do = append(r.info.Do, s.fun)
	}
	for _, s := range r.variants[0].onFailure {
		r.info.OnFailure = append(r.info.OnFailure, s.fun)
	}
	if f.When.Kind() == config.Scalar {
		r.info.When = f.When.Text()
	}
	for i := range r.triggers {
		t := &r.triggers[i]
		t.why = clip("matches "+t.pattern.String(), maxPart)
		if r.info.When != "" {
			t.why += " and " + clip(r.info.When, maxPart)
		}
	}
}

// onFile is the long form of a pattern.
type onFile struct {
	Pattern *config.Node `yaml:"pattern,required"`
}

// on reads the patterns: one, or a list of them, each as text or as {pattern: ...}.
func (c *ruleCompiler) on(n *config.Node) {
	items := []*config.Node{n}
	switch {
	case n == nil:
		return // a fault already
	case n.Kind() == config.List:
		items = n.Items()
	}
	if len(items) == 0 || len(items) > maxPatterns {
		c.fault(n.Fault("%d patterns; want 1 to %d", len(items), maxPatterns))
		return
	}
	for _, it := range items {
		if it.Kind() == config.Map {
			var f onFile
			c.fault(it.Decode(&f)...)
			if it = f.Pattern; it == nil {
				continue
			}
		}
		if it.Kind() != config.Scalar {
			c.fault(it.Fault("want a pattern, not %s", it.Kind()).WithHint("such as brine/beacon/*/file/**"))
			continue
		}
		c.pattern(it)
	}
}

func (c *ruleCompiler) pattern(n *config.Node) {
	p, err := event.ParsePattern(n.Text())
	if err != nil {
		c.fault(n.Fault("%s", err))
		return
	}
	c.lint(n, p)
	env := c.envs.any
	if kind := kindOfPattern(p); kind != "" && c.envs.byKind[kind] != nil {
		env = c.envs.byKind[kind]
	}
	c.rule.triggers = append(c.rule.triggers, trigger{pattern: p, variant: c.rule.variant(env)})
	c.rule.info.On = append(c.rule.info.On, n.Text())
}

// variant is that of an environment, made when there is none.
func (r *rule) variant(env *environment) *variant {
	for _, v := range r.variants {
		if v.env == env {
			return v
		}
	}
	r.variants = append(r.variants, &variant{rule: r, env: env})
	return r.variants[len(r.variants)-1]
}

// kindOfPattern names what the events of a pattern carry, when it can be nothing else: a beacon, jobData, or nothing.
func kindOfPattern(p event.Pattern) string {
	s := p.Segments()
	if len(s) < 4 || s[0] != "brine" || s[2] == "**" || strings.Contains(s[3], "*") {
		return ""
	}
	switch {
	case s[1] == "beacon":
		return s[3]
	case s[1] == "job" && s[3] == "ret":
		return jobData
	}
	return ""
}

// from reads whose events the rule takes: a glob of minion ids, or a list of them.
func (c *ruleCompiler) from(n *config.Node) {
	items := n.Items()
	if n.Kind() == config.Scalar {
		items = []*config.Node{n}
	}
	if n.Kind() == config.Map || n.Kind() == config.List && len(items) == 0 {
		c.fault(n.Fault("want minions, not %s", n.Kind()).WithHint("a glob such as build*, or a list of them"))
	}
	for _, it := range items {
		t, err := target.Parse("glob", it.Text())
		if err != nil || it.Kind() != config.Scalar {
			c.fault(it.Fault("want a glob of minion ids: %v", err))
			continue
		}
		c.rule.from = append(c.rule.from, t)
		c.rule.info.From = append(c.rule.info.From, it.Text())
	}
}

func (c *ruleCompiler) throttle(f *throttleFile) {
	by := make([]string, len(f.By))
	for i, n := range f.By {
		by[i] = n.Text()
	}
	c.rule.within = f.OnceWithin
	c.rule.print = fingerprint(f.OnceWithin, by)
	c.rule.info.Throttle = fmt.Sprintf("once within %s by [%s]", f.OnceWithin, strings.Join(by, ", "))
}

func (c *ruleCompiler) when(env *environment, n *config.Node) *expr {
	if n == nil {
		return nil
	}
	return c.expr(env, n, cel.BoolType)
}

// expr compiles a scalar that is an expression.
func (c *ruleCompiler) expr(env *environment, n *config.Node, want *cel.Type) *expr {
	if n.Kind() != config.Scalar || strings.TrimSpace(n.Text()) == "" {
		c.fault(n.Fault("want an expression, not %s", n.Kind()).WithHint("a CEL expression such as data.change == 'modified'"))
		return nil
	}
	x, faults := env.compile(n.Text(), place{node: n, text: c.text}, want)
	c.fault(faults...)
	return x
}
