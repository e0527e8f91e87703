package reactors

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
	"time"

	"brine/internal/event"
)

// noKey is the key of a window that is kept by nothing.
const noKey = "[]"

// Bounds of windows. What happens at each is told in the verdict, as Verdict.Bound.
const (
	maxWindow    = 30 * 24 * time.Hour
	maxWindows   = 10_000    // open windows of one rule, those of its throttle and of its condition apart
	maxHeld      = 1000      // distinct decisions that one window holds back; what is past it fires at once
	maxKept      = 1000      // events that one window keeps
	maxKeptData  = 256 << 10 // bytes of data that they keep; past it the oldest lose theirs
	maxKey       = 200       // bytes of a window's key that are kept as they are
	maxRuleBytes = 16 << 20  // that the windows of one rule take, about
	maxAllBytes  = 128 << 20 // that all windows take, about
	maxTimers    = 1000      // what one Due gives

	windowBytes = 320 // what a window takes beside its key, about
	heldBytes   = 600 // what a decision that is held back takes beside its target and its arguments, about
)

// A window is what a rule remembers for one value of its by: how often its throttle let it fire, or which events have come of
// those that its condition waits for. Where it ends is Received of an event, the master's clock, which never decreases along the
// log. A window is over for an event received at its end or later.
type window struct {
	rule, key string
	until     int64               // Unix nanoseconds
	due       int64               // when its timer is asked for: until, but for a wait that the master's absence cut short
	restored  bool                // not opened since the reactor was made
	print     string              // of the throttle or the condition that opened it
	timed     bool                // something happens at its end: it stays until the event of its timer has come
	since     int64               // of a wait: what happened before this moment does not end it
	held      map[string]Decision // by digest: what runs once more when the window ends
	count     int                 // events held back with them
	causes    []event.ID          // of the last of these events, at most event.MaxCauses
	depth     uint8               // of the deepest of them
	kept      []seen              // in the order in which they happened
	bytes     int                 // what it all takes, about
	heap      *windowHeap         // that it stands in
	place     int                 // there
}

// windowID names a window.
type windowID struct{ rule, key string }

// windowHeap orders windows by their end.
type windowHeap []*window

func (h windowHeap) Len() int           { return len(h) }
func (h windowHeap) Less(i, j int) bool { return compareWindows(h[i], h[j]) < 0 }
func (h windowHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push and Pop are heap.Interface.
func (h *windowHeap) Push(x any) {
	w := x.(*window)
	w.heap, w.place = h, len(*h)
	*h = append(*h, w)
}

// Pop takes the last.
func (h *windowHeap) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	w.heap = nil
	return w
}

func compareWindows(a, b *window) int {
	return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.rule, b.rule), cmp.Compare(a.key, b.key))
}

// usage is what windows take of what they may.
type usage struct{ windows, bytes int }

// windows are all open windows of one kind. Those at whose end something happens stay until they have been asked for it; others are
// forgotten once they are over.
type windows struct {
	keys     stateKeys
	byID     map[windowID]*window
	ofRule   map[string]*usage
	all      *usage     // of both kinds
	idle     windowHeap // that are only forgotten at their end
	timed    windowHeap
	dirty    map[string]bool // keys of the state that have changed
	unbound  uint64          // what there was no room for
	heldBack uint64          // events
}

func newWindows(keys stateKeys, dirty map[string]bool, all *usage) *windows {
	return &windows{keys: keys, byID: make(map[windowID]*window), ofRule: make(map[string]*usage), dirty: dirty, all: all}
}

// expire forgets the windows that are over and hold nothing. That changes no verdict, for an open window is what counts.
func (t *windows) expire(now int64) {
	for len(t.idle) > 0 && t.idle[0].until <= now {
		t.drop(t.idle[0])
	}
}

// get is the rule's window for a key; nil for none.
func (t *windows) get(rule, key string) *window { return t.byID[windowID{rule, key}] }

// open gives the rule's window for key an end, anew and empty, or makes it. It gives nil when the rule, or all of them, have too many.
func (t *windows) open(rule, key, print string, until int64) *window {
	w := t.get(rule, key)
	if w == nil {
		if u := t.ofRule[rule]; u != nil && u.windows >= maxWindows || !t.room(rule, windowBytes+len(key)) {
			t.unbound++
			return nil
		}
		w = t.add(rule, key)
	}
	t.release(w)
	w.until, w.print, w.timed, w.since = until, print, false, 0
	t.changed(w)
	return w
}

// room reports whether bytes more may be taken for a rule.
func (t *windows) room(rule string, bytes int) bool {
	u := t.ofRule[rule]
	return t.all.bytes+bytes <= maxAllBytes && (u == nil || u.bytes+bytes <= maxRuleBytes)
}

// add puts an empty window in; the caller places it.
func (t *windows) add(rule, key string) *window {
	w := &window{rule: rule, key: key}
	t.byID[windowID{rule, key}] = w
	u := t.ofRule[rule]
	if u == nil {
		u = &usage{}
		t.ofRule[rule] = u
	}
	u.windows++
	t.all.windows++
	t.take(w, windowBytes+len(key))
	return w
}

