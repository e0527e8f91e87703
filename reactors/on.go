package reactors

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"brine/internal/config"
	"brine/internal/event"

	"cel.dev/cel-go/cel"
)

// onFile is the long form of on: one of pattern, all, sequence, absent, and what belongs to it.
type onFile struct {
	Pattern  *config.Node   `yaml:"pattern"`
	All      *config.Node   `yaml:"all"`
	Sequence *config.Node   `yaml:"sequence"`
	Absent   *config.Node   `yaml:"absent"`
	When     *config.Node   `yaml:"when"`
	Count    *config.Node   `yaml:"count"`
	After    *config.Node   `yaml:"after"`
	Within   *config.Node   `yaml:"within"`
	By       []*config.Node `yaml:"by"`
	At       *config.Node   `yaml:"at"`
	Since    *config.Node   `yaml:"since"`
	Zone     *config.Node   `yaml:"zone"`
}

const onHint = "one of pattern, all, sequence, absent"

// partFile is one part of a condition: a pattern or a list of them, with a condition of its own.
type partFile struct {
	Pattern *config.Node   `yaml:"pattern,required"`
	When    *config.Node   `yaml:"when"`
	By      []*config.Node `yaml:"by"`
}

// source is one pattern as it was read, before it is known what the others carry.
type source struct {
	node    *config.Node
	pattern event.Pattern
	kind    string // of data
	part    int
	when    *config.Node
	by      []*config.Node
	ends    bool // it is never the last: no step reads its data as data
}

// on reads what the rule reacts to: a pattern, a list of them, or a condition over several events.
func (c *ruleCompiler) on(n *config.Node) {
	var sources []source
	switch n.Kind() {
	case config.Map:
		sources = c.long(n)
	case config.List:
		sources = c.any(n)
	case config.Scalar:
		sources = c.part(n, 0)
	default:
		if n != nil {
			c.fault(n.Fault("want a pattern, not %s", n.Kind()).WithHint("such as brine/beacon/*/file/**"))
		}
	}
	if len(sources) > maxPatterns {
		c.fault(n.Fault("%d patterns; want 1 to %d", len(sources), maxPatterns))
		return
	}
	c.triggers(sources)
}

// any reads a list of which each event does.
func (c *ruleCompiler) any(n *config.Node) []source {
	var sources []source
	if items := len(n.Items()); items == 0 || items > maxPatterns {
		c.fault(n.Fault("%d patterns; want 1 to %d", items, maxPatterns))
		return nil
	}
	for _, it := range n.Items() {
		for _, key := range []string{"count", "all", "sequence", "absent"} {
			if it.Kind() == config.Map && it.Get(key) != nil {
				c.fault(it.Fault("%s cannot stand in a list of patterns", key).WithHint("write a rule for each"))
				return nil
			}
		}
		sources = append(sources, c.part(it, 0)...)
	}
	for _, s := range sources {
		if len(s.by) > 0 {
			c.fault(s.by[0].Fault("by without count").WithHint("a throttle has a by of its own"))
		}
	}
	return sources
}

// part reads one part: a pattern, a list of them, or a map with a condition.
func (c *ruleCompiler) part(n *config.Node, part int) []source {
	f := partFile{Pattern: n}
	if n.Kind() == config.Map {
		f.Pattern = nil
		c.fault(n.Decode(&f)...)
	}
	return c.patterns(f.Pattern, source{part: part, when: f.When, by: f.By})
}

// patterns reads one pattern, or a list of them, which are like in all else.
func (c *ruleCompiler) patterns(n *config.Node, like source) []source {
	var sources []source
	items := []*config.Node{n}
	switch n.Kind() {
	case config.List:
		items = n.Items()
		if len(items) == 0 {
			c.fault(n.Fault("0 patterns; want 1 to %d", maxPatterns))
		}
	case config.Null:
		return nil // a fault already
	}
	for _, it := range items {
		if it.Kind() != config.Scalar {
			c.fault(it.Fault("want a pattern, not %s", it.Kind()).WithHint("such as brine/beacon/*/file/**"))
			continue
		}
		p, err := event.ParsePattern(it.Text())
		if err != nil {
			c.fault(it.Fault("%s", err))
			continue
		}
		c.lint(it, p)
		s := like
		s.node, s.pattern = it, p
		if kind := kindOfPattern(p); c.envs.byKind[kind] != nil {
			s.kind = kind
		}
		sources = append(sources, s)
	}
	return sources
}

