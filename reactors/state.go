package reactors

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"brine/internal/event"
)

// The state is kept as small pieces, so that one event writes little. Values are JSON. Neither a rule's name nor a digest nor a
// position holds a slash.
//
//	w/<rule>/<key>            a window of a throttle          c/<rule>/<key>         a window of a condition
//	h/<rule>/<digest>/<key>   a decision that it holds back
//	k/<rule>/<pos>/<key>      an event that it keeps          e/<rule>/<pos>/<key>   an event that it keeps
//	o/<minion>                how far a minion's clock is off, in nanoseconds
type stateKeys struct{ windowKind, heldKind, keptKind string }

var (
	throttleKeys  = stateKeys{"w", "h", "k"}
	conditionKeys = stateKeys{"c", "", "e"}
)

const offsetPrefix = "o/"

func (k stateKeys) window(w *window) string { return k.windowKind + "/" + w.rule + "/" + w.key }
func (k stateKeys) heldOf(w *window, digest string) string {
	return k.heldKind + "/" + w.rule + "/" + digest + "/" + w.key
}
func (k stateKeys) keptOf(w *window, pos uint64) string {
	return k.keptKind + "/" + w.rule + "/" + strconv.FormatUint(pos, 10) + "/" + w.key
}

// windowState is a window as it is stored.
type windowState struct {
	Until  int64      `json:"until"` // Unix nanoseconds
	Print  string     `json:"print"`
	Count  int        `json:"count,omitempty"`
	Causes []event.ID `json:"causes,omitempty"`
	Depth  uint8      `json:"depth,omitempty"`
	Timed  bool       `json:"timed,omitempty"`
	Since  int64      `json:"since,omitempty"`
}

// Restore takes back one piece of state that Dirty once gave, before the first Step. Pieces may come in any order. A piece of
// a rule that is gone, or whose throttle or condition has changed since, is dropped, which Dirty then says; but what such a throttle
// held back still runs. An error says that this piece cannot be read; the others can be restored without it.
func (r *Reactor) Restore(key string, value []byte) error {
	if isGuardKey(key) {
		return r.guards.restore(key, value)
	}
	kind, rest, _ := strings.Cut(key, "/")
	if kind == "o" {
		return r.clocks.restore(key, rest, value)
	}
	all := r.throttles
	if kind == conditionKeys.windowKind || kind == conditionKeys.keptKind {
		all = r.conditions
	}
	rule, rest, ok := strings.Cut(rest, "/")
	if !ok || kind == "" || !slices.Contains([]string{all.keys.windowKind, all.keys.heldKind, all.keys.keptKind}, kind) {
		return fmt.Errorf("reactor state %q: unknown key", key)
	}
	if r.set.byName[rule] == nil {
		r.dirty[key] = true
		return nil
	}
	if err := all.restore(kind, rule, rest, value); err != nil {
		return fmt.Errorf("reactor state %q: %w", key, err)
	}
	return nil
}

func (c *clocks) restore(key, minion string, value []byte) error {
	offset, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || minion == "" {
		return fmt.Errorf("reactor state %q: the offset of a clock cannot be read: %q", key, value)
	}
	c.offsets[minion] = offset
	return nil
}

