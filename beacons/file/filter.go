package file

import (
	"fmt"
	"path"
	"strings"
)

const (
	// maxPatterns bounds the patterns of one path, and maxPattern the length of each in bytes.
	maxPatterns = 64
	maxPattern  = 512
)

func checkPatterns(option string, patterns []string) error {
	if len(patterns) > maxPatterns {
		return fmt.Errorf("%s: %d patterns; at most %d", option, len(patterns), maxPatterns)
	}
	for _, p := range patterns {
		switch _, err := path.Match(p, ""); {
		case p == "" || len(p) > maxPattern:
			return fmt.Errorf("%s: pattern %q has %d bytes; want 1 to %d", option, p, len(p), maxPattern)
		case path.IsAbs(p):
			return fmt.Errorf("%s: pattern %q is absolute; it is matched below the path that it stands under", option, p)
		case err != nil:
			return fmt.Errorf("%s: pattern %q: %w", option, p, err)
		}
	}
	return nil
}

// matchPattern matches a name below a configured path. A pattern without a slash is matched with the last segment, at any depth; in one
// with slashes ** stands for any number of segments.
func matchPattern(pattern, name string) bool {
	if !strings.Contains(pattern, "/") {
		ok, _ := path.Match(pattern, path.Base(name))
		return ok
	}
	ps, ns := strings.Split(pattern, "/"), strings.Split(name, "/")
	p, n, star, mark := 0, 0, -1, 0
	for n < len(ns) {
		switch {
		case p < len(ps) && ps[p] == "**":
			star, mark = p, n
			p++
		case p < len(ps) && matchSegment(ps[p], ns[n]):
			p, n = p+1, n+1
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	for p < len(ps) && ps[p] == "**" {
		p++
	}
	return p == len(ps)
}

func matchSegment(pattern, name string) bool {
	ok, _ := path.Match(pattern, name)
	return ok
}

func matchAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if matchPattern(p, name) {
			return true
		}
	}
	return false
}

// excluded reports whether a path below the root, or a folder on the way to it, matches exclude.
func (t *root) excluded(p string) bool {
	if len(t.options.Exclude) == 0 || p == t.path {
		return false
	}
	below := strings.TrimPrefix(p, slashed(t.path))
	for i := 0; i <= len(below); i++ {
		if (i == len(below) || below[i] == '/') && matchAny(t.options.Exclude, below[:i]) {
			return true
		}
	}
	return false
}

// included reports whether a path is one of those that are told. Folders that are not are still followed, for what is in them.
func (t *root) included(p string) bool {
	return len(t.options.Include) == 0 || p == t.path || matchAny(t.options.Include, strings.TrimPrefix(p, slashed(t.path)))
}
