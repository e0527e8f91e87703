package eventlog

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"brine/internal/event"
)

func TestSegmentKeepsItsBounds(t *testing.T) {
	for _, c := range []struct {
		what  string
		tag   func(i int) string
		depth int
		finds string // a pattern that must lead to few blocks, though tags were cut
		few   int
	}{
		{"few tags", func(i int) string { return fmt.Sprintf("a/%d", i%100) }, 0, "a/7", 64},
		{"a path for every event", func(i int) string { return fmt.Sprintf("brine/beacon/web%d/file/var/%d", i/64, i) }, 5, "brine/beacon/web3/**", 1},
		{"a minion for every event", func(i int) string { return fmt.Sprintf("brine/minion/m%d/start", i) }, 2, "brine/job/**", 0},
		{"nothing in common", func(i int) string { return fmt.Sprintf("t%d/x", i) }, anyTag, "t1/x", 64},
		{"long ones", func(i int) string { return fmt.Sprintf("l/%d/%s", i, strings.Repeat("x", 900)) }, 1, "m/**", 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := newSegment(1)
			for i := range segmentSize {
				s.add(segmentSize+uint64(i), c.tag(i), event.ID{Origin: "web1", Inc: 1, Seq: uint64(i + 1)})
			}
			if s.depth != c.depth || len(s.tags) > maxSegmentTags || s.bytes > maxSegmentTagBytes {
				t.Errorf("depth %d, %d tags, %d bytes", s.depth, len(s.tags), s.bytes)
			}
			if n := len(s.encode()); n > 2*maxSegmentTagBytes {
				t.Errorf("%d bytes encoded", n)
			}
			m := mustMatcher(t, c.finds)
			if n := bits.OnesCount64(m.mask(s)); n > c.few {
				t.Errorf("pattern %s leads to %d blocks", c.finds, n)
			}
		})
	}
}

func mustMatcher(t interface{ Fatal(...any) }, text string) *matcher {
	p, err := event.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMatcher(&p, "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestSegmentNeverMisses: whatever the tags, the blocks of all that matches are among those that the index names, in
// memory and stored alike.
func TestSegmentNeverMisses(t *testing.T) {
	part := rapid.StringMatching(`[ab]{1,2}`)
	rapid.Check(t, func(rt *rapid.T) {
		s := newSegment(0)
		tags := map[uint64]string{}
		for i := range rapid.IntRange(1, 200).Draw(rt, "events") {
			pos := uint64(i*20 + 1)
			tags[pos] = strings.Join(rapid.SliceOfN(part, 1, 4).Draw(rt, "tag"), "/")
			s.add(pos, tags[pos], event.ID{Origin: "web1", Inc: 1, Seq: pos})
		}
		if depth := rapid.IntRange(0, 4).Draw(rt, "depth"); depth > 0 { // cut although there are few
			s.cutTo(depth)
		}
		segs := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "*", "a*", "**"}), 1, 5).Draw(rt, "pattern")
		m := mustMatcher(rt, strings.Join(segs, "/"))
		memory, stored := m.mask(s), mustMatcher(rt, strings.Join(segs, "/")).view(s.encode())
		if memory != stored {
			rt.Fatalf("in memory %x, stored %x", memory, stored)
		}
		for pos, tag := range tags {
			if m.tag.Match(tag) && memory&blockBit(pos) == 0 {
				rt.Fatalf("pattern %s: %s at %d is missed, depth %d", m.tag, tag, pos, s.depth)
			}
		}
	})
}

func FuzzStoredValues(f *testing.F) {
	s := newSegment(0)
	for i := range 100 {
		s.add(uint64(i+1), fmt.Sprintf("a/%d", i), event.ID{Origin: fmt.Sprintf("web%d", i%3), Inc: 1, Seq: uint64(i + 1)})
	}
	f.Add(s.encode())
	f.Add([]byte{segmentVersion, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 'a'})
	rec := make([]byte, recordHead+4)
	putRecord(rec, 5, event.ID{Origin: "web1", Inc: 1, Seq: 1}, nil)
	f.Add(rec)
	f.Fuzz(func(t *testing.T, b []byte) {
		m := mustMatcher(t, "a/**/1*")
		m.minion, _ = parseGlob("web*")
		m.view(b)
		_ = s.compare(b)
		if r, err := parseRecord(b); err == nil {
			_, _ = r.event(1)
		}
		_, _, _ = parseRun(b)
		_, _ = parseHigh(append([]byte{kindHigh}, b...), b)
		_, _ = parseJob(jobKey("a", "b"), b)
		_, _ = unseal([]byte("k"), b)
		_, _, _ = jobOfTime(b)
		_ = keyName(b)
	})
}
