package reactors

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What windows take is bounded for one rule and for all, in number and in bytes; at a bound the verdict says so, and conditions that
// have a window go on.
func TestWindowMemoryIsBounded(t *testing.T) {
	var rules strings.Builder
	for n := range 10 {
		fmt.Fprintf(&rules, "r%d:\n  on: {pattern: a, count: 3, within: 1h, by: [data.n]}\n  do: {event.fire: b}\n", n)
	}
	r := New(mustLoad(t, rules.String()))
	text := strings.Repeat("x", maxSeenData-100)
	var last []Verdict
	for n := range 2 * maxWindows / 10 {
		last = r.Step(fired(t, time.Duration(n), "", "a", map[string]any{"n": n, "text": text}), World{})
		if got := r.throttles.all.bytes; got > maxAllBytes {
			t.Fatalf("%d bytes after %d events", got, n)
		}
		for name, u := range r.conditions.ofRule {
			if u.bytes > maxRuleBytes {
				t.Fatalf("rule %s: %d bytes after %d events", name, u.bytes, n)
			}
		}
	}
	if !strings.Contains(last[9].Bound, "MiB already") || !strings.Contains(last[9].Why, last[9].Bound) || last[9].Outcome != Waiting {
		t.Errorf("past the bound: %+v", last[9])
	}
	r.Step(fired(t, time.Hour-1, "", "a", map[string]any{"n": 0}), World{})
	last = r.Step(fired(t, time.Hour-1, "", "a", map[string]any{"n": 0}), World{})
	if last[0].Outcome != Fired {
		t.Errorf("a window that was there: %+v", last[0])
	}
	r.Step(fired(t, 3*time.Hour, "", "other", nil), World{})
	if s := r.Stats(); s.Bytes != 0 || s.Kept != 0 || s.Waiting != 0 || s.Uncounted == 0 {
		t.Errorf("when all are over: %+v", s)
	}
}

func TestConditionsAreBounded(t *testing.T) {
	r := New(mustLoad(t, "r:\n  on: {absent: b, after: a, within: 1h, by: [data.n]}\n  do: {event.fire: b}\n"))
	var v Verdict
	for n := range maxWindows + 1 {
		v = r.Step(fired(t, time.Duration(n), "", "a", map[string]any{"n": n}), World{})[0]
	}
	if want := "not waited for, for the rule has 10000 windows open already"; v.Why != want || v.Bound == "" {
		t.Errorf("says %q, want %q", v.Why, want)
	}
	if got := len(r.Due(start.Add(2 * time.Hour))); got != maxTimers {
		t.Errorf("%d timers at once", got)
	}
}

// A sequence that does not go on drops its oldest events, and says so; what only a late first part could have used goes without a word.
func TestSequenceIsBounded(t *testing.T) {
	r := New(mustLoad(t, "r:\n  on: {sequence: [a, b], within: 1h}\n  do: {event.fire: c}\n"))
	step := func(n int, tag string) Verdict {
		e := fired(t, time.Duration(n), "", tag, nil)
		e.Pos = uint64(n + 1)
		return r.Step(e, World{})[0]
	}
	for n := range maxKept {
		step(n, "a")
	}
	if v := step(maxKept, "a"); v.Bound == "" || r.Stats().Kept != maxKept {
		t.Errorf("past the bound: %+v, %+v", v, r.Stats())
	}
	if v := step(maxKept+1, "b"); v.Outcome != Fired || len(v.Causes) != 1 {
		t.Errorf("goes on: %+v", v)
	}
	for n := range 2 * maxKept {
		if v := step(2*maxKept+n, "b"); v.Bound != "" {
			t.Fatalf("b alone: %+v", v)
		}
	}
}

// Whatever comes, what windows keep of data stays in its bound, and the counts are true.
func TestKeptDataIsBounded(t *testing.T) {
	set := mustLoad(t, "r:\n  on: a\n  throttle: {once_after: 1h}\n  do: {event.fire: {tag: b, data: {n: \"${events.size()}\"}}}\n")
	rapid.Check(t, func(t *rapid.T) {
		r := New(set)
		for n := range rapid.IntRange(1, 120).Draw(t, "events") {
			e := masterFired(time.Duration(n), "a", map[string]any{"text": strings.Repeat("x", rapid.IntRange(0, 20_000).Draw(t, "bytes"))})
			e.Pos = uint64(n + 1)
			r.Step(e, World{})
			for _, w := range r.throttles.byID {
				data, bytes := 0, windowBytes+len(w.key)
				for i := range w.kept {
					data += len(w.kept[i].Data)
					bytes += w.kept[i].size()
				}
				if data > maxKeptData || bytes != w.bytes || bytes != r.Stats().Bytes {
					t.Fatalf("%d bytes of data, %d in all, and counted are %d and %d", data, bytes, w.bytes, r.Stats().Bytes)
				}
			}
		}
	})
}
