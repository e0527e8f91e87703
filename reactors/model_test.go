package reactors

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"brine/internal/event"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const modelRules = `
count:
  on: {pattern: x/a, count: 3, within: 10s, by: [data.k]}
  from: ['*']
  do: [{event.fire: {tag: out, data: {ids: "${events.map(e, e.id)}"}}}]
all:
  on: {all: [x/a, x/b, 'x/*'], within: 10s, by: [data.k]}
  from: ['*']
  do: [{event.fire: {tag: out, data: {ids: "${events.map(e, e.id)}"}}}]
sequence:
  on: {sequence: [x/a, {pattern: x/b, when: data.k != 'q'}, x/a], within: 10s, by: [data.k]}
  from: ['*']
  do: [{event.fire: {tag: out, data: {ids: "${events.map(e, e.id)}"}}}]
absent:
  on: {absent: x/b, after: x/a, within: 10s, by: [data.k]}
  from: ['*']
  do: [{event.fire: {tag: out, data: {ids: "${events.map(e, e.id)}"}}}]
silent:
  on: {absent: x/b, within: 10s}
  from: ['*']
  do: [{event.fire: {tag: out, data: {ids: "${events.map(e, e.id)}"}}}]
few:
  on: x/c
  from: ['*']
  throttle: {accumulate_within: 10s, threshold: 3, by: [data.k]}
  do: [{event.fire: {tag: out, data: {ids: "${events.map(e, e.id)}"}}}, {state.apply: x}]
gather:
  on: x/c
  from: ['*']
  throttle: {once_after: 10s, by: [data.k]}
  do: [{event.fire: {tag: out, data: {ids: "${events.map(e, e.id)}"}}}, {state.apply: x}]
`

// happening is one event of a random history, with what the model needs of it.
type happening struct {
	e      event.Event
	key    string // of data.k
	moment time.Duration
	at     time.Duration
}

// drawHistory makes events of three minions, some of which come late, and lets timers be told as a master does, or only later.
func drawHistory(t *rapid.T, set *Set) (log []event.Event, out [][]Verdict) {
	r := New(set)
	step := func(e event.Event) {
		e.Pos = uint64(len(log) + 1)
		e.ID = event.ID{Origin: event.Master, Inc: 1, Seq: e.Pos}
		log = append(log, e)
		out = append(out, r.Step(e, World{}))
	}
	now := start
	timers := func() {
		for _, tm := range r.Due(now) {
			tag, data := tm.Event()
			step(event.Event{Received: now, Tag: tag, Data: data, Causes: tm.Causes, Depth: tm.Depth})
		}
	}
	for range rapid.IntRange(1, 40).Draw(t, "events") {
		now = now.Add(time.Duration(rapid.IntRange(0, 6000).Draw(t, "ms")) * time.Millisecond)
		if rapid.IntRange(0, 3).Draw(t, "timers") > 0 {
			timers()
		}
		late := time.Duration(0)
		if rapid.IntRange(0, 4).Draw(t, "late") == 0 {
			late = time.Duration(rapid.IntRange(0, 30_000).Draw(t, "by")) * time.Millisecond
		}
		data, _ := event.Encode(map[string]any{"k": rapid.SampledFrom([]string{"p", "q"}).Draw(t, "k")})
		step(event.Event{Time: now.Add(-late), Received: now, Minion: rapid.SampledFrom([]string{"m", "n"}).Draw(t, "minion"),
			Tag: rapid.SampledFrom([]string{"x/a", "x/a", "x/b", "x/c"}).Draw(t, "tag"), Data: data})
	}
	now = now.Add(time.Hour)
	timers()
	timers()
	return log, out
}

// firings are the ids that each rule's event.fire told, in the order of the log.
func firings(out [][]Verdict) map[string][]string {
	got := map[string][]string{}
	for pos, vs := range out {
		for _, v := range vs {
			for _, d := range v.Decisions {
				if d.Fire != nil {
					var data struct {
						IDs []string `json:"ids"`
					}
					_ = d.Fire.Data.Decode(&data)
					got[v.Rule] = append(got[v.Rule], fmt.Sprint(pos+1, data.IDs))
				}
			}
		}
	}
	return got
}

