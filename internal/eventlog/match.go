package eventlog

import (
	"fmt"
	"path"
	"strings"

	"brine/internal/event"
)

// matcher is the tag pattern and minion glob of one query, with what it has found out so far.
type matcher struct {
	tag     *event.Pattern
	minion  string // glob of minions; "" matches the master's own too
	tags    map[string]bool
	origins map[string]bool
}

// maxMemo bounds what a matcher remembers, in names.
const maxMemo = 1 << 16

func newMatcher(tag *event.Pattern, minion string) (*matcher, error) {
	if err := checkGlob(minion); err != nil {
		return nil, fmt.Errorf("minion: %w", err)
	}
	return &matcher{tag: tag, minion: minion, tags: map[string]bool{}, origins: map[string]bool{}}, nil
}

// all reports whether everything matches, so that no index need be read.
func (m *matcher) all() bool { return m.tag == nil && m.minion == "" }

func (m *matcher) origin(name []byte) bool {
	if m.minion == "" {
		return true
	}
	ok, known := m.origins[string(name)]
	if !known {
		s := string(name)
		ok = s != event.Master && glob(m.minion, s)
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

// Globs are those of the shell, as targets have them: '*', '?', '[abc]', '[!abc]'.
func checkGlob(pattern string) error {
	if _, err := path.Match(shellGlob(pattern), ""); err != nil {
		return fmt.Errorf("glob %q: %w", pattern, err)
	}
	return nil
}

func glob(pattern, s string) bool {
	ok, err := path.Match(shellGlob(pattern), s)
	return ok && err == nil
}

func shellGlob(pattern string) string { return strings.ReplaceAll(pattern, "[!", "[^") }
