package eventlog

import (
	"fmt"
	"strings"

	"brine/internal/event"
	"brine/internal/target"
)

// matcher is the tag pattern and minion glob of one query, with what it has found out so far.
type matcher struct {
	tag     *event.Pattern
	minion  *target.Target // glob of minions; nil matches the master's own too
	tags    map[string]bool
	origins map[string]bool
}

// maxMemo bounds what a matcher remembers, in names.
const maxMemo = 1 << 16

func newMatcher(tag *event.Pattern, minion string) (*matcher, error) {
	glob, err := parseGlob(minion)
	if err != nil {
		return nil, fmt.Errorf("minion: %w", err)
	}
	return &matcher{tag: tag, minion: glob, tags: map[string]bool{}, origins: map[string]bool{}}, nil
}

// all reports whether everything matches, so that no index need be read.
func (m *matcher) all() bool { return m.tag == nil && m.minion == nil }

func (m *matcher) origin(name []byte) bool {
	if m.minion == nil {
		return true
	}
	ok, known := m.origins[string(name)]
	if !known {
		s := string(name)
		ok = s != event.Master && m.minion.Match(s, nil)
		remember(&m.origins, s, ok)
	}
	return ok
}

// indexed reports whether a tag as a segment keeps it, cut to depth parts, may stand for one that matches.
func (m *matcher) indexed(name []byte, depth int) bool {
	if m.tag == nil {
		return true
	}
	ok, known := m.tags[string(name)]
	if !known {
		s := string(name)
		ok = m.tag.Match(s)
		remember(&m.tags, s, ok)
	}
	if !ok && depth > 0 && strings.Count(string(name), "/")+1 == depth {
		return mayContinue(m.tag.Segments(), string(name))
	}
	return ok
}

func remember(memo *map[string]bool, s string, ok bool) {
	if len(*memo) >= maxMemo {
		*memo = map[string]bool{}
	}
	(*memo)[s] = ok
}

// mayContinue reports whether the pattern may match a tag that begins with prefix and goes on after it. It says yes
// too often rather than too rarely.
func mayContinue(segs []string, prefix string) bool {
	for more := true; more; {
		if len(segs) == 0 {
			return false
		}
		if segs[0] == "**" {
			return true
		}
		var head string
		head, prefix, more = strings.Cut(prefix, "/")
		if !event.MatchSegment(segs[0], head) {
			return false
		}
		segs = segs[1:]
	}
	return len(segs) > 0
}

// mask is the blocks of a segment in memory that may hold what is asked for.
func (m *matcher) mask(s *segment) uint64 {
	tags, origins := uint64(0), uint64(0)
	if m.tag == nil || s.depth == anyTag {
		tags = ^uint64(0)
	} else {
		for t, b := range s.tags {
			if tags|b != tags && m.indexed([]byte(t), s.depth) {
				tags |= b
			}
		}
	}
	for o, b := range s.origins {
		if origins|b != origins && m.origin([]byte(o)) {
			origins |= b
		}
	}
	return tags&origins | s.damaged
}

// view is mask for a stored segment. A malformed one gives all blocks: slower, never wrong.
func (m *matcher) view(payload []byte) uint64 {
	v, ok := parseSegment(payload)
	if !ok {
		return ^uint64(0)
	}
	tags, origins := uint64(0), uint64(0)
	rest, ok := eachMask(v.rest, func(name []byte, mask uint64) {
		if tags|mask != tags && m.indexed(name, v.depth) {
			tags |= mask
		}
	})
	if !ok {
		return ^uint64(0)
	}
	if m.tag == nil || v.depth == anyTag {
		tags = ^uint64(0)
	}
	if _, ok = eachMask(rest, func(name []byte, mask uint64) {
		if origins|mask != origins && m.origin(name) {
			origins |= mask
		}
	}); !ok {
		return ^uint64(0)
	}
	return tags&origins | v.damaged
}

// parseGlob reads a glob of ids, the same that targets have; nil for "", which all match.
func parseGlob(expr string) (*target.Target, error) {
	if expr == "" {
		return nil, nil
	}
	t, err := target.Parse(string(target.Glob), expr)
	return &t, err
}