// long reads a map: a pattern with a condition of its own or a count, or a condition over several patterns.
func (c *ruleCompiler) long(n *config.Node) []source {
	var f onFile
	if faults := n.Decode(&f); len(faults) > 0 {
		c.fault(faults...)
		return nil
	}
	forms := map[string]*config.Node{"pattern": f.Pattern, "all": f.All, "sequence": f.Sequence, "absent": f.Absent}
	form := ""
	for name, node := range forms {
		switch {
		case node == nil:
		case form != "":
			c.fault(n.Fault("on has one form, this has several").WithHint(onHint))
			return nil
		default:
			form = name
		}
	}
	allowed := []string{"within", "by"}
	switch form {
	case "":
		c.fault(n.Fault("what is on to wait for?").WithHint(onHint))
		return nil
	case "pattern":
		allowed = []string{"when", "count"}
		if f.Count != nil {
			allowed = []string{"when", "count", "within", "by"}
		}
	case "absent":
		allowed = []string{"after", "within", "by"}
		if f.At != nil {
			allowed = []string{"at", "since", "zone"}
		}
	}
	if !c.only(n, form, allowed) {
		return nil
	}
	switch form {
	case "all", "sequence":
		return c.several(n, form, forms[form], f)
	case "absent":
		return c.absent(n, f)
	}
	sources := c.patterns(f.Pattern, source{when: f.When, by: f.By})
	if f.Count != nil {
		c.condition(n, kindCount, f)
		c.rule.cond.count = c.number(n, f.Count, "count", 2)
	}
	return sources
}

// belongs says where a key of on belongs, for a hint.
var belongs = map[string]string{
	"count": "{pattern: ..., count: 3, within: 2m}", "within": "{pattern: ..., count: 3, within: 2m}", "by": "{pattern: ..., count: 3, within: 2m, by: [minion]}",
	"after": "{absent: ..., after: ..., within: 1h}", "at": `{absent: ..., at: "03:00"}`, "since": `{absent: ..., at: "03:00", since: "22:00"}`,
	"zone": `{absent: ..., at: "03:00", zone: Europe/Berlin}`, "when": "it stands beside a pattern: {pattern: ..., when: ...}",
}

// only reports, as faults, the keys that do not belong to a form.
func (c *ruleCompiler) only(n *config.Node, form string, allowed []string) bool {
	ok := true
	for _, p := range n.Pairs() {
		if key := p.Key.Text(); key != form && !slices.Contains(allowed, key) {
			what := form
			if form == "absent" && slices.Contains(allowed, "at") {
				what = "absent with at"
			}
			c.fault(p.Key.Fault("%s does not go with %s", key, what).WithHint(belongs[key]))
			ok = false
		}
	}
	return ok
}

// several reads the parts of all or sequence.
func (c *ruleCompiler) several(n *config.Node, form string, list *config.Node, f onFile) []source {
	if list.Kind() != config.List {
		c.fault(list.Fault("want a list of patterns, not %s", list.Kind()).WithHint(form + ": [deploy/started, deploy/finished]"))
		return nil
	}
	items := list.Items()
	if len(items) < 2 || len(items) > maxParts {
		c.fault(list.Fault("%s has %d parts; want 2 to %d", form, len(items), maxParts).WithHint(hintFew(len(items))))
	}
	var sources []source
	kind := kindAll
	if form == "sequence" {
		kind = kindSequence
	}
	c.condition(n, kind, f)
	for i, it := range items {
		part := c.part(it, i)
		for j := range part {
			if own := part[j].by; len(own) > 0 && len(own) != len(f.By) {
				c.fault(own[0].Fault("by: %d expressions for this part, and %d for the others", len(own), len(f.By)).
					WithHint("a by of its own says the same values in the words of its data"))
			} else if len(own) == 0 {
				part[j].by = f.By
			}
		}
		for j := range part {
			part[j].ends = kind == kindSequence && i < len(items)-1
		}
		sources = append(sources, part...)
		c.rule.cond.parts = append(c.rule.cond.parts, partName(it))
	}
	return sources
}

