package target

import (
	"fmt"
	"strings"
)

// Bounds of a compound target.
const (
	maxTerms = 1024
	maxDepth = 64 // of parentheses and nots
)

type (
	both   struct{ a, b matcher }
	either struct{ a, b matcher }
	not    struct{ a matcher }
)

func (m both) match(id string, g map[string]any) bool   { return m.a.match(id, g) && m.b.match(id, g) }
func (m either) match(id string, g map[string]any) bool { return m.a.match(id, g) || m.b.match(id, g) }
func (m not) match(id string, g map[string]any) bool    { return !m.a.match(id, g) }

// token is a word of a compound target: "(", ")", an operator or a term.
type token struct {
	text string
	at   int // from 1
}

// compound reads tokens by precedence: not, and, or.
type compound struct {
	expr   string
	tokens []token
	next   int
	depth  int
}

func parseCompound(expr string) (matcher, error) {
	c := &compound{expr: expr, tokens: tokens(expr)}
	if len(c.tokens) == 0 {
		return nil, fmt.Errorf("target is empty")
	}
	if len(c.tokens) > maxTerms {
		return nil, fmt.Errorf("target %.40q... has %d words; at most %d", expr, len(c.tokens), maxTerms)
	}
	m, err := c.or()
	if err != nil {
		return nil, err
	}
	if t, ok := c.peek(); ok {
		if t.text == ")" {
			return nil, c.fault(t, "closes nothing")
		}
		hint := "join terms by and, or"
		if low := strings.ToLower(t.text); low == "and" || low == "or" || low == "not" {
			hint = "write " + low
		}
		return nil, c.fault(t, "follows a term without an operator; %s", hint)
	}
	return m, nil
}

// tokens splits at white space. A parenthesis at a word's begin is one of its own, and at its end one that the word did not open: E@(a|b)
// is one word.
func tokens(expr string) []token {
	var list []token
	for i := 0; i < len(expr); {
		if strings.IndexByte(" \t\r\n", expr[i]) >= 0 {
			i++
			continue
		}
		if expr[i] == '(' || expr[i] == ')' {
			list = append(list, token{expr[i : i+1], i + 1})
			i++
			continue
		}
		end, open := i, 0
	word:
		for ; end < len(expr); end++ {
			switch expr[end] {
			case ' ', '\t', '\r', '\n':
				break word
			case '\\':
				end = min(end+1, len(expr)-1)
			case '(':
				open++
			case ')':
				if open--; open < 0 {
					break word
				}
			}
		}
		list = append(list, token{expr[i:end], i + 1})
		i = end
	}
	return list
}

func (c *compound) peek() (token, bool) {
	if c.next < len(c.tokens) {
		return c.tokens[c.next], true
	}
	return token{}, false
}

func (c *compound) accept(text string) bool {
	t, ok := c.peek()
	if ok = ok && t.text == text; ok {
		c.next++
	}
	return ok
}

func (c *compound) fault(t token, format string, args ...any) error {
	return fmt.Errorf("target %.200q: %q at position %d %s", c.expr, t.text, t.at, fmt.Sprintf(format, args...))
}

func (c *compound) or() (matcher, error) {
	return c.joined("or", c.and, func(a, b matcher) matcher { return either{a, b} })
}

func (c *compound) and() (matcher, error) {
	return c.joined("and", c.not, func(a, b matcher) matcher { return both{a, b} })
}

func (c *compound) joined(by string, operand func() (matcher, error), join func(a, b matcher) matcher) (matcher, error) {
	a, err := operand()
	for err == nil && c.accept(by) {
		var b matcher
		if b, err = operand(); err == nil {
			a = join(a, b)
		}
	}
	return a, err
}

func (c *compound) not() (matcher, error) {
	c.depth++
	defer func() { c.depth-- }()
	t, ok := c.peek()
	switch {
	case !ok:
		return nil, fmt.Errorf("target %.200q: a term is missing at its end", c.expr)
	case c.depth > maxDepth:
		return nil, c.fault(t, "is nested deeper than %d", maxDepth)
	case c.accept("not"):
		m, err := c.not()
		return not{m}, err
	case c.accept("("):
		m, err := c.or()
		if err == nil && !c.accept(")") {
			err = c.fault(t, "is never closed")
			if u, ok := c.peek(); ok {
				err = c.fault(u, "stands where and, or or ) should; ( is at position %d", t.at)
			}
		}
		return m, err
	}
	c.next++
	return c.term(t)
}

// marked is the kind that Salt's letter stands for; empty for none.
func marked(letter byte) Kind {
	switch letter {
	case 'L':
		return List
	case 'E':
		return PCRE
	case 'G':
		return Grain
	case 'P':
		return GrainPCRE
	}
	return ""
}

// term is one target with its letter, or a glob without.
func (c *compound) term(t token) (matcher, error) {
	if t.text == "and" || t.text == "or" || t.text == ")" {
		return nil, c.fault(t, "stands where a term should")
	}
	kind, expr := Glob, t.text
	if len(t.text) > 1 && t.text[1] == '@' {
		if kind = marked(t.text[0]); kind == "" {
			return nil, c.fault(t, "has an unknown letter%s", otherLetter(t.text[0]))
		}
		expr = t.text[2:]
	}
	m, err := parse(kind, expr)
	if err != nil {
		return nil, c.fault(t, "is no such target: %s", err)
	}
	return m, nil
}

// otherLetter is advice to those who know Salt's other letters.
func otherLetter(c byte) string {
	switch c {
	case 'I', 'J':
		return "; there are no targets by pillar: set a grain"
	case 'S':
		return "; there are no targets by subnet: match a grain that holds the address"
	case 'N', 'R':
		return "; there are no node groups and ranges: write out what it stands for"
	}
	return "; known are G, P (grains), E (regular expression of ids), L (list)"
}
