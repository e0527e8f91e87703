package reactors

import (
	"fmt"
	"slices"
	"strings"

	"brine/internal/event"
)

// Mismatch says for each pattern of a rule where a tag differs from it. It is empty when one of them matches, and for a rule that is not in
// the set.
func (s *Set) Mismatch(rule, tag string) []string {
	r := s.byName[rule]
	if r == nil {
		return nil
	}
	var why []string
	for _, t := range r.triggers {
		if t.pattern.Match(tag) {
			return nil
		}
		if line := differs(t.pattern, tag); !slices.Contains(why, line) {
			why = append(why, line)
		}
	}
	return why
}

// Has reports whether the set has a rule of that name.
func (s *Set) Has(rule string) bool { return s.byName[rule] != nil }

// differs says which segment of a tag is the first that does not fit a pattern.
func differs(p event.Pattern, tag string) string {
	pattern, segs := p.Segments(), strings.Split(tag, "/")
	text := fmt.Sprintf("pattern %s", clip(p.String(), maxPart))
	for i, want := range pattern {
		switch {
		case want == "**":
			return fmt.Sprintf("%s: what follows its ** does not end as the tag does", text)
		case i >= len(segs):
			return fmt.Sprintf("%s: it wants a segment %d, %q, and the tag has %d", text, i+1, want, len(segs))
		case !event.MatchSegment(want, segs[i]):
			return fmt.Sprintf("%s: segment %d is %q, not %q", text, i+1, clip(segs[i], maxValue), want)
		}
	}
	line := fmt.Sprintf("%s: it has %d segments, and the tag %d", text, len(pattern), len(segs))
	if pattern[len(pattern)-1] == "*" {
		line += "; * stands for one, ** for any number"
	}
	return line
}
