package reactors

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"brine/internal/event"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const stateRules = `
one:
  on: brine/beacon/*/file/**
  throttle: {once_within: 3s, by: [minion]}
  do: [{state.apply: one}, {event.fire: {tag: "one/${minion}"}}]
all:
  on: brine/beacon/*/file/**
  throttle: {once_within: 5s}
  do: [{state.apply: all}, {state.apply: other, tgt: "db${data.n}", tgt_type: glob}]
half:
  on: brine/beacon/*/file/**
  when: data.?n.orValue(0) > 1
  throttle: {once_within: 2s, by: [data.n]}
  do: [{event.fire: {tag: half, data: {n: "${data.n}"}}}]
timed:
  on: brine/reactor/*/timer
  do: [{event.fire: timed}]
`

// history runs a reactor as a master does: the timers that are due before each event become events first.
type history struct {
	set    *Set
	r      *Reactor
	stored map[string][]byte
	seq    uint64
	out    [][]Verdict
}

func (h *history) step(e event.Event) {
	h.seq++
	e.ID, e.Pos = event.ID{Origin: event.Master, Inc: 1, Seq: h.seq}, h.seq
	h.out = append(h.out, h.r.Step(e, World{}))
	for _, kv := range h.r.Dirty() {
		if kv.Value == nil {
			delete(h.stored, kv.Key)
		} else {
			h.stored[kv.Key] = kv.Value
		}
	}
}

func (h *history) timers(now time.Time) {
	for _, t := range h.r.Due(now) {
		tag, data := t.Event()
		h.step(event.Event{Received: now, Tag: tag, Data: data, Causes: t.Causes, Depth: t.Depth})
	}
}

func (h *history) restart(t *rapid.T) {
	h.r = New(h.set)
	for k, v := range h.stored {
		if err := h.r.Restore(k, v); err != nil {
			t.Fatal(err)
		}
	}
}

// A history split anywhere by a restart gives the verdicts, timers and state of one that was not; and every minion that was
// held back is applied to in the end.
func TestRestartChangesNothing(t *testing.T) {
	set, faults := Load([]Source{{"rules.yaml", []byte(stateRules)}}, Env{})
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	rapid.Check(t, func(t *rapid.T) {
		type moment struct {
			after   int
			minion  string
			n       int
			timers  bool
			restart bool
		}
		moments := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) moment {
			return moment{rapid.IntRange(0, 2500).Draw(t, "ms"), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "minion"),
				rapid.IntRange(0, 3).Draw(t, "n"), rapid.Bool().Draw(t, "timers"), rapid.Bool().Draw(t, "restart")}
		}), 1, 40).Draw(t, "moments")
		run := func(restarts bool) *history {
			h := &history{set: set, r: New(set), stored: map[string][]byte{}}
			now := start
			for _, m := range moments {
				now = now.Add(time.Duration(m.after) * time.Millisecond)
				if restarts && m.restart {
					h.restart(t)
				}
				if m.timers {
					h.timers(now)
				}
				data, _ := event.Encode(map[string]any{"n": m.n})
				h.step(event.Event{Time: now, Received: now, Minion: m.minion, Tag: "brine/beacon/" + m.minion + "/file/x", Data: data})
			}
			h.timers(now.Add(time.Hour))
			h.timers(now.Add(2 * time.Hour))
			return h
		}
		whole, split := run(false), run(true)
		if diff := cmp.Diff(whole.out, split.out); diff != "" {
			t.Fatalf("verdicts differ after a restart (-whole +split):\n%s", diff)
		}
		if diff := cmp.Diff(whole.stored, split.stored); diff != "" {
			t.Fatalf("state differs after a restart:\n%s", diff)
		}
		if at, ok := whole.r.Next(); ok {
			t.Fatalf("a timer is left at %s", at)
		}
	})
}

