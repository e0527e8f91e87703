package reactors

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// conditionKind says how the events of a condition belong together.
type conditionKind string

const (
	kindCount    conditionKind = "count"    // so many of one part
	kindAll      conditionKind = "all"      // one of each part, in any order
	kindSequence conditionKind = "sequence" // one of each part, in their order
	kindAbsent   conditionKind = "absent"   // one that should have come and did not
)

// condition is what a rule waits for when one event is not enough. Its events lie less than within apart.
type condition struct {
	kind   conditionKind
	within time.Duration // for absent with a clock 0
	count  int           // kindCount
	parts  []string      // as verdicts name them
	by     []string      // as written
	print  string        // windows of another condition are not kept when the rule changes
	// of kindAbsent
	alone  bool     // nothing but the awaited event itself begins the wait
	clock  *daily   // the wait ends at a time of day
	atTime *trigger // what fires where no event began the wait
}

// Bits of a trigger's part in kindAbsent.
const (
	partAwaited = 0
	partAfter   = 1
)

// starts reports whether the condition waits without an event that begins it.
func (c *condition) starts() bool {
	return c.kind == kindAbsent && (c.clock != nil || c.alone && len(c.by) == 0)
}

// all is a bit for each part.
func (c *condition) all() uint32 { return 1<<len(c.parts) - 1 }

// text is what `brine reactor list` says of it.
func (c *condition) text(sources []source) string {
	names := func(part int) string {
		var list []string
		for _, s := range sources {
			if s.part == part {
				list = append(list, s.node.Text())
			}
		}
		return strings.Join(list, " or ")
	}
	by := ""
	if len(c.by) > 0 {
		by = " by [" + strings.Join(c.by, ", ") + "]"
	}
	switch {
	case c.kind == kindCount:
		return fmt.Sprintf("%d of %s within %s%s", c.count, names(0), c.within, by)
	case c.clock != nil:
		return fmt.Sprintf("no %s by %s", names(partAwaited), c.clock)
	case c.alone:
		return fmt.Sprintf("no %s for %s%s", names(partAwaited), c.within, by)
	case c.kind == kindAbsent:
		return fmt.Sprintf("no %s within %s after %s%s", names(partAwaited), c.within, names(partAfter), by)
	case c.kind == kindSequence:
		return fmt.Sprintf("%s within %s%s", strings.Join(c.parts, ", then "), c.within, by)
	}
	return fmt.Sprintf("%s within %s%s", strings.Join(c.parts, " and "), c.within, by)
}

// complete gives the events that fulfil the condition out of those that a window keeps; nil while something is missing. Of several
// that could stand for a part it is the last. All that is kept lies less than within apart.
func (c *condition) complete(kept []seen) []seen {
	switch c.kind {
	case kindCount:
		if len(kept) >= c.count {
			return slices.Clone(kept[len(kept)-c.count:])
		}
	case kindAll:
		var chosen []seen
		need := c.all()
		for i := len(kept) - 1; i >= 0 && need != 0; i-- {
			if kept[i].Parts&need != 0 {
				need &^= kept[i].Parts
				chosen = append(chosen, kept[i])
			}
		}
		if need == 0 {
			slices.Reverse(chosen)
			return chosen
		}
	case kindSequence:
		if chosen := c.last(kept, len(c.parts)); len(chosen) == len(c.parts) {
			return chosen
		}
	}
	return nil
}

// last finds the last events that stand for the first n parts in order; fewer, those of the last parts, when there is no such chain.
func (c *condition) last(kept []seen, n int) []seen {
	var chosen []seen
	for i := len(kept) - 1; i >= 0 && len(chosen) < n; i-- {
		if kept[i].Parts&(1<<(n-1-len(chosen))) != 0 {
			chosen = append(chosen, kept[i])
		}
	}
	slices.Reverse(chosen)
	return chosen
}

// progress says how much of the condition has come: what counts of the events kept, how many are wanted, and which parts are missing; of a
// sequence that is the next one.
func (c *condition) progress(kept []seen) (have []seen, want int, missing []string) {
	switch c.kind {
	case kindCount:
		return kept, c.count, nil
	case kindSequence:
		want = len(c.parts)
		for n := want - 1; n > 0; n-- {
			if have = c.last(kept, n); len(have) == n {
				return have, want, c.parts[n : n+1]
			}
		}
		return nil, want, c.parts[:1]
	}
	need := c.all()
	for i := len(kept) - 1; i >= 0; i-- {
		if kept[i].Parts&need != 0 {
			need &^= kept[i].Parts
			have = append(have, kept[i])
		}
	}
	for i, name := range c.parts {
		if need&(1<<i) != 0 {
			missing = append(missing, name)
		}
	}
	slices.Reverse(have)
	return have, len(c.parts), missing
}