// A slow second reading of the page that describes windows fires at the same events, for the same events.
func TestModel(t *testing.T) {
	set := mustLoad(t, modelRules)
	rapid.Check(t, func(t *rapid.T) {
		log, out := drawHistory(t, set)
		if diff := gocmp.Diff(model(log), firings(out)); diff != "" {
			t.Fatalf("the model (-) and the reactor (+) differ:\n%s", diff)
		}
	})
}

// waiting is a wait of the model's.
type waiting struct {
	until, since time.Duration
	of           []happening
}

// A history whose log is read again gives the same verdicts, with the reactor made anew out of what it stored wherever one likes; and what is
// stored is what there is.
func TestRestartAnywhere(t *testing.T) {
	set := mustLoad(t, modelRules)
	rapid.Check(t, func(t *rapid.T) {
		log, want := drawHistory(t, set)
		r, stored := New(set), map[string][]byte{}
		var got [][]Verdict
		for _, e := range log {
			got = append(got, r.Step(e, World{}))
			for _, kv := range r.Dirty() {
				if kv.Value == nil {
					delete(stored, kv.Key)
				} else {
					stored[kv.Key] = kv.Value
				}
			}
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				before := r.Stats()
				r = New(set)
				for k, v := range stored {
					if err := r.Restore(k, v); err != nil {
						t.Fatal(err)
					}
				}
				if rest := r.Dirty(); len(rest) > 0 {
					t.Fatalf("a restart changed the state: %v", rest)
				}
				after := r.Stats()
				if now := (Stats{Windows: before.Windows, Holding: before.Holding, Waiting: before.Waiting, Kept: before.Kept, Bytes: before.Bytes}); now != after {
					t.Fatalf("before the restart %+v, after it %+v", now, after)
				}
			}
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("verdicts differ after a restart:\n%s", diff)
		}
	})
}

// model looks at the whole history for each event anew.
func model(log []event.Event) map[string][]string {
	const within = 10 * time.Second
	m := map[string][]string{}
	used := map[string]int{} // by rule and key: what came up to there was used, or forgotten
	var hs []happening
	tell := func(rule string, pos int, ids ...happening) {
		texts := []string{}
		for _, h := range ids {
			texts = append(texts, h.e.ID.String())
		}
		m[rule] = append(m[rule], fmt.Sprint(pos, texts))
	}
	waits := map[string]*waiting{"silent": {until: log[0].Received.Sub(start) + within, since: log[0].Received.Sub(start)}}
	gather := map[string][]happening{}
	few := map[string][]happening{}
	for _, e := range log {
		h := happening{e: e, at: e.Received.Sub(start)}
		pos := int(e.Pos)
		var tm struct {
			Of  string    `json:"of"`
			Key string    `json:"key"`
			At  time.Time `json:"at"`
		}
		if e.Minion == "" {
			_ = e.Data.Decode(&tm)
			rule := e.Tag[len(timerPrefix) : len(e.Tag)-len(timerSuffix)]
			name := rule
			if tm.Key != "[]" {
				name += tm.Key[2:3]
			}
			if w := waits[name]; w != nil && w.until == tm.At.Sub(start) && tm.Of != "" {
				tell(rule, pos, w.ofOr(h)...)
				delete(waits, name)
			}
			if g := gather[name]; rule == "gather" && len(g) > 0 && g[0].at+within == tm.At.Sub(start) {
				tell(rule, pos, g...)
				delete(gather, name)
			}
			continue
		}
		var d struct {
			K string `json:"k"`
		}
		_ = e.Data.Decode(&d)
		h.key = d.K
		h.moment = min(h.at, e.Time.Sub(start)+lateGrace)
		hs = append(hs, h)
		for _, rule := range []string{"count", "all", "sequence"} {
			if chosen := modelChoose(rule, hs, used[rule+h.key]); chosen != nil {
				tell(rule, pos, chosen...)
				used[rule+h.key] = len(hs)
			}
		}
		for _, rule := range []string{"absent", "silent"} {
			name := rule
			if rule == "absent" {
				name += h.key
			}
			w := waits[name]
			if w != nil && w.until <= h.at && (e.Tag == "x/b" || e.Tag == "x/a" && rule == "absent") && !(e.Tag == "x/b" && h.moment >= w.since && h.moment < w.until) {
				tell(rule, pos, w.ofOr(h)...)
				delete(waits, name)
				w = nil
			}
			if e.Tag == "x/b" && w != nil && h.moment >= w.since {
				delete(waits, name)
			}
			if begins := map[string]string{"absent": "x/a", "silent": "x/b"}[rule]; e.Tag == begins && waits[name] == nil {
				waits[name] = &waiting{h.at + within, h.moment, []happening{h}}
			}
		}
		if e.Tag == "x/c" {
			key := "few" + h.key
			if f := few[key]; len(f) > 0 && h.at >= f[0].at+within {
				few[key] = nil
			}
			if few[key] = append(few[key], h); len(few[key]) == 3 {
				tell("few", pos, few[key]...)
				few[key] = nil
			}
			key = "gather" + h.key
			if g := gather[key]; len(g) > 0 && h.at >= g[0].at+within {
				tell("gather", pos, g...)
				gather[key] = nil
			}
			gather[key] = append(gather[key], h)
		}
	}
	return m
}