// What a throttle held back runs: after the last event of each minion a state.apply names it, at that event or later.
func TestNothingHeldBackIsForgotten(t *testing.T) {
	set, _ := Load([]Source{{"rules.yaml", []byte(stateRules)}}, Env{})
	rapid.Check(t, func(t *rapid.T) {
		h := &history{set: set, r: New(set), stored: map[string][]byte{}}
		now := start
		pending := map[string]bool{} // rule and minion
		settle := func(from int) {
			for _, vs := range h.out[from:] {
				for _, v := range vs {
					for _, d := range v.Decisions {
						for m := range map[string]bool{"a": true, "b": true, "c": true} {
							if d.Fun == "state.apply" && d.TgtType == "list" && containsID(d.Tgt, m) {
								delete(pending, v.Rule+m)
							}
						}
					}
				}
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
			from := len(h.out)
			if rapid.Bool().Draw(t, "timers") {
				h.timers(now)
			}
			settle(from)
			m := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "minion")
			data, _ := event.Encode(map[string]any{"n": 0})
			from = len(h.out)
			h.step(event.Event{Time: now, Received: now, Minion: m, Tag: "brine/beacon/" + m + "/file/x", Data: data})
			settle(from)
			for _, v := range h.out[len(h.out)-1] {
				switch v.Outcome {
				case Throttled:
					pending[v.Rule+m] = true
				case Fired:
					delete(pending, v.Rule+m)
				}
			}
		}
		from := len(h.out)
		h.timers(now.Add(time.Minute))
		settle(from)
		if len(pending) > 0 {
			t.Fatalf("held back and never run: %v", pending)
		}
	})
}

func containsID(list, id string) bool {
	for _, m := range strings.Split(list, ",") {
		if m == id {
			return true
		}
	}
	return false
}

// At its bound a throttle lets pass what it has no room for, says so and counts it; closed windows make room first.
func TestWindowsAreBounded(t *testing.T) {
	r := New(mustLoad(t, `
r:
  on: a
  throttle: {once_within: 10s, by: [data.n]}
  do: {event.fire: b}
`))
	at := func(d time.Duration, n int) Verdict {
		return r.Step(fired(t, d, "", "a", map[string]any{"n": n}), World{})[0]
	}
	for n := range maxWindows {
		if v := at(0, n); v.Outcome != Fired || v.Why != "matches a" {
			t.Fatal(v)
		}
	}
	full := at(time.Second, maxWindows)
	again := at(2*time.Second, maxWindows)
	if full.Outcome != Fired || again.Outcome != Fired || r.Stats().Unthrottled != 2 || r.Stats().Windows != maxWindows {
		t.Fatalf("past the bound: %+v, %+v, %+v", full, again, r.Stats())
	}
	if want := "matches a; not throttled, for the rule has 10000 windows open already"; full.Why != want {
		t.Errorf("says %q, want %q", full.Why, want)
	}
	if v := at(3*time.Second, 5); v.Outcome != Throttled {
		t.Errorf("a window that is open no longer holds: %+v", v)
	}
	at(10*time.Second, maxWindows)
	if got := r.Stats().Windows; got != 1 {
		t.Errorf("%d windows are left after all but one closed", got)
	}
}

// A window that holds back as much as it may lets the next state pass at once: a file is never left wrong.
func TestHeldIsBounded(t *testing.T) {
	r := New(mustLoad(t, "r:\n  on: brine/beacon/**\n  throttle: {once_within: 10s}\n  do: {state.apply: motd}\n"))
	last := []Verdict(nil)
	for n := range maxHeld + 2 {
		m := fmt.Sprintf("m%d", n)
		last = r.Step(fired(t, time.Duration(n), m, "brine/beacon/"+m+"/file/x", nil), World{})
	}
	if v := last[0]; v.Outcome != Fired || len(v.Decisions) != 1 || v.Decisions[0].Tgt != fmt.Sprintf("m%d", maxHeld+1) {
		t.Errorf("past the bound: %+v", v)
	}
	timers := r.Due(start.Add(time.Minute))
	if len(timers) != 1 || len(timers[0].Causes) != event.MaxCauses {
		t.Fatalf("timers: %+v", timers)
	}
}

// Damaged and unknown pieces of state are told, and do not take the others with them.
func TestRestoreDamage(t *testing.T) {
	r := New(mustLoad(t, "r:\n  on: a\n  throttle: {once_within: 10s}\n  do: {event.fire: b}\n"))
	for key, value := range map[string]string{"": "", "w": "", "x/r/k": "{}", "w/r/[]": "{", "h/r/d": "{}", "h/r/d/[]": "[",
		"k/r/1": "{}", "k/r/1/[]": "[", "e/r/1/[]": "3", "c/r/[]": "", "o/web1": "soon", "o/": "3", "/r/[]": "{}"} {
		if err := r.Restore(key, []byte(value)); err == nil {
			t.Errorf("%q with %q was taken", key, value)
		}
	}
	if err := r.Restore("w/gone/[]", []byte("{}")); err != nil {
		t.Error(err)
	}
	if got := r.Dirty(); len(got) != 1 || got[0].Key != "w/gone/[]" || got[0].Value != nil {
		t.Errorf("state of a rule that is gone is not removed: %v", got)
	}
}
