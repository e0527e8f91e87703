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
	if i := badByte(s, false); i >= 0 {
		return Pattern{}, fmt.Errorf("pattern %q: %q at position %d stands in no tag; it is percent-encoded there", s, s[i], i+1)
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

// Match reports whether the tag matches. Its time is at worst the product of the two lengths: a segment that does not fit
// sends it back to the last '**' only, since an earlier one could take no more than that one can.
func (p Pattern) Match(tag string) bool {
	segs, i := p.segments, 0
	rest, more := tag, true // more tells an empty rest that still holds a segment from none
	star := -1              // the last '**' met, and the tag from where it stopped taking
	var markRest string
	var markMore bool
	for {
		if i < len(segs) && segs[i] == "**" {
			if i == len(segs)-1 {
				return true
			}
			star, markRest, markMore = i, rest, more
			i++
			continue
		}
		if !more && i == len(segs) {
			return true
		}
		if more && i < len(segs) {
			head, tail, found := strings.Cut(rest, "/")
			if MatchSegment(segs[i], head) {
				rest, more = tail, found
				i++
				continue
			}
		}
		if star < 0 || !markMore {
			return false
		}
		_, markRest, markMore = strings.Cut(markRest, "/")
		rest, more, i = markRest, markMore, star+1
	}
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
