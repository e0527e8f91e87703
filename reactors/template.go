package reactors

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"brine/internal/config"
)

// template is a text with ${...} in it, each an expression. $${ stands for a plain ${.
type template struct {
	text  string // as written
	parts []part
	whole bool // nothing but one ${...}
}

// part is a piece of text, or an expression when x is set.
type part struct {
	text string
	x    *expr
}

// parseTemplate compiles what is inside ${...}.
func (v *environment) parseTemplate(n *config.Node, text []byte) (*template, config.Faults) {
	t := &template{text: n.Text()}
	var faults config.Faults
	var lit strings.Builder
	src := t.text
	for i := 0; i < len(src); {
		switch {
		case strings.HasPrefix(src[i:], "$${"):
			lit.WriteString("${")
			i += 3
		case strings.HasPrefix(src[i:], "${"):
			start := i + 2
			at := place{node: n, text: text, skip: utf8.RuneCountInString(src[:start])}
			size := endOfExpr(src[start:])
			if size < 0 {
				t.parts = []part{{x: new(expr)}} // not static, whatever it was to be
				return t, append(faults, at.fault(-2, "${ is never closed").WithHint("write $${ for a plain ${"))
			}
			x, fs := v.compile(src[start:start+size], at, nil)
			faults = append(faults, fs...)
			if lit.Len() > 0 {
				t.parts = append(t.parts, part{text: lit.String()})
				lit.Reset()
			}
			if x == nil {
				x = new(expr) // a fault: the rule is never used
			}
			t.parts = append(t.parts, part{x: x})
			i = start + size + 1
		default:
			lit.WriteByte(src[i])
			i++
		}
	}
	if lit.Len() > 0 {
		t.parts = append(t.parts, part{text: lit.String()})
	}
	t.whole = len(t.parts) == 1 && t.parts[0].text == ""
	return t, faults
}

// endOfExpr is the index of the } that ends an expression: not one inside a map or a string. -1 when there is none.
func endOfExpr(s string) int {
	depth, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '{':
			depth++
		case c == '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

// static reports whether there is nothing to evaluate, and then the text.
func (t *template) static() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].x == nil:
		return t.parts[0].text, true
	}
	return "", false
}

// prefix is what the text begins with, whatever is inserted.
func (t *template) prefix() string {
	if len(t.parts) > 0 {
		return t.parts[0].text
	}
	return ""
}

// value evaluates the template: a template that is one expression keeps its value's type, others give text.
func (t *template) value(s *scope) (any, error) {
	if !t.whole {
		return t.string(s, nil)
	}
	v, err := t.parts[0].x.eval(s)
	if err != nil {
		return nil, err
	}
	p, err := plain(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.parts[0].x.at.String(0), err)
	}
	return p, nil
}

// string evaluates the template to text. insert, when given, makes the text of each value that is inserted safe to stand there.
func (t *template) string(s *scope, insert func(any) (string, error)) (string, error) {
	if lit, ok := t.static(); ok {
		return lit, nil
	}
	if insert == nil {
		insert = textOf
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.x == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := p.x.eval(s)
		if err != nil {
			return "", err
		}
		value, err := plain(v)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p.x.at.String(0), err)
		}
		text, err := insert(value)
		if err != nil {
			return "", fmt.Errorf("%s: ${%s} %w", p.x.at.String(0), clip(p.x.src, maxPart), err)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// tree is a YAML value with templates anywhere in its strings. Exactly one of its fields is in use.
type tree struct {
	constant any // without a template in it
	leaf     *template
	keys     []string // of a map, beside items
	items    []*tree
	isMap    bool
}

// parseTree compiles the templates of a value.
func (v *environment) parseTree(n *config.Node, text []byte) (*tree, config.Faults) {
	var faults config.Faults
	t := &tree{}
	switch n.Kind() {
	case config.Map:
		t.isMap = true
		for _, p := range n.Pairs() {
			if strings.Contains(p.Key.Text(), "${") {
				faults = append(faults, p.Key.Fault("a key cannot be a template").WithHint("only values can"))
			}
			item, fs := v.parseTree(p.Value, text)
			t.keys, t.items, faults = append(t.keys, p.Key.Text()), append(t.items, item), append(faults, fs...)
		}
	case config.List:
		for _, it := range n.Items() {
			item, fs := v.parseTree(it, text)
			t.items, faults = append(t.items, item), append(faults, fs...)
		}
	case config.Scalar:
		if _, ok := n.Value().(string); ok && strings.Contains(n.Text(), "${") {
			t.leaf, faults = v.parseTemplate(n, text)
			return t, faults
		}
	}
	if t.fixed() {
		t = &tree{constant: n.Value()}
	}
	return t, faults
}

// fixed reports whether no template is left below.
func (t *tree) fixed() bool {
	for _, it := range t.items {
		if it.leaf != nil || it.items != nil {
			return false
		}
	}
	return true
}

// value evaluates all templates.
func (t *tree) value(s *scope) (any, error) {
	switch {
	case t.leaf != nil:
		return t.leaf.value(s)
	case t.isMap:
		m := make(map[string]any, len(t.keys))
		for i, k := range t.keys {
			v, err := t.items[i].value(s)
			if err != nil {
				return nil, err
			}
			m[k] = v
		}
		return m, nil
	case t.items != nil:
		l := make([]any, len(t.items))
		for i, it := range t.items {
			v, err := it.value(s)
			if err != nil {
				return nil, err
			}
			l[i] = v
		}
		return l, nil
	}
	return t.constant, nil
}
