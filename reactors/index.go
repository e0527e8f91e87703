package reactors

import (
	"cmp"
	"slices"
	"strings"

	"brine/internal/event"
)

// index finds the patterns that match a tag without trying each: the patterns of all rules in one tree over their
// segments. It does not change once built; what a search needs to write stands in a search.
type index struct{ nodes []indexNode }

// indexNode is a place in the tree. Node 0 is the root, and so no child is 0: that says "none".
type indexNode struct {
	literal map[string]int32 // by the segment as it stands
	any     int32            // by "*"
	partial partials         // by a segment with a '*' among other characters
	deep    int32            // by "**"; reached without taking a segment
	loop    bool             // the node stands for "**": it takes any segment and stays
	ends    []hit            // the patterns that end here
}

// partials are the children by segments such as web*, kept by what stands before their first '*': a thousand rules for a
// thousand prefixes must not be a thousand comparisons.
type partials struct {
	byPrefix map[string][]partial
	lengths  []int // of the prefixes, without doubles
}

type partial struct {
	segment string
	child   int32
}

// hit is one pattern of one rule.
type hit struct {
	rule, trigger int32
	every         bool // each pattern of the rule that matches is wanted, not the first alone
}

func newIndex() *index { return &index{nodes: make([]indexNode, 1)} }

// add puts one pattern in.
func (x *index) add(p event.Pattern, h hit) {
	at := int32(0)
	for _, seg := range p.Segments() {
		at = x.child(at, seg)
	}
	x.nodes[at].ends = append(x.nodes[at].ends, h)
}

// child is the node behind a segment of a pattern, made when there is none.
func (x *index) child(at int32, seg string) int32 {
	n := &x.nodes[at]
	next := int32(len(x.nodes))
	switch {
	case seg == "**":
		if n.deep != 0 {
			return n.deep
		}
		n.deep = next
		x.nodes = append(x.nodes, indexNode{loop: true})
		return next
	case seg == "*":
		if n.any != 0 {
			return n.any
		}
		n.any = next
	case strings.Contains(seg, "*"):
		if c := n.partial.child(seg, next); c != next {
			return c
		}
	default:
		if c, ok := n.literal[seg]; ok {
			return c
		}
		if n.literal == nil {
			n.literal = make(map[string]int32)
		}
		n.literal[seg] = next
	}
	x.nodes = append(x.nodes, indexNode{})
	return next
}

// child is the node behind seg, or next, which is then put there.
func (p *partials) child(seg string, next int32) int32 {
	prefix, _, _ := strings.Cut(seg, "*")
	for _, e := range p.byPrefix[prefix] {
		if e.segment == seg {
			return e.child
		}
	}
	if p.byPrefix == nil {
		p.byPrefix = make(map[string][]partial)
	}
	if !slices.Contains(p.lengths, len(prefix)) {
		p.lengths = append(p.lengths, len(prefix))
	}
	p.byPrefix[prefix] = append(p.byPrefix[prefix], partial{seg, next})
	return next
}

// search is what one reader of an index needs to remember, kept to be used again. The nodes a tag can have reached are
// a set, so that the time is the tag's length times the tree's nodes at worst, however many '**' there are.
type search struct {
	seen      []uint32 // by node: the round in which it was last reached
	round     uint32
	now, next []int32
	hits      []hit
}

// match gives one hit for each rule that has a pattern which matches the tag, the first such of the rule, in the order of the rules; of
// a rule that wants every one, all such, in its order.
// The result is good until the next call.
func (x *index) match(s *search, tag string) []hit {
	if len(s.seen) != len(x.nodes) {
		*s = search{seen: make([]uint32, len(x.nodes))}
	}
	s.begin()
	s.reach(x, 0)
	for more := true; more; {
		s.now, s.next = s.next, s.now[:0]
		if len(s.now) == 0 {
			return nil
		}
		var seg string
		seg, tag, more = strings.Cut(tag, "/")
		s.begin()
		for _, at := range s.now {
			s.take(x, at, seg)
		}
	}
	s.hits = s.hits[:0]
	for _, at := range s.next {
		s.hits = append(s.hits, x.nodes[at].ends...)
	}
	s.next = s.next[:0]
	slices.SortFunc(s.hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.trigger, b.trigger))
	})
	s.hits = slices.CompactFunc(s.hits, func(a, b hit) bool { return a.rule == b.rule && !a.every })
	return s.hits
}

// begin starts a round with an empty set.
func (s *search) begin() {
	s.next = s.next[:0]
	s.round++
	if s.round == 0 { // wrapped around after 2^32 segments
		clear(s.seen)
		s.round = 1
	}
}

// reach puts a node into the set, and those that "**" reaches from it without a segment.
func (s *search) reach(x *index, at int32) {
	for s.seen[at] != s.round {
		s.seen[at] = s.round
		s.next = append(s.next, at)
		if at = x.nodes[at].deep; at == 0 {
			return
		}
	}
}

// take follows one segment of a tag from a node.
func (s *search) take(x *index, at int32, seg string) {
	n := &x.nodes[at]
	if n.loop {
		s.reach(x, at)
	}
	if c, ok := n.literal[seg]; ok {
		s.reach(x, c)
	}
	if n.any != 0 {
		s.reach(x, n.any)
	}
	for _, l := range n.partial.lengths {
		if l > len(seg) {
			continue
		}
		for _, e := range n.partial.byPrefix[seg[:l]] {
			if event.MatchSegment(e.segment, seg) {
				s.reach(x, e.child)
			}
		}
	}
}
