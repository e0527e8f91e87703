package reactors

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"brine/internal/event"
	"brine/internal/job"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// warnRule adds a warning at a rule's name.
func (l *loader) warnRule(r *rule, hint, format string, args ...any) {
	l.set.warnings = append(l.set.warnings, Warning{File: r.info.File, Line: r.info.Line, Column: 1, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

// unreachable warns of rules that no event can make fire.
func (l *loader) unreachable() {
	for _, r := range l.set.rules {
		if v := r.variants[0]; v.when.constant(types.False) {
			l.warnRule(r, "brine reactor pause, or mode: shadow, keeps a rule from acting", "rule %s never fires: its condition is false whatever comes", r.name)
		}
		for _, t := range r.triggers {
			if t.when.constant(types.False) {
				l.warnRule(r, "", "rule %s: the condition of pattern %s is false whatever comes", r.name, t.pattern)
			}
			if why := r.shutsOut(t.pattern); why != "" {
				l.warnRule(r, "without from a rule takes what Brine's own code fires on any minion", "rule %s: no event of pattern %s comes through its from: %s", r.name, t.pattern, why)
			}
		}
	}
}

// constant reports whether an expression is the given literal.
func (x *expr) constant(want types.Bool) bool {
	if x == nil || x.ast == nil {
		return false
	}
	e := x.ast.NativeRep().Expr()
	return e.Kind() == ast.LiteralKind && e.AsLiteral() == want
}

// shutsOut says why none of the events that a pattern means comes through the rule's from: a minion that fires below brine/ stands in the tag.
func (r *rule) shutsOut(p event.Pattern) string {
	s := p.Segments()
	if len(r.from) == 0 || len(s) < 3 || s[0]+"/" != event.Reserved || s[1] != "beacon" && s[1] != "drift" || strings.Contains(s[2], "*") {
		return ""
	}
	for _, t := range r.from {
		if t.Match(s[2], nil) {
			return ""
		}
	}
	return fmt.Sprintf("minion %s fires them", s[2])
}

// claim is a rule that puts something right, which another may put right otherwise.
type claim struct {
	rule  *rule
	what  string // the file, or the state
	state any    // what it is to be
	text  string // the same, for people; empty for a state with its arguments
}

// fights warns of rules that would undo each other's work: that answer the change of the same file by different states, or apply the same
// state with different arguments. It is a guess, since what is in an SLS is not known here.
func (l *loader) fights() {
	known := map[string][]claim{}
	for _, r := range l.set.rules {
		if r.shadow {
			continue
		}
		for _, c := range r.claims() {
			for _, other := range known[c.what][:min(len(known[c.what]), maxClaims)] {
				if other.rule != r && !reflect.DeepEqual(other.state, c.state) && other.rule.meets(r) {
					l.warnRule(r, fmt.Sprintf("one rule with all its steps, or conditions (when) that exclude each other; the other one: %s:%d", other.rule.info.File, other.rule.info.Line),
						"rules %s and %s may fight over %s: %s", other.rule.name, r.name, c.what, c.against(other))
					break
				}
			}
			known[c.what] = append(known[c.what], c)
		}
	}
}

// maxClaims bounds the rules that one is compared with.
const maxClaims = 100

// meets reports whether some event may match a pattern of both rules.
func (r *rule) meets(other *rule) bool {
	for _, a := range r.triggers {
		for _, b := range other.triggers {
			if overlap(a.pattern.Segments(), b.pattern.Segments()) {
				return true
			}
		}
	}
	return false
}

// against says in what two claims differ.
func (c claim) against(other claim) string {
	if c.text == "" {
		return "they give the state different arguments"
	}
	return fmt.Sprintf("one applies %s, the other %s", other.text, c.text)
}

// claims lists what a rule puts right on the minion that fired, for certain: it has no condition.
func (r *rule) claims() (list []claim) {
	if r.cond != nil || r.variants[0].when != nil {
		return nil
	}
	for _, st := range r.variants[0].steps {
		if st.tgt != nil {
			continue
		}
		switch st.fun {
		case job.StateApply:
			for _, t := range r.triggers {
				if path, ok := oneFile(t.pattern); ok && t.when == nil && len(st.args.SLS) > 0 && !st.args.Test {
					sls := slices.Sorted(slices.Values(st.args.SLS))
					list = append(list, claim{r, path, sls, strings.Join(sls, ", ")})
				}
			}
		case job.StateSingle:
			if st.data == nil {
				continue
			}
			states, _ := st.data.constant.(map[string]any)
			for fun, args := range states {
				m, _ := args.(map[string]any)
				if name, _ := m["name"].(string); name != "" {
					list = append(list, claim{r, fun + " " + name, m, ""})
				}
			}
		}
	}
	return list
}

// oneFile is the path of the file that a pattern is about, where it is one.
func oneFile(p event.Pattern) (string, bool) {
	s := p.Segments()
	if len(s) < 5 || s[0]+"/" != event.Reserved || s[1] != "beacon" || s[3] != "file" {
		return "", false
	}
	path := "/" + strings.Join(s[4:], "/")
	return path, !strings.Contains(path, "*")
}
