package reactors

import (
	"slices"
	"strings"
	"testing"

	"brine/internal/event"

	"pgregory.net/rapid"
)

// drawSegments makes tags and patterns of few letters, so that they often meet.
func drawSegments(t *rapid.T, name string, from []string, most int) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(from), 1, most).Draw(t, name), "/")
}

var (
	patternSegments = []string{"a", "b", "ab", "ba", "*", "**", "a*", "*a", "a*b", "b*", "*b*"}
	tagSegments     = []string{"a", "b", "ab", "ba", "aab", "bb", "c"}
)

// The index finds exactly what trying every pattern finds.
func TestIndexAgreesWithMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, s := newIndex(), new(search)
		rules := make([][]event.Pattern, rapid.IntRange(0, 12).Draw(t, "rules"))
		for r := range rules {
			for k := range rapid.IntRange(1, 3).Draw(t, "patterns") {
				p, err := event.ParsePattern(drawSegments(t, "pattern", patternSegments, 6))
				if err != nil {
					t.Fatal(err)
				}
				rules[r] = append(rules[r], p)
				x.add(p, hit{rule: int32(r), trigger: int32(k)})
			}
		}
		for range 8 { // one search used again: nothing may be left over
			tag := drawSegments(t, "tag", tagSegments, 7)
			var want []hit
			for r, ps := range rules {
				if k := slices.IndexFunc(ps, func(p event.Pattern) bool { return p.Match(tag) }); k >= 0 {
					want = append(want, hit{rule: int32(r), trigger: int32(k)})
				}
			}
			if got := x.match(s, tag); !slices.Equal(got, want) {
				t.Fatalf("tag %q: the index says %v, the patterns %v", tag, got, want)
			}
		}
	})
}

// A hostile tag of many segments against several "**" must not take time that grows with a power of its length.
func TestIndexManySegments(t *testing.T) {
	x := newIndex()
	p, err := event.ParsePattern("**/a/**/a/**/a/**/a/**/a/**/b")
	if err != nil {
		t.Fatal(err)
	}
	x.add(p, hit{})
	s := new(search)
	tag := strings.TrimSuffix(strings.Repeat("a/", event.MaxTag/2), "/")
	if got := x.match(s, tag); got != nil {
		t.Fatalf("matched: %v", got)
	}
	if got := x.match(s, tag+"/b"); len(got) != 1 {
		t.Fatalf("not matched: %v", got)
	}
}

// The round counter is reset before an old mark could be taken for a new one.
func TestIndexRoundWraps(t *testing.T) {
	x := newIndex()
	p, _ := event.ParsePattern("a/*/c")
	x.add(p, hit{})
	s := new(search)
	x.match(s, "a/b/c")
	s.round = ^uint32(0) - 1
	for range 4 {
		if len(x.match(s, "a/b/c")) != 1 || len(x.match(s, "a/b/d")) != 0 {
			t.Fatal("the search went wrong when its counter wrapped")
		}
	}
}