func (w *waiting) ofOr(h happening) []happening {
	if len(w.of) > 0 {
		return w.of
	}
	return []happening{}
}

// modelChoose picks the events that fulfil a condition with the last one, out of those after used.
func modelChoose(rule string, hs []happening, used int) []happening {
	last := hs[len(hs)-1]
	parts := func(h happening) (p []int) {
		switch tag := h.e.Tag; rule {
		case "count":
			if tag == "x/a" {
				p = []int{0}
			}
		case "all":
			p = map[string][]int{"x/a": {0, 2}, "x/b": {1, 2}, "x/c": {2}}[tag]
		case "sequence":
			if tag == "x/a" {
				p = []int{0, 2}
			} else if tag == "x/b" && h.key != "q" {
				p = []int{1}
			}
		}
		return p
	}
	if len(parts(last)) == 0 {
		return nil
	}
	// What counts: replay the window, event by event.
	var window []happening
	heard := time.Duration(0)
	for _, h := range hs[used:] {
		if h.key != last.key || len(parts(h)) == 0 {
			continue
		}
		if len(window) > 0 && h.at >= heard+10*time.Second {
			window = nil // nothing came for so long that it was forgotten
		}
		newest := time.Duration(-1 << 62)
		for _, w := range window {
			newest = max(newest, w.moment)
		}
		if len(window) > 0 && h.moment <= newest-10*time.Second {
			if h.e.Pos == last.e.Pos {
				return nil
			}
			continue // too late
		}
		heard = h.at
		window = append(window, h)
		newest = max(newest, h.moment)
		window = slices.DeleteFunc(window, func(w happening) bool { return w.moment <= newest-10*time.Second })
	}
	slices.SortStableFunc(window, byMoment)
	want := map[string][]int{"count": {0, 0, 0}, "all": {0, 1, 2}, "sequence": {0, 1, 2}}[rule]
	var chosen []happening
	switch rule {
	case "count":
		if len(window) >= 3 {
			chosen = window[len(window)-3:]
		}
	case "all":
		for _, p := range want {
			for i := len(window) - 1; i >= 0; i-- {
				if slices.Contains(parts(window[i]), p) {
					if !slices.ContainsFunc(chosen, func(h happening) bool { return h.e.Pos == window[i].e.Pos }) {
						chosen = append(chosen, window[i])
					}
					break
				}
				if i == 0 {
					return nil
				}
			}
		}
		slices.SortStableFunc(chosen, byMoment)
	case "sequence": // every chain, the one whose events are last
		for i := range window {
			for j := i + 1; j < len(window); j++ {
				for k := j + 1; k < len(window); k++ {
					if slices.Contains(parts(window[i]), 0) && slices.Contains(parts(window[j]), 1) && slices.Contains(parts(window[k]), 2) {
						if c := []happening{window[i], window[j], window[k]}; chosen == nil || later(c, chosen) {
							chosen = c
						}
					}
				}
			}
		}
	}
	return chosen
}

// later compares two chains from their ends.
func later(a, b []happening) bool {
	for i := len(a) - 1; i >= 0; i-- {
		if a[i].e.Pos != b[i].e.Pos {
			return a[i].moment > b[i].moment || a[i].moment == b[i].moment && a[i].e.Pos > b[i].e.Pos
		}
	}
	return false
}

func byMoment(a, b happening) int {
	return cmp.Or(cmp.Compare(a.moment, b.moment), cmp.Compare(a.e.Pos, b.e.Pos))
}
