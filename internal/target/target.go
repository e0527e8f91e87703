// Package target says which minions are meant. It is plain values: it must never know who is connected, or where ids
// and grains come from.
package target

import (
	"fmt"
	"slices"
	"strings"

	"brine/internal/event"
)

// Kind is how an expression is to be read.
type Kind string

// The kinds, by Salt's names.
const (
	Glob      Kind = "glob"       // of the id: '*', '?', '[abc]', '[a-z]', '[!abc]'
	List      Kind = "list"       // ids, separated by commas or white space
	PCRE      Kind = "pcre"       // a regular expression (RE2's, without look-around and references) that the id begins with; also: regex
	Grain     Kind = "grain"      // a grain and a glob of its value: os:Debian, ip:eth0:10.*
	GrainPCRE Kind = "grain_pcre" // a grain and a regular expression that its value begins with; also: grain_regex
	Compound  Kind = "compound"   // any of them, joined by and, or, not and parentheses: G@os:Debian and not L@a,b
)

// Kinds are all of them.
func Kinds() []string {
	return []string{string(Glob), string(List), string(PCRE), string(Grain), string(GrainPCRE), string(Compound)}
}

// aliases are what else the kinds are called.
func (k Kind) canonical() Kind {
	switch k {
	case "":
		return Glob
	case "regex":
		return PCRE
	case "grain_regex":
		return GrainPCRE
	}
	return k
}

// MaxExpr bounds an expression, in bytes.
const MaxExpr = 64 << 10

// Target is who is meant. The zero Target is nobody.
type Target struct {
	kind Kind
	expr string
	test matcher
	ids  map[string]bool // of a list
}

// matcher is one way to be meant.
type matcher interface {
	match(id string, grains map[string]any) bool
}

// Parse reads an expression of a kind; an empty kind is Glob. The error names the position of what is wrong.
func Parse(kind, expr string) (Target, error) {
	if err := CheckKind(kind); err != nil {
		return Target{}, err
	}
	if len(expr) > MaxExpr {
		return Target{}, fmt.Errorf("target %.40q... has %d bytes; at most %d", expr, len(expr), MaxExpr)
	}
	k := Kind(kind).canonical()
	test, err := parse(k, expr)
	if err != nil {
		return Target{}, err
	}
	t := Target{kind: k, expr: expr, test: test}
	if l, ok := test.(list); ok {
		t.ids = l
	}
	return t, nil
}

func parse(k Kind, expr string) (matcher, error) {
	switch k {
	case List:
		return parseList(expr)
	case PCRE:
		return parseRegex(expr)
	case Grain:
		return parseGrain(expr)
	case GrainPCRE:
		return parseGrainRegex(expr)
	case Compound:
		return parseCompound(expr)
	}
	return parseGlob(expr)
}

// CheckKind says whether there is such a kind.
func CheckKind(kind string) error {
	if slices.Contains(Kinds(), string(Kind(kind).canonical())) {
		return nil
	}
	return fmt.Errorf("unknown kind of target %q; known are %s%s", kind, strings.Join(Kinds(), ", "), meant(kind))
}

// meant is a hint for a kind that begins like a known one: the nearest, where several do.
func meant(kind string) string {
	known := Kinds()
	slices.SortStableFunc(known, func(a, b string) int { return common(kind, b) - common(kind, a) })
	for _, k := range known {
		if common(kind, k) > 0 {
			return "; did you mean " + k + "?"
		}
	}
	return ""
}

// common counts the letters that two words begin with.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n]|0x20 == b[n]|0x20 {
		n++
	}
	return n
}

// list is ids.
type list map[string]bool

func parseList(expr string) (list, error) {
	l := list{}
	for _, id := range strings.FieldsFunc(expr, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' }) {
		if err := event.CheckMinionID(id); err != nil {
			return nil, fmt.Errorf("target list: %w", err)
		}
		l[id] = true
	}
	if len(l) == 0 {
		return nil, fmt.Errorf("target list is empty")
	}
	return l, nil
}

func (l list) match(id string, _ map[string]any) bool { return l[id] }

func (g glob) match(id string, _ map[string]any) bool { return g.fits(id) }

// Match reports whether the minion is meant. Grains may be nil.
func (t Target) Match(id string, grains map[string]any) bool {
	return t.test != nil && t.test.match(id, grains)
}

// Kind is how the expression was read.
func (t Target) Kind() Kind { return t.kind }

// Expr is the expression as it was given.
func (t Target) Expr() string { return t.expr }

// IDs are the ids that the target names one by one, sorted: those of a list, or a glob without anything special. It
// is nil when the target is open.
func (t Target) IDs() []string {
	if t.kind == Glob && !strings.ContainsAny(t.expr, "*?[") {
		return []string{t.expr}
	}
	ids := make([]string, 0, len(t.ids))
	for id := range t.ids {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	return ids
}

// String is the expression, with Salt's mark for its kind.
func (t Target) String() string {
	switch t.kind {
	case List:
		return "L@" + strings.Join(t.IDs(), ",")
	case PCRE:
		return "E@" + t.expr
	case Grain:
		return "G@" + t.expr
	case GrainPCRE:
		return "P@" + t.expr
	}
	return t.expr
}
