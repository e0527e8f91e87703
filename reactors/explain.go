package reactors

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// Bounds of an explanation, in characters.
const (
	maxWhy    = 600
	maxPart   = 160 // the text of a condition or a part of it
	maxValue  = 80  // one value
	maxValues = 5   // values named
)

// whyFalse says which part of a condition was false, and the values it saw: the first false operand of the outermost &&.
func (x *expr) whyFalse(s *scope) string {
	fallback := clip(x.src, maxPart) + " is false"
	program, err := x.traced()
	if err != nil {
		return fallback
	}
	_, details, err := program.Eval(s)
	if err != nil || details == nil {
		return fallback
	}
	seen := details.State()
	for _, term := range x.terms() {
		if v, ok := seen.Value(term.expr.ID()); ok && v == types.False {
			text := clip(term.text, maxPart) + " is false"
			if values := x.values(term.expr, seen); len(values) > 0 {
				text += " (" + strings.Join(values, ", ") + ")"
			}
			return clip(text, maxWhy)
		}
	}
	return fallback
}

// term is one operand of the outermost &&, with its own text.
type term struct {
	expr ast.Expr
	text string
}

// terms cuts the condition at its &&. The parser keeps the place of each operator, which is where the text is cut.
func (x *expr) terms() []term {
	info, src := x.ast.NativeRep().SourceInfo(), []rune(x.src)
	var terms []term
	var cuts []int
	var walk func(ast.Expr)
	walk = func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.LogicalAnd {
			terms = append(terms, term{expr: e})
			return
		}
		for i, arg := range e.AsCall().Args() {
			if i > 0 {
				r, _ := info.GetOffsetRange(e.ID())
				cuts = append(cuts, int(r.Start))
			}
			walk(arg)
		}
	}
	walk(x.ast.NativeRep().Expr())
	from := 0
	for i := range terms {
		to := len(src)
		if i < len(cuts) {
			to = cuts[i]
		}
		if from > to || to > len(src) {
			return []term{{x.ast.NativeRep().Expr(), x.src}}
		}
		terms[i].text = balance(string(src[from:to]))
		from = to + len("&&")
	}
	return terms
}

// balance drops the space around a piece and the brackets that were opened or closed outside of it.
func balance(s string) string {
	s = strings.TrimSpace(s)
	for open := strings.Count(s, "(") - strings.Count(s, ")"); open != 0; {
		switch {
		case open > 0 && strings.HasPrefix(s, "("):
			s, open = strings.TrimSpace(s[1:]), open-1
		case open < 0 && strings.HasSuffix(s, ")"):
			s, open = strings.TrimSpace(s[:len(s)-1]), open+1
		default:
			return s
		}
	}
	return s
}

// values names what the variables in a part of a condition were.
func (x *expr) values(e ast.Expr, seen interpreter.EvalState) []string {
	var out []string
	var walk func(ast.Expr)
	walk = func(e ast.Expr) {
		if len(out) == maxValues {
			return
		}
		if v, ok := seen.Value(e.ID()); ok && isPath(e) {
			text, err := cel.ExprToString(e, x.ast.NativeRep().SourceInfo())
			line := clip(text, maxPart) + " = " + show(v)
			if err == nil && text != "true" && text != "false" && !slices.Contains(out, line) {
				out = append(out, line)
			}
			return
		}
		switch e.Kind() {
		case ast.CallKind:
			if c := e.AsCall(); c.IsMemberFunction() {
				walk(c.Target())
			}
			for _, arg := range e.AsCall().Args() {
				walk(arg)
			}
		case ast.ComprehensionKind:
			walk(e.AsComprehension().IterRange()) // what is inside changes with every round
		case ast.SelectKind:
			walk(e.AsSelect().Operand())
		}
	}
	walk(e)
	return out
}

// isPath reports whether an expression names a value: data.actor.exe, grains['pool'], data.?actor.?exe.orValue(...).
func isPath(e ast.Expr) bool {
	switch e.Kind() {
	case ast.IdentKind:
		return true
	case ast.SelectKind:
		return !e.AsSelect().IsTestOnly() && isPath(e.AsSelect().Operand())
	case ast.CallKind:
		c := e.AsCall()
		switch c.FunctionName() {
		case operators.Index, operators.OptIndex, operators.OptSelect:
			return isPath(c.Args()[0])
		case "orValue":
			return c.IsMemberFunction() && isPath(c.Target())
		}
	}
	return false
}

// show writes a value as an expression would, and bounded.
func show(v ref.Val) string {
	switch v := v.(type) {
	case *types.Optional:
		if !v.HasValue() {
			return "none"
		}
		return show(v.GetValue())
	case *types.Err:
		return "an error"
	}
	p, err := plain(v)
	if err != nil {
		return "a " + v.Type().TypeName()
	}
	if s, ok := p.(string); ok {
		return strconv.Quote(clip(s, maxValue))
	}
	text, err := textOf(p)
	if err != nil {
		return kindOf(p)
	}
	return clip(text, maxValue)
}

// clip bounds a text to n characters.
func clip(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-3]) + "..."
}
