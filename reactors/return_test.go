package reactors

import (
	"testing"
	"time"
)

// After a start the minions come back first: what was due meanwhile is due half a minute later, or as long as the wait, and what happened in
// time and is told only then ends it. What begins after the start is not put off.
func TestWaitsForMinionsToReturn(t *testing.T) {
	set := mustLoad(t, `
long:
  on: {absent: b, after: a, within: 1h, by: [data.n]}
  do: {event.fire: c}
short:
  on: {absent: b, after: a, within: 10s, by: [data.n]}
  do: {event.fire: c}
`)
	old := New(set)
	for n := range 2 {
		e := fired(t, time.Duration(n), "", "a", map[string]any{"n": n})
		e.Pos = uint64(n + 1)
		old.Step(e, World{})
	}
	r := New(set)
	for _, kv := range old.Dirty() {
		if err := r.Restore(kv.Key, kv.Value); err != nil {
			t.Fatal(err)
		}
	}
	back := time.Hour + time.Second
	due := func(after time.Duration) (names []string) {
		for _, tm := range r.Due(start.Add(after)) {
			names = append(names, tm.Rule+tm.Key)
		}
		return names
	}
	if got := due(back); len(got) > 0 {
		t.Fatalf("due at the start: %v", got)
	}
	if at, ok := r.Next(); !ok || !at.Equal(start.Add(back+10*time.Second)) {
		t.Errorf("next timer at %s", at)
	}
	late := fired(t, back+time.Second, "web1", "brine/x", nil)
	late.Tag, late.Minion, late.Data = "b", "", encode(t, map[string]any{"n": 0})
	if v := r.Step(late, World{}); v[0].Outcome != Fired || v[1].Outcome != Fired {
		t.Errorf("what happens after the deadline ends no wait: %+v", v)
	}
	if got := due(back + 10*time.Second); len(got) != 1 || got[0] != "short[1]" {
		t.Errorf("due after ten seconds: %v", got)
	}
	if got := due(back + 30*time.Second); len(got) != 2 {
		t.Errorf("due after half a minute: %v", got)
	}
}

// What a minion saw before the deadline, and tells when it is back, is in time as long as the timer has not been told.
func TestToldLateAndInTime(t *testing.T) {
	r := New(mustLoad(t, "r:\n  on: {absent: b, after: a, within: 1h}\n  from: '*'\n  do: {event.fire: c}\n"))
	r.Step(fired(t, 0, "", "a", nil), World{})
	b := fired(t, 2*time.Hour, "web1", "b", nil)
	b.Time = start.Add(30 * time.Minute)
	if v := r.Step(b, World{})[0]; v.Outcome != No {
		t.Errorf("told late, and in time: %+v", v)
	}
	b.Time = start.Add(-time.Minute)
	r.Step(fired(t, 3*time.Hour, "", "a", nil), World{})
	b.Received = start.Add(5 * time.Hour)
	if v := r.Step(b, World{})[0]; v.Outcome != Fired {
		t.Errorf("from before the wait began: %+v", v)
	}
}
