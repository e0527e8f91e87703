package reactors

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"brine/internal/event"
)

// The state is kept as small pieces, so that one event writes little: a window w/<rule>/<key>, and each decision that it
// holds back h/<rule>/<digest>/<key>. Values are JSON. Neither a rule's name nor a digest holds a slash.
const (
	windowPrefix = "w/"
	heldPrefix   = "h/"
)

func (w *window) stateKey() string { return windowPrefix + w.rule + "/" + w.key }
func (w *window) heldKey(digest string) string {
	return heldPrefix + w.rule + "/" + digest + "/" + w.key
}

// windowState is a window as it is stored.
type windowState struct {
	Until  int64      `json:"until"` // Unix nanoseconds
	Print  string     `json:"print"`
	Count  int        `json:"count,omitempty"`
	Causes []event.ID `json:"causes,omitempty"`
	Depth  uint8      `json:"depth,omitempty"`
}

// Restore takes back one piece of state that Dirty once gave, before the first Step. Pieces may come in any order. A piece of
// a rule that is gone, or whose throttle has changed since, is dropped, which Dirty then says; but what such a throttle held back
// still runs. An error says that this piece cannot be read; the others can be restored without it.
func (r *Reactor) Restore(key string, value []byte) error {
	kind, rest, _ := strings.Cut(key, "/")
	rule, rest, ok := strings.Cut(rest, "/")
	if !ok || kind != "w" && kind != "h" {
		return fmt.Errorf("reactor state %q: unknown key", key)
	}
	if r.set.byName[rule] == nil {
		r.t.dirty[key] = true
		return nil
	}
	if kind == "h" {
		digest, rest, ok := strings.Cut(rest, "/")
		var d Decision
		if err := json.Unmarshal(value, &d); err != nil || !ok {
			return fmt.Errorf("reactor state %q: a decision held back cannot be read: %w", key, err)
		}
		w := r.t.window(rule, rest)
		if w.held == nil {
			w.held = make(map[string]Decision)
		}
		w.held[digest] = d
		r.t.place(w)
		return nil
	}
	var s windowState
	if err := json.Unmarshal(value, &s); err != nil {
		return fmt.Errorf("reactor state %q: a window cannot be read: %w", key, err)
	}
	w := r.t.window(rule, rest)
	w.until, w.print, w.count, w.causes, w.depth = s.Until, s.Print, s.Count, s.Causes, s.Depth
	r.t.place(w)
	return nil
}

// window finds or adds a window, already placed.
func (t *throttles) window(rule, key string) *window {
	w := t.windows[windowID{rule, key}]
	if w == nil {
		w = t.add(rule, key)
		t.place(w)
	}
	return w
}

// prune drops the windows that the rules in force do not know: of rules that are gone, and of throttles that have changed unless
// they hold something back.
func (r *Reactor) prune() {
	for id, w := range r.t.windows {
		rule := r.set.byName[id.rule]
		if rule == nil || rule.print != w.print && len(w.held) == 0 {
			r.t.drop(w)
		}
	}
}

// Dirty gives what changed of the state since it was last asked, sorted by key. Written in the same commit as the decisions
// and the cursor, it is what Restore needs to go on as if nothing had happened.
func (r *Reactor) Dirty() []KV {
	r.settle()
	if len(r.t.dirty) == 0 {
		return nil
	}
	kvs := make([]KV, 0, len(r.t.dirty))
	for key := range r.t.dirty {
		kvs = append(kvs, KV{Key: key, Value: r.t.stored(key)})
	}
	clear(r.t.dirty)
	slices.SortFunc(kvs, func(a, b KV) int { return strings.Compare(a.Key, b.Key) })
	return kvs
}

// stored is the present value of a key, nil when there is none any more.
func (t *throttles) stored(key string) []byte {
	kind, rest, _ := strings.Cut(key, "/")
	rule, rest, _ := strings.Cut(rest, "/")
	var value any
	if kind == "h" {
		digest, key, _ := strings.Cut(rest, "/")
		w := t.windows[windowID{rule, key}]
		if w == nil {
			return nil
		}
		d, ok := w.held[digest]
		if !ok {
			return nil
		}
		value = d
	} else {
		w := t.windows[windowID{rule, rest}]
		if w == nil {
			return nil
		}
		value = windowState{w.until, w.print, w.count, w.causes, w.depth}
	}
	b, err := json.Marshal(value)
	if err != nil {
		panic(err) // plain values only
	}
	return b
}

// Timer says that a window which holds something back ends. The caller appends it to the log as an event of the master's, with
// Event's tag and data, the causes and depth given here, and passes that event to Step.
type Timer struct {
	Rule   string
	Key    string // the values of the throttle's by, as a JSON list
	At     time.Time
	Causes []event.ID // the last events held back, at most event.MaxCauses
	Depth  uint8      // of the deepest of them: a timer is no link of a chain
}

// timerData is the data of a timer's event.
type timerData struct {
	Key string    `json:"key"`
	At  time.Time `json:"at"`
}

const (
	timerPrefix = event.Reserved + "reactor/"
	timerSuffix = "/timer"
)

// Event gives the tag and the data of the timer's event.
func (t Timer) Event() (tag string, data event.Data) {
	data, err := event.Encode(timerData{Key: t.Key, At: t.At})
	if err != nil {
		panic(err) // a key is bounded
	}
	return timerPrefix + t.Rule + timerSuffix, data
}

// Due gives the timers that have expired, the earliest first, at most maxTimers. It changes nothing: a timer stays due until
// Step has taken its event.
func (r *Reactor) Due(now time.Time) []Timer {
	var due []*window
	h, at := r.t.holding, now.UnixNano()
	var walk func(i int)
	walk = func(i int) {
		if i < len(h) && h[i].until <= at {
			due = append(due, h[i])
			walk(2*i + 1)
			walk(2*i + 2)
		}
	}
	walk(0)
	slices.SortFunc(due, compareWindows)
	timers := make([]Timer, 0, min(len(due), maxTimers))
	for _, w := range due[:cap(timers)] {
		timers = append(timers, Timer{w.rule, w.key, time.Unix(0, w.until).UTC(), slices.Clone(w.causes), w.depth})
	}
	return timers
}

// Next is when the next timer expires; false when none runs.
func (r *Reactor) Next() (time.Time, bool) {
	if len(r.t.holding) == 0 {
		return time.Time{}, false
	}
	return time.Unix(0, r.t.holding[0].until).UTC(), true
}
