package event

import (
	"fmt"
	"strings"
)

// Pattern matches tags: '*' stands for one segment or a part of one, '**' as a whole segment for any number of
// segments, none included. (Salt's '*' crosses slashes; Brine's does not.)
type Pattern struct {
	text     string
	segments []string
}

// ParsePattern reads a pattern. The error names the position of what is wrong.
func ParsePattern(s string) (Pattern, error) {
	if s == "" {
		return Pattern{}, fmt.Errorf("pattern is empty")
	}
	if len(s) > MaxTag {
		return Pattern{}, fmt.Errorf("pattern %.40q... has %d bytes; at most %d", s, len(s), MaxTag)
	}
	segs := strings.Split(s, "/")
	pos := 1
	for _, seg := range segs {
		if seg == "" {
			return Pattern{}, fmt.Errorf("pattern %q has an empty segment at position %d", s, pos)
		}
		if seg != "**" && strings.Contains(seg, "**") {
			return Pattern{}, fmt.Errorf("pattern %q: '**' at position %d must be a whole segment", s, pos)
		}
		pos += len(seg) + 1
	}
	return Pattern{text: s, segments: segs}, nil
}

func (p Pattern) String() string { return p.text }

// Segments are the parts between the slashes, for an index. They must not be changed.
func (p Pattern) Segments() []string { return p.segments }

// Match reports whether the tag matches. Its time is linear in the tag for a fixed pattern, but for two and
// more '**', where it is their product at worst.
func (p Pattern) Match(tag string) bool { return matchSegments(p.segments, tag, true) }

// matchSegments matches the rest of a tag; more tells an empty rest that still holds a segment from none.
func matchSegments(segs []string, rest string, more bool) bool {
	for i, seg := range segs {
		if seg == "**" {
			if i == len(segs)-1 {
				return true
			}
			for {
				if matchSegments(segs[i+1:], rest, more) {
					return true
				}
				if !more {
					return false
				}
				_, rest, more = strings.Cut(rest, "/")
			}
		}
		if !more {
			return false
		}
		var head string
		head, rest, more = strings.Cut(rest, "/")
		if !MatchSegment(seg, head) {
			return false
		}
	}
	return !more
}

// MatchSegment matches one segment against a pattern in which '*' stands for any run of characters.
func MatchSegment(pat, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for i < len(s) {
		switch {
		case j < len(pat) && pat[j] == '*':
			star, mark = j, i
			j++
		case j < len(pat) && pat[j] == s[i]:
			i++
			j++
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	for j < len(pat) && pat[j] == '*' {
		j++
	}
	return j == len(pat)
}
