package target

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// maxRegex bounds a regular expression, in bytes, and maxGrainKeys the keys that lead to a value.
const (
	maxRegex     = 1024
	maxGrainKeys = 32
)

// regex is matched against the beginning of a text, as Python's re.match does: without a $ the text may go on.
type regex struct{ re *regexp.Regexp }

func compileRegex(expr string, fold bool) (regex, error) {
	if expr == "" {
		return regex{}, fmt.Errorf("target is empty")
	}
	if len(expr) > maxRegex {
		return regex{}, fmt.Errorf("target %.40q... has %d bytes; a regular expression has at most %d", expr, len(expr), maxRegex)
	}
	flags := syntax.Perl
	if fold {
		flags |= syntax.FoldCase
	}
	if _, err := syntax.Parse(expr, flags); err != nil { // by itself, so that the error shows what was written
		return regex{}, regexError(expr, err)
	}
	pattern := `\A(?:` + expr + `)`
	if fold {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return regex{}, regexError(expr, err)
	}
	return regex{re}, nil
}

// regexError names the place of what is wrong.
func regexError(expr string, err error) error {
	e, ok := err.(*syntax.Error)
	if !ok {
		return fmt.Errorf("target %q: %w", expr, err)
	}
	if at := strings.Index(expr, e.Expr); e.Expr != "" && at >= 0 {
		hint := ""
		if e.Code == syntax.ErrInvalidPerlOp {
			hint = "; look-around and references are not to be had: compound has not"
		}
		return fmt.Errorf("target %q: %s at position %d: %q%s", expr, e.Code, at+1, e.Expr, hint)
	}
	return fmt.Errorf("target %q: %s", expr, e.Code)
}

func parseRegex(expr string) (matcher, error) { return compileRegex(expr, false) }

func (r regex) match(id string, _ map[string]any) bool { return r.re.MatchString(id) }

func (r regex) fits(text string) bool { return r.re.MatchString(text) }

// fitter is a pattern of a text.
type fitter interface{ fits(text string) bool }

// grain is a grain's name, perhaps nested, and a pattern of its value, all joined by colons. Which colons part names and which belong to
// a name or the value shows only in the grains themselves, so that there is a pattern for each.
type grain struct {
	parts  []string
	values []fitter // values[i] is of what follows parts[i-1]; [0] is nil
}

func parseGrain(expr string) (matcher, error) {
	return newGrain(expr, func(value string) (fitter, error) { return parseTextGlob(strings.ToLower(value)) })
}

func parseGrainRegex(expr string) (matcher, error) {
	return newGrain(expr, func(value string) (fitter, error) { return compileRegex(value, true) })
}

func newGrain(expr string, pattern func(string) (fitter, error)) (matcher, error) {
	g := grain{parts: strings.SplitN(expr, ":", maxGrainKeys)}
	if len(g.parts) < 2 || g.parts[0] == "" {
		return nil, fmt.Errorf("target %q: want a grain and its value, such as os:Debian", expr)
	}
	g.values = make([]fitter, len(g.parts))
	var first error
	for i := 1; i < len(g.parts); i++ {
		value := strings.Join(g.parts[i:], ":")
		if value == "" {
			return nil, fmt.Errorf("target %q: the value is missing at position %d; '*' is any", expr, len(expr)+1)
		}
		p, err := pattern(value)
		switch {
		case err == nil:
			g.values[i] = p
		case first == nil:
			first = err
		}
	}
	if g.values[1] == nil { // the longest: others may be cut in two by a colon within [...]
		return nil, first
	}
	return g, nil
}

func (g grain) match(_ string, grains map[string]any) bool { return g.below(grains, 0) }

// below looks in a map for what parts[i:] say: the longest name first, as Salt does.
func (g grain) below(m map[string]any, i int) bool {
	for end := len(g.parts) - 1; end > i; end-- {
		if v, ok := m[strings.Join(g.parts[i:end], ":")]; ok && g.value(v, end) {
			return true
		}
	}
	if g.parts[i] == "*" && i+1 < len(g.parts) {
		for _, v := range m {
			if g.value(v, i+1) {
				return true
			}
		}
	}
	return false
}

// value compares a value, or any entry of a list, with the pattern of parts[i:]. Of a map, the pattern is '*', or the name of an entry, or
// goes on below.
func (g grain) value(v any, i int) bool {
	switch v := v.(type) {
	case map[string]any:
		rest := strings.Join(g.parts[i:], ":")
		if _, ok := v[rest]; ok || rest == "*" {
			return true
		}
		return g.below(v, i)
	case []any:
		for _, item := range v {
			if g.value(item, i) {
				return true
			}
		}
		return false
	}
	return g.values[i] != nil && g.values[i].fits(strings.ToLower(grainText(v)))
}

// grainText is a value as a target names it: True and None as Python writes them, which case does not matter for.
func grainText(v any) string {
	if v == nil {
		return "none"
	}
	return fmt.Sprint(v)
}