func hintFew(n int) string {
	if n == 1 {
		return "for one pattern write on: PATTERN, or {pattern: ..., count: 3, within: 2m}"
	}
	return ""
}

// partName is how verdicts call a part.
func partName(n *config.Node) string {
	if n.Kind() == config.Map {
		n = n.Get("pattern")
	}
	if n.Kind() == config.List {
		return strings.Join(textsOf(n.Items()), " or ")
	}
	return n.Text()
}

// condition makes the rule's condition, without what is special to its kind.
func (c *ruleCompiler) condition(n *config.Node, kind conditionKind, f onFile) {
	cond := &condition{kind: kind, by: textsOf(f.By), print: fingerprint(canonical(n))}
	if len(f.By) > maxBy {
		c.fault(f.By[maxBy].Fault("by: %d expressions; at most %d", len(f.By), maxBy))
	}
	switch {
	case f.Within != nil:
		cond.within = c.span(f.Within, "within")
	case f.At == nil:
		hint := "how much time may lie between the events, such as within: 2m"
		if kind == kindAbsent {
			hint = `how long to wait, such as within: 1h; or until when, such as at: "03:00"`
		}
		c.fault(n.Fault("%s without within", kind).WithHint(hint))
	}
	c.rule.cond = cond
}

// span reads a duration of a window.
func (c *ruleCompiler) span(n *config.Node, key string) time.Duration {
	var d time.Duration
	if faults := n.Decode(&d); len(faults) > 0 {
		c.fault(faults...)
	} else if d <= 0 || d > maxWindow {
		c.fault(n.Fault("%s: %s; want more than 0s and at most %s", key, d, maxWindow))
	}
	return d
}

// number reads how many events are wanted: least to maxKept.
func (c *ruleCompiler) number(parent, n *config.Node, key string, least int) int {
	if n == nil {
		c.fault(parent.Fault("%q is required", key).WithHint("how many events, such as " + key + ": 3"))
		return 0
	}
	count, err := strconv.Atoi(n.Text())
	if err != nil || count < least || count > maxKept {
		hint := ""
		if n.Text() == "1" {
			hint = "for one event it is not needed"
		}
		c.fault(n.Fault("%s: %q; want a number from %d to %d", key, n.Text(), least, maxKept).WithHint(hint))
	}
	return count
}

// triggers compiles what belongs to the patterns.
func (c *ruleCompiler) triggers(sources []source) {
	kind, mixed := "", false
	for i, s := range sources {
		mixed = mixed || i > 0 && s.kind != kind
		kind = s.kind
	}
	for _, s := range sources {
		env := c.envs.of(s.kind, mixed)
		t := trigger{pattern: s.pattern, part: s.part}
		if s.when != nil {
			t.when = c.expr(env, s.when, cel.BoolType)
		}
		t.by = c.exprs(env, s.by)
		if !s.ends {
			t.variant = c.rule.variant(env)
		}
		c.rule.triggers = append(c.rule.triggers, t)
	}
	c.rule.info.On = c.shown(sources)
	if cond := c.rule.cond; cond != nil && cond.starts() {
		cond.atTime = &trigger{variant: c.rule.variant(c.envs.any)}
	}
}

// asksEvery reports whether each pattern that matches an event is to be looked at: the first might not be meant.
func (r *rule) asksEvery() bool {
	return r.cond != nil || slices.ContainsFunc(r.triggers, func(t trigger) bool { return t.when != nil })
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

// shown is what `brine reactor list` says of on.
func (c *ruleCompiler) shown(sources []source) []string {
	if c.rule.cond != nil {
		return []string{c.rule.cond.text(sources)}
	}
	var list []string
	for _, s := range sources {
		text := s.node.Text()
		if s.when != nil {
			text += " when " + s.when.Text()
		}
		list = append(list, text)
	}
	return list
}
