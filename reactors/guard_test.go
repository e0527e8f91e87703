package reactors

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"brine/internal/event"

	"pgregory.net/rapid"
)

func TestRate(t *testing.T) {
	for text, want := range map[string]string{
		"100/1m": "100/1m", "5 / 10s": "5/10s", "3/m": "3/1m", "10/1h": "10/1h", "10/90m": "10/1h30m", "none": "none",
		"0/1m": "", "-1/1m": "", "10": "", "10/": "", "/1m": "", "10/0s": "", "10/2d": "", "10/500ms": "", "a/1m": "", "1.5/1m": "", "": "",
	} {
		var r rate
		err := r.UnmarshalText([]byte(text))
		if got := r.String(); err == nil && got != want || err != nil && want != "" {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

// Rules that can go on for ever are told at load; those that may have an end of their own are not.
func TestCycles(t *testing.T) {
	for name, tt := range map[string]struct{ rules, want string }{
		"itself":         {"a: {on: ops/**, do: [{event.fire: ops/x}]}", "the rule fires what triggers it again"},
		"two":            {"a: {on: ops/a, do: [{event.fire: ops/b}]}\nb: {on: ops/b, do: [{event.fire: ops/a}]}", "rules trigger each other without end: a -> b -> a"},
		"inserted":       {"a: {on: ops/a, do: [{event.fire: 'b/${minion}/x'}]}\nb: {on: b/*/x, do: [{event.fire: ops/a}]}", "rules trigger each other without end: a -> b -> a"},
		"a chain":        {"a: {on: ops/a, do: [{event.fire: ops/b}]}\nb: {on: ops/b, do: [{event.fire: ops/c}]}", ""},
		"a condition":    {"a: {on: ops/a, when: data.n < 5, do: [{event.fire: ops/a}]}", ""},
		"a throttle":     {"a: {on: ops/a, throttle: {once_within: 1h}, do: [{event.fire: ops/a}]}", ""},
		"shadow":         {"a: {on: ops/a, mode: shadow, do: [{event.fire: ops/a}]}", ""},
		"another folder": {"a: {on: ops/a, do: [{event.fire: 'b/${minion}'}]}", ""},
	} {
		var got []string
		for _, w := range mustLoad(t, tt.rules).Warnings() {
			got = append(got, w.Msg)
		}
		if strings.Join(got, "; ") != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

const guardRules = `
apply:
  on: t/*
  max_rate: 3/10s
  do: [{state.apply: motd, tgt: '${tag.split("/")[1]}'}, {event.fire: ops/done}]
`

// guardModel is what a rule with max_rate 3/10s must do, written down as plainly as can be.
type guardModel struct {
	begun, fires int // the window's start, in seconds
	paused       int // until; 0: not
	suspended    bool
	ends, quiet  int // of the period that has to be quiet, and firings in it
	held         []string
	missed       int
}

func (m *guardModel) stopped() bool { return m.paused > 0 || m.suspended }

// fire gives the outcome and whether a suspension is told.
func (m *guardModel) fire(now int, minion string) (Outcome, bool) {
	told := false
	if !m.stopped() {
		if m.fires == 0 || now >= m.begun+10 {
			m.begun, m.fires = now, 0
		}
		if m.fires++; m.fires <= 3 {
			return Fired, false
		}
		m.suspended, m.ends, m.quiet, told = true, now+10, 0, true
	}
	m.missed++
	if !slices.Contains(m.held, minion) {
		m.held = append(m.held, minion)
	}
	if m.paused > 0 {
		return Paused, told
	}
	if now < m.due() {
		for now >= m.ends {
			m.ends, m.quiet = m.ends+10, 0
		}
		m.quiet++
	}
	return Suspended, told
}

// due is when the suspension ends: after a period with at most one firing, which is half of three.
func (m *guardModel) due() int {
	if m.quiet <= 1 {
		return m.ends
	}
	return m.ends + 10
}

// resume ends one or both, and gives what is let go.
func (m *guardModel) resume(was Outcome) []string {
	if was != Suspended {
		m.paused = 0
	}
	if was != Paused {
		m.suspended, m.fires = false, 0
	}
	if m.stopped() {
		return nil
	}
	held := m.held
	m.held, m.missed = nil, 0
	slices.Sort(held)
	return held
}

// guardPlayer drives a reactor as the master does, and makes it anew out of what it stored whenever it is told to.
type guardPlayer struct {
	t      *rapid.T
	set    *Set
	r      *Reactor
	stored map[string][]byte
	seq    uint64
	now    int
}

func (p *guardPlayer) step(tag, by string, data any) []Verdict {
	p.seq++
	e := event.Event{ID: event.ID{Origin: event.Master, Inc: 1, Seq: p.seq}, Tag: tag, By: by, Received: p.at(), Time: p.at()}
	var err error
	if e.Data, err = event.Encode(data); err != nil {
		p.t.Fatal(err)
	}
	v := p.r.Step(e, World{})
	for _, kv := range p.r.Dirty() {
		if kv.Value == nil {
			delete(p.stored, kv.Key)
		} else {
			p.stored[kv.Key] = kv.Value
		}
	}
	return v
}

func (p *guardPlayer) at() time.Time { return start.Add(time.Duration(p.now) * time.Second) }

func (p *guardPlayer) restart() {
	p.r = New(p.set)
	for k, v := range p.stored {
		if err := p.r.Restore(k, v); err != nil {
			p.t.Fatal(err)
		}
	}
}

// targets of the states that were let go.
func targets(vs []Verdict) (list []string) {
	for _, v := range vs {
		for _, d := range v.Decisions {
			list = append(list, d.Tgt)
		}
	}
	return list
}

// Random storms, pauses, ends and restarts: the reactor does what the plain model does, wherever it is made anew.
func TestGuardsAgreeWithAModel(t *testing.T) {
	set := mustLoad(t, guardRules)
	rapid.Check(t, func(t *rapid.T) {
		p := &guardPlayer{t: t, set: set, r: New(set), stored: map[string][]byte{}}
		m := &guardModel{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"fire", "fire", "fire", "fire", "fire", "wait", "wait", "pause", "resume", "restart"}).Draw(t, "what") {
			case "fire":
				minion := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "minion")
				want, told := m.fire(p.now, minion)
				v := p.step("t/"+minion, "", nil)
				if len(v) != 1 || v[0].Outcome != want || (v[0].Tell != nil) != told || (want == Fired) != (len(v[0].Decisions) == 2) || (want != Fired) != (len(v[0].Would) == 2) {
					t.Fatalf("at %ds: %+v, want %s, told %v", p.now, v, want, told)
				}
			case "wait":
				p.wait(t, m, rapid.IntRange(1, 25).Draw(t, "seconds"))
			case "pause":
				m.paused = p.now + rapid.IntRange(1, 30).Draw(t, "for")
				tell := Pausing("apply", start.Add(time.Duration(m.paused)*time.Second), "w")
				p.step(tell.Tag, "root", tell.Data)
			case "resume":
				was := m.stopped()
				want := m.resume("")
				tell := p.r.Resuming("apply", "", "w")
				if got := targets(p.step(tell.Tag, "root", tell.Data)); was && !slices.Equal(got, want) {
					t.Fatalf("let go %v, want %v", got, want)
				}
				if !was {
					m.fires = p.fires()
				}
			case "restart":
				p.restart()
			}
			p.compare(t, m)
		}
	})
}

// fires is what the reactor has counted: an operator's resume of a rule that acts changes nothing.
func (p *guardPlayer) fires() int {
	if o := p.r.guards.of["apply"]; o != nil {
		return o.fires
	}
	return 0
}

// wait lets seconds pass one by one, with the ends that are due.
func (p *guardPlayer) wait(t *rapid.T, m *guardModel, seconds int) {
	for range seconds {
		p.now++
		for due := p.r.Ended(p.at()); len(due) > 0; due = p.r.Ended(p.at()) { // two ends of one rule come one after the other
			tell := due[0]
			was := tell.Data.(ResumeData).Was
			if was == Paused && m.paused != p.now || was == Suspended && (!m.suspended || m.due() != p.now) {
				t.Fatalf("at %ds %s ended; the model: %+v", p.now, was, m)
			}
			want := m.resume(was)
			if got := targets(p.step(tell.Tag, "", tell.Data)); !slices.Equal(got, want) {
				t.Fatalf("let go %v, want %v", got, want)
			}
		}
		if m.paused > 0 && m.paused <= p.now {
			t.Fatalf("at %ds the pause is not over", p.now)
		}
	}
}

func (p *guardPlayer) compare(t *rapid.T, m *guardModel) {
	g, stopped := p.r.Guard("apply")
	got := fmt.Sprint(stopped, g.Held, g.Missed)
	want := fmt.Sprint(m.stopped(), len(m.held), m.missed)
	if got != want {
		t.Fatalf("at %ds %s, want %s: %+v", p.now, got, want, m)
	}
}
