package target

import (
	"fmt"
	"strings"
)

// maxGlob bounds a glob, in bytes: an id has 253 at most.
const maxGlob = 1024

// glob is a pattern of single bytes; ids are ASCII.
type glob []atom

// atom matches one byte, or any run of them.
type atom struct {
	star  bool
	set   [4]uint64 // the bytes that match
	plain byte      // the only byte that matches, when set is empty
}

func (a *atom) add(c byte) { a.set[c>>6] |= 1 << (c & 63) }
func (a *atom) has(c byte) bool {
	return a.plain == c && !a.star && a.set == [4]uint64{} || a.set[c>>6]&(1<<(c&63)) != 0
}

// parseGlob reads a glob of ids; parseTextGlob one of any text.
func parseGlob(expr string) (glob, error)     { return readGlob(expr, false) }
func parseTextGlob(expr string) (glob, error) { return readGlob(expr, true) }

func readGlob(expr string, text bool) (glob, error) {
	if expr == "" {
		return nil, fmt.Errorf("target is empty")
	}
	if len(expr) > maxGlob {
		return nil, fmt.Errorf("target %.40q... has %d bytes; a glob has at most %d", expr, len(expr), maxGlob)
	}
	var g glob
	for i := 0; i < len(expr); i++ {
		var a atom
		switch c := expr[i]; {
		case c == '*':
			if len(g) > 0 && g[len(g)-1].star {
				continue
			}
			a.star = true
		case c == '?':
			a.set = [4]uint64{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
		case c == '[':
			end, err := a.class(expr, i)
			if err != nil {
				return nil, err
			}
			i = end
		case !text && (c == ',' || c == ' '):
			return nil, fmt.Errorf("target %q: %q at position %d stands in no id; several ids need the kind list, and more than ids the kind compound", expr, c, i+1)
		case text:
			a.plain = c
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("._-", c) >= 0:
			a.plain = c
		default:
			return nil, fmt.Errorf("target %q: %q at position %d stands in no id", expr, c, i+1)
		}
		g = append(g, a)
	}
	return g, nil
}

// class reads [...] from position i of expr, and gives the position of its end. As in Salt (Python's fnmatch), '!' first
// means any other, and ']' first stands for itself.
func (a *atom) class(expr string, i int) (end int, err error) {
	open := i
	i++
	not := i < len(expr) && (expr[i] == '!' || expr[i] == '^')
	if not {
		i++
	}
	for first := true; ; first = false {
		if i >= len(expr) {
			return 0, fmt.Errorf("target %q: the '[' at position %d is never closed", expr, open+1)
		}
		lo := expr[i]
		if lo == ']' && !first {
			break
		}
		hi := lo
		if i+2 < len(expr) && expr[i+1] == '-' && expr[i+2] != ']' {
			hi = expr[i+2]
			i += 2
		}
		if hi < lo {
			return 0, fmt.Errorf("target %q: the range %c-%c at position %d is backwards", expr, lo, hi, i-1)
		}
		for c := int(lo); c <= int(hi); c++ {
			a.add(byte(c))
		}
		i++
	}
	if not {
		for w := range a.set {
			a.set[w] = ^a.set[w]
		}
	}
	return i, nil
}

// fits is linear in the id for each star: what does not fit goes back to the last star only.
func (g glob) fits(id string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for i < len(id) {
		switch {
		case j < len(g) && g[j].star:
			star, mark = j, i
			j++
		case j < len(g) && g[j].has(id[i]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	for j < len(g) && g[j].star {
		j++
	}
	return j == len(g)
}