// take counts bytes that a window takes more, or less.
func (t *windows) take(w *window, bytes int) {
	w.bytes += bytes
	t.ofRule[w.rule].bytes += bytes
	t.all.bytes += bytes
}

// changed notes that what is kept of the window itself changed, and puts it where it belongs among the others.
func (t *windows) changed(w *window) {
	w.due, w.restored = w.until, false
	t.dirty[t.keys.window(w)] = true
	t.place(w)
}

func (t *windows) place(w *window) {
	want := &t.idle
	if w.timed || len(w.held) > 0 {
		want = &t.timed
	}
	if w.heap == want {
		heap.Fix(want, w.place)
		return
	}
	if w.heap != nil {
		heap.Remove(w.heap, w.place)
	}
	heap.Push(want, w)
}

// release forgets what the window holds and keeps.
func (t *windows) release(w *window) {
	for digest, d := range w.held {
		t.dirty[t.keys.heldOf(w, digest)] = true
		t.take(w, -d.size())
	}
	for i := range w.kept {
		t.dirty[t.keys.keptOf(w, w.kept[i].Pos)] = true
		t.take(w, -w.kept[i].size())
	}
	w.held, w.count, w.causes, w.depth, w.kept = nil, 0, nil, 0, nil
}

func (t *windows) drop(w *window) {
	t.release(w)
	t.take(w, -w.bytes)
	heap.Remove(w.heap, w.place)
	delete(t.byID, windowID{w.rule, w.key})
	t.all.windows--
	if u := t.ofRule[w.rule]; u.windows > 1 {
		u.windows--
	} else {
		delete(t.ofRule, w.rule)
	}
	t.dirty[t.keys.window(w)] = true
}

// keep puts an event into a window, by when it happened. Where room is short, it goes without its data, and those before it lose theirs;
// it reports false when even that does not do.
func (t *windows) keep(w *window, s seen) bool {
	if !t.room(w.rule, s.size()) {
		s.cut()
		for i := 0; i < len(w.kept) && !t.room(w.rule, s.size()); i++ {
			t.cut(w, i)
		}
	}
	if len(w.kept) >= maxKept || !t.room(w.rule, s.size()) {
		t.unbound++
		return false
	}
	at, _ := slices.BinarySearchFunc(w.kept, s, compareSeen)
	w.kept = slices.Insert(w.kept, at, s)
	t.take(w, s.size())
	t.dirty[t.keys.keptOf(w, s.Pos)] = true
	total := 0
	for i := range w.kept {
		total += len(w.kept[i].Data)
	}
	for i := 0; i < len(w.kept) && total > maxKeptData; i++ {
		total -= len(w.kept[i].Data)
		t.cut(w, i)
	}
	return true
}

// cut takes the data of an event that a window keeps.
func (t *windows) cut(w *window, i int) {
	s := &w.kept[i]
	if len(s.Data) == 0 {
		return
	}
	t.take(w, -len(s.Data))
	s.cut()
	t.dirty[t.keys.keptOf(w, s.Pos)] = true
}

// forgetAt drops some of the events that a window keeps.
func (t *windows) forgetAt(w *window, from, to int) {
	for i := range w.kept[from:to] {
		s := &w.kept[from+i]
		t.dirty[t.keys.keptOf(w, s.Pos)] = true
		t.take(w, -s.size())
	}
	w.kept = slices.Delete(w.kept, from, to)
}

// hold keeps a decision until the window ends; the same one is kept once. It reports false when the window is full.
func (t *windows) hold(w *window, d Decision) bool {
	digest := d.digest()
	if _, ok := w.held[digest]; ok {
		return true
	}
	if len(w.held) >= maxHeld || !t.room(w.rule, d.size()) {
		t.unbound++
		return false
	}
	if w.held == nil {
		w.held = make(map[string]Decision)
	}
	w.held[digest] = d
	t.take(w, d.size())
	t.dirty[t.keys.heldOf(w, digest)] = true
	return true
}

// heldFor counts an event among those that the window holds something back for.
func (t *windows) heldFor(w *window, e *event.Event) {
	t.heldBack++
	w.count++
	w.depth = max(w.depth, e.Depth)
	w.causes = addCause(w.causes, e.ID)
	t.changed(w)
}

// addCause keeps the last event.MaxCauses of them.
func addCause(causes []event.ID, id event.ID) []event.ID {
	if causes = append(causes, id); len(causes) > event.MaxCauses {
		causes = slices.Clone(causes[1:])
	}
	return causes
}

// nameOf says which window it is: `by minion="web1"`, or nothing when there is only one.
func nameOf(by []string, key string) string {
	if len(by) == 0 {
		return ""
	}
	return " by [" + clip(strings.Join(by, ", "), maxPart) + "] = " + clip(key, maxPart)
}
