package file

import (
	"fmt"
	"regexp"
	"strings"

	"brine/internal/config"
)

// Bounds of patterns.
const (
	maxPatterns = 256
	maxPattern  = 1 << 10 // bytes
)

// patterns are Salt's for paths below a folder: '*' and '?' match slashes, too; a regular expression follows 'E@' and matches
// anywhere.
type patterns []*regexp.Regexp

func parsePatterns(what string, lists ...config.Strings) (patterns, error) {
	var out patterns
	for _, list := range lists {
		for _, p := range list {
			re, err := parsePattern(p)
			if err != nil {
				return nil, fmt.Errorf("%s: %q: %w", what, p, err)
			}
			if out = append(out, re); len(out) > maxPatterns {
				return nil, fmt.Errorf("%s: more than %d patterns", what, maxPatterns)
			}
		}
	}
	return out, nil
}

func parsePattern(p string) (*regexp.Regexp, error) {
	switch {
	case p == "":
		return nil, fmt.Errorf("the pattern is empty")
	case len(p) > maxPattern:
		return nil, fmt.Errorf("the pattern has %d bytes; at most %d", len(p), maxPattern)
	}
	if expr, ok := strings.CutPrefix(p, "E@"); ok {
		return regexp.Compile(expr)
	}
	return regexp.Compile(globExpr(strings.TrimPrefix(p, "/")))
}

// globExpr is a pattern of Python's fnmatch as a regular expression: * ? [abc] [!abc].
func globExpr(p string) string {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(p); i++ {
		switch c := p[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		case '[':
			end := classEnd(p, i)
			if end < 0 {
				b.WriteString(`\[`)
				continue
			}
			class := strings.ReplaceAll(strings.ReplaceAll(p[i+1:end], `\`, `\\`), "[", `\[`)
			if rest, negated := strings.CutPrefix(class, "!"); negated {
				class = "^" + rest
			} else if strings.HasPrefix(class, "^") {
				class = `\` + class
			}
			b.WriteString("[" + class + "]")
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
		}
	}
	b.WriteString(`\z`)
	return b.String()
}

// classEnd is where the bracket that begins at i is closed; a bracket that follows at once is a member.
func classEnd(p string, i int) int {
	at := i + 1
	if at < len(p) && p[at] == '!' {
		at++
	}
	if at < len(p) && p[at] == ']' {
		at++
	}
	if at >= len(p) {
		return -1
	}
	if n := strings.IndexByte(p[at:], ']'); n >= 0 {
		return at + n
	}
	return -1
}

func (ps patterns) match(rel string) bool {
	for _, re := range ps {
		if re.MatchString(rel) {
			return true
		}
	}
	return false
}
