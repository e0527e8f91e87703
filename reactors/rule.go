package reactors

import (
	"strings"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/target"

	"cel.dev/cel-go/cel"
)

// rule is one checked rule.
type rule struct {
	name     string
	triggers []trigger
	cond     *condition // over more than one event; nil where each decides by itself
	from     []target.Target
	own      bool
	shadow   bool
	rate     rate
	throttle *throttle // nil for none
	variants []*variant
	text     Plan // but for the scope
	info     Info
}

// trigger is one pattern, and which variant of the rule reads the data of its events.
type trigger struct {
	pattern event.Pattern
	part    int      // of the rule's condition: for which part of it the events stand
	when    *expr    // its own; nil for none
	by      []*expr  // of the rule's condition, for this pattern's data
	variant *variant // nil for a pattern whose events are never the last
	why     string   // what a verdict says when it fires
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
	c.guards(&f)
	c.on(f.On)
	c.from(f.From)
	if f.Throttle != nil {
		c.throttle(p.Value.Get("throttle"), f.Throttle)
	}
	if len(r.variants) == 0 { // no pattern was in order: check the rest as if the data could be anything
		r.variants = []*variant{{rule: r, env: c.envs.any}}
	}
	for _, v := range r.variants {
		v.when = c.when(v.env, f.When)
		if f.Throttle != nil {
			v.by = c.exprs(v.env, f.Throttle.By)
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
	c.lintWhen(f.When)
	for i := range r.triggers {
		t := &r.triggers[i]
		t.why = clip("matches "+t.pattern.String(), maxPart)
		if r.info.When != "" {
			t.why += " and " + clip(r.info.When, maxPart)
		}
	}
}

// lintWhen warns of a condition that was probably meant to choose the events that count.
func (c *ruleCompiler) lintWhen(n *config.Node) {
	if cond := c.rule.cond; cond != nil && cond.kind != kindAbsent && n.Kind() == config.Scalar && !strings.Contains(n.Text(), "events") {
		c.warn(n, "to choose which events count, write when beside their pattern",
			"the rule's when is asked once, when all events have come, about the last of them")
	}
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

// exprs compiles a list of expressions of any type.
func (c *ruleCompiler) exprs(env *environment, nodes []*config.Node) []*expr {
	var list []*expr
	for _, n := range nodes {
		list = append(list, c.expr(env, n, nil))
	}
	return list
}

// textsOf are the texts of some scalars.
func textsOf(nodes []*config.Node) []string {
	texts := make([]string, len(nodes))
	for i, n := range nodes {
		texts[i] = n.Text()
	}
	return texts
}
