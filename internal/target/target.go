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
	Glob Kind = "glob" // of the id: '*', '?', '[abc]', '[a-z]', '[!abc]'
	List Kind = "list" // ids, separated by commas or white space
)

// Kinds are all of them.
func Kinds() []string { return []string{string(Glob), string(List)} }

// MaxExpr bounds an expression, in bytes.
const MaxExpr = 64 << 10

// Target is who is meant. The zero Target is nobody.
type Target struct {
	kind Kind
	expr string
	glob glob
	ids  map[string]bool
}

// Parse reads an expression of a kind; an empty kind is Glob. The error names the position of what is wrong.
func Parse(kind, expr string) (Target, error) {
	if len(expr) > MaxExpr {
		return Target{}, fmt.Errorf("target %.40q... has %d bytes; at most %d", expr, len(expr), MaxExpr)
	}
	switch Kind(kind) {
	case Glob, "":
		g, err := parseGlob(expr)
		return Target{kind: Glob, expr: expr, glob: g}, err
	case List:
		return parseList(expr)
	}
	return Target{}, fmt.Errorf("unknown kind of target %q; known are %s%s", kind, strings.Join(Kinds(), ", "), meant(kind))
}

// meant is a hint for a kind that begins like a known one.
func meant(kind string) string {
	for _, k := range Kinds() {
		if kind != "" && strings.EqualFold(kind[:1], k[:1]) {
			return "; did you mean " + k + "?"
		}
	}
	return ""
}

func parseList(expr string) (Target, error) {
	t := Target{kind: List, expr: expr, ids: map[string]bool{}}
	for _, id := range strings.FieldsFunc(expr, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' }) {
		if err := event.CheckMinionID(id); err != nil {
			return Target{}, fmt.Errorf("target list: %w", err)
		}
		t.ids[id] = true
	}
	if len(t.ids) == 0 {
		return Target{}, fmt.Errorf("target list is empty")
	}
	return t, nil
}

// Match reports whether the minion is meant. Grains may be nil; no kind looks at them yet.
func (t Target) Match(id string, grains map[string]any) bool {
	switch t.kind {
	case Glob:
		return t.glob.match(id)
	case List:
		return t.ids[id]
	}
	return false
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
	if t.kind == List {
		return "L@" + strings.Join(t.IDs(), ",")
	}
	return t.expr
}