func (t *windows) restore(kind, rule, rest string, value []byte) error {
	if kind == t.keys.windowKind {
		var s windowState
		if err := json.Unmarshal(value, &s); err != nil {
			return fmt.Errorf("a window cannot be read: %w", err)
		}
		w := t.window(rule, rest)
		w.until, w.print, w.count, w.causes, w.depth, w.timed, w.since = s.Until, s.Print, s.Count, s.Causes, s.Depth, s.Timed, s.Since
		w.due = w.until
		t.place(w)
		return nil
	}
	sub, key, ok := strings.Cut(rest, "/")
	if kind == t.keys.keptKind {
		var s seen
		if err := json.Unmarshal(value, &s); err != nil || !ok {
			return fmt.Errorf("an event that a window keeps cannot be read: %v", err)
		}
		w := t.window(rule, key)
		at, double := slices.BinarySearchFunc(w.kept, s, compareSeen)
		if !double {
			w.kept = slices.Insert(w.kept, at, s)
			t.take(w, s.size())
		}
		return nil
	}
	var d Decision
	if err := json.Unmarshal(value, &d); err != nil || !ok {
		return fmt.Errorf("a decision held back cannot be read: %v", err)
	}
	w := t.window(rule, key)
	if w.held == nil {
		w.held = make(map[string]Decision)
	}
	if was, double := w.held[sub]; double {
		t.take(w, -was.size())
	}
	w.held[sub] = d
	t.take(w, d.size())
	t.place(w)
	return nil
}

// window finds or adds a window, already placed.
func (t *windows) window(rule, key string) *window {
	w := t.get(rule, key)
	if w == nil {
		w = t.add(rule, key)
		w.restored = true
		t.place(w)
	}
	return w
}

// prune drops the windows that the rules in force do not know: of rules that are gone, and of throttles and conditions that have
// changed, unless a throttle holds something back.
func (r *Reactor) prune() {
	r.guards.prune(r.set)
	for _, w := range r.throttles.byID {
		rule := r.set.byName[w.rule]
		if rule == nil || (rule.throttle == nil || rule.throttle.print != w.print) && len(w.held) == 0 && !(w.timed && len(w.kept) > 0) {
			r.throttles.drop(w)
		}
	}
	for _, w := range r.conditions.byID {
		if rule := r.set.byName[w.rule]; rule == nil || rule.cond == nil || rule.cond.print != w.print {
			r.conditions.drop(w)
		}
	}
}

// Dirty gives what changed of the state since it was last asked, sorted by key. Written in the same commit as the decisions
// and the cursor, it is what Restore needs to go on as if nothing had happened.
func (r *Reactor) Dirty() []KV {
	r.settle()
	if len(r.dirty) == 0 {
		return nil
	}
	kvs := make([]KV, 0, len(r.dirty))
	for key := range r.dirty {
		kvs = append(kvs, KV{Key: key, Value: r.stored(key)})
	}
	clear(r.dirty)
	slices.SortFunc(kvs, func(a, b KV) int { return strings.Compare(a.Key, b.Key) })
	return kvs
}

// stored is the present value of a key, nil when there is none any more.
func (r *Reactor) stored(key string) []byte {
	if isGuardKey(key) {
		return r.guards.stored(key)
	}
	kind, rest, _ := strings.Cut(key, "/")
	switch kind {
	case "o":
		if offset, ok := r.clocks.offsets[rest]; ok {
			return strconv.AppendInt(nil, offset, 10)
		}
		return nil
	case conditionKeys.windowKind, conditionKeys.keptKind:
		return r.conditions.stored(kind, rest)
	}
	return r.throttles.stored(kind, rest)
}

func (t *windows) stored(kind, rest string) []byte {
	rule, key, _ := strings.Cut(rest, "/")
	sub := ""
	if kind != t.keys.windowKind {
		sub, key, _ = strings.Cut(key, "/")
	}
	w := t.get(rule, key)
	if w == nil {
		return nil
	}
	var value any
	switch kind {
	case t.keys.windowKind:
		value = windowState{w.until, w.print, w.count, w.causes, w.depth, w.timed, w.since}
	case t.keys.heldKind:
		d, ok := w.held[sub]
		if !ok {
			return nil
		}
		value = d
	default:
		pos, err := strconv.ParseUint(sub, 10, 64)
		i := slices.IndexFunc(w.kept, func(s seen) bool { return s.Pos == pos })
		if err != nil || i < 0 {
			return nil
		}
		value = &w.kept[i]
	}
	b, err := json.Marshal(value)
	if err != nil {
		panic(err) // plain values only
	}
	return b
}
