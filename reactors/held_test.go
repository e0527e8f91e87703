package reactors

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const singleRule = "r:\n  on: a\n  from: '*'\n%s  do: {state.single: {file.managed: {name: '${data.path}'}}}\n"

// A state that is written in the rule is held back as one that stands in a file: each that differs, once.
func TestSingleStatesAreHeldBack(t *testing.T) {
	for what, end := range map[string]func(*Reactor) Verdict{
		"  throttle: {once_within: 1m}\n": func(r *Reactor) Verdict {
			due := r.Due(start.Add(time.Hour))
			if len(due) != 1 {
				t.Fatalf("%d timers", len(due))
			}
			tag, data := due[0].Event()
			e := masterFired(time.Hour, tag, nil)
			e.Data = data
			return r.Step(e, World{})[0]
		},
		"  max_rate: 1/1m\n": func(r *Reactor) Verdict {
			ended := r.Ended(start.Add(time.Hour))
			if len(ended) != 1 {
				t.Fatalf("%d ended", len(ended))
			}
			return r.Step(masterFired(time.Hour, ended[0].Tag, ended[0].Data), World{})[0]
		},
	} {
		r := New(mustLoad(t, fmt.Sprintf(singleRule, what)))
		for i, path := range []string{"/0", "/a", "/b", "/a"} {
			r.Step(fired(t, time.Duration(i+1)*time.Millisecond, "web1", "a", map[string]any{"path": path}), World{})
		}
		v := end(r)
		if v.Outcome != Fired || len(v.Decisions) != 2 || v.Decisions[0].Step == v.Decisions[1].Step {
			t.Errorf("%s: %+v", strings.TrimSpace(what), v)
		}
	}
}

// What a suspended rule holds back is bounded in bytes too: the arguments of a state may be as long as an event.
func TestHeldBytesAreBounded(t *testing.T) {
	r := New(mustLoad(t, fmt.Sprintf(singleRule, "  max_rate: 1/1m\n")))
	long := strings.Repeat("x", 200_000)
	for i := range 200 {
		r.Step(fired(t, time.Duration(i+1), "web1", "a", map[string]any{"path": fmt.Sprint(i, long)}), World{})
	}
	o := r.guards.of["r"]
	if o.bytes > maxRuleBytes || o.lost == 0 || len(o.held)+o.lost != 199 {
		t.Errorf("%d bytes, %d held, %d lost", o.bytes, len(o.held), o.lost)
	}
	back := New(r.set)
	for _, kv := range r.Dirty() {
		if err := back.Restore(kv.Key, kv.Value); err != nil {
			t.Fatal(err)
		}
	}
	if got := back.guards.of["r"].bytes; got != o.bytes {
		t.Errorf("after a restart %d bytes, before %d", got, o.bytes)
	}
}

// Only the master's own events pause a rule, or let it act again: what a minion says of it changes nothing.
func TestMinionsPauseNothing(t *testing.T) {
	r := New(mustLoad(t, "r:\n  on: a\n  from: '*'\n  do: {event.fire: b}\n"))
	pausing := Pausing("r", start.Add(time.Hour), "mine")
	fires := func(at time.Duration, want Outcome) {
		t.Helper()
		if v := r.Step(fired(t, at, "web1", "a", nil), World{}); len(v) != 1 || v[0].Outcome != want {
			t.Errorf("%+v; want %s", v, want)
		}
	}
	r.Step(fired(t, 1, "web1", pausing.Tag, pausing.Data), World{})
	fires(2, Fired)
	r.Step(masterFired(3, pausing.Tag, pausing.Data), World{})
	fires(4, Paused)
	resuming := r.Resuming("r", "", "mine")
	r.Step(fired(t, 5, "web1", resuming.Tag, resuming.Data), World{})
	fires(6, Paused)
}
