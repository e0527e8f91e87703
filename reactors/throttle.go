package reactors

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"brine/internal/event"
)

// Bounds of throttles.
const (
	maxWindow  = 30 * 24 * time.Hour
	maxWindows = 10_000 // open windows of one rule; with that many, what would need another fires un-throttled
	maxHeld    = 1000   // distinct decisions that one window holds back; what is past it fires at once
	maxKey     = 200    // bytes of a window's key that are kept as they are
	maxTimers  = 1000   // what one Due gives
)

// A window opens when a throttled rule fires and ends once_within later. Time is event.Event.Received: the master's
// clock, which never decreases along the log, so that a minion whose clock is wrong or which was away for a week neither
// prolongs nor cuts a window short. A window is over for an event received at its end or later.
type window struct {
	rule, key string
	until     int64               // Unix nanoseconds
	print     string              // of the throttle that opened it
	held      map[string]Decision // by digest: what runs once more when the window ends
	count     int                 // events held back with them
	causes    []event.ID          // of the last of these events, at most event.MaxCauses
	depth     uint8               // of the deepest of them
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
	return w
}

func compareWindows(a, b *window) int {
	return cmp.Or(cmp.Compare(a.until, b.until), cmp.Compare(a.rule, b.rule), cmp.Compare(a.key, b.key))
}

// throttles are all open windows. Those that hold something stay until they have been asked for it; others are forgotten
// once they are over.
type throttles struct {
	windows  map[windowID]*window
	ofRule   map[string]int // windows
	idle     windowHeap     // that hold nothing
	holding  windowHeap
	dirty    map[string]bool // keys of the state that have changed
	unbound  uint64          // fired un-throttled for want of room
	heldBack uint64          // events
}

func newThrottles() *throttles {
	return &throttles{windows: make(map[windowID]*window), ofRule: make(map[string]int), dirty: make(map[string]bool)}
}

// expire forgets the windows that are over and hold nothing. That changes no verdict, for an open window is what counts.
func (t *throttles) expire(now int64) {
	for len(t.idle) > 0 && t.idle[0].until <= now {
		t.drop(t.idle[0])
	}
}

// open starts the rule's window for key, or starts it anew. It reports false when the rule has too many.
func (t *throttles) open(r *rule, key string, now int64) bool {
	w := t.windows[windowID{r.name, key}]
	if w == nil {
		if t.ofRule[r.name] >= maxWindows {
			t.unbound++
			return false
		}
		w = t.add(r.name, key)
	}
	t.release(w)
	w.until, w.print = now+int64(r.within), r.print
	t.place(w)
	t.dirty[w.stateKey()] = true
	return true
}

// add puts an empty window in; the caller places it.
func (t *throttles) add(rule, key string) *window {
	w := &window{rule: rule, key: key}
	t.windows[windowID{rule, key}] = w
	t.ofRule[rule]++
	return w
}

// place puts the window where it belongs among the others.
func (t *throttles) place(w *window) {
	want := &t.idle
	if len(w.held) > 0 {
		want = &t.holding
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

// release forgets what the window holds.
func (t *throttles) release(w *window) {
	for digest := range w.held {
		t.dirty[w.heldKey(digest)] = true
	}
	w.held, w.count, w.causes, w.depth = nil, 0, nil, 0
}

func (t *throttles) drop(w *window) {
	t.release(w)
	heap.Remove(w.heap, w.place)
	delete(t.windows, windowID{w.rule, w.key})
	if t.ofRule[w.rule]--; t.ofRule[w.rule] == 0 {
		delete(t.ofRule, w.rule)
	}
	t.dirty[w.stateKey()] = true
}

// hold keeps a decision until the window ends; the same one is kept once. It reports false when the window is full.
func (t *throttles) hold(w *window, d Decision) bool {
	digest := d.digest()
	if _, ok := w.held[digest]; !ok {
		if len(w.held) >= maxHeld {
			t.unbound++
			return false
		}
		if w.held == nil {
			w.held = make(map[string]Decision)
		}
		w.held[digest] = d
		t.dirty[w.heldKey(digest)] = true
	}
	return true
}

// heldFor counts an event among those that the window holds something back for.
func (t *throttles) heldFor(w *window, e *event.Event) {
	t.heldBack++
	w.count++
	w.depth = max(w.depth, e.Depth)
	if w.causes = append(w.causes, e.ID); len(w.causes) > event.MaxCauses {
		w.causes = slices.Clone(w.causes[1:])
	}
	t.place(w)
	t.dirty[w.stateKey()] = true
}

// taken gives the held decisions in a fixed order, those for lists of minions as one a step, without what decided has for
// minion already. A decision made before the rule changed, and so with other arguments than another of its step, gets a Step of
// its own past all that a rule can have, so that its jid is its own too.
func (w *window) taken(decided []Decision, minion string) []Decision {
	groups := make(map[string]*Decision)
	ids := make(map[string][]string)
	for _, d := range w.held {
		group, tgt := d, d.Tgt
		if d.TgtType == "list" {
			group.Tgt = ""
		}
		key := group.digest()
		groups[key] = &group
		ids[key] = append(ids[key], strings.Split(tgt, ",")...)
	}
	out := make([]Decision, 0, len(groups))
	for key, d := range groups {
		if d.TgtType == "list" {
			d.Tgt = strings.Join(without(ids[key], decided, d, minion), ",")
		}
		if d.Tgt != "" {
			out = append(out, *d)
		}
	}
	slices.SortFunc(out, func(a, b Decision) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.TgtType, b.TgtType), cmp.Compare(a.Tgt, b.Tgt),
			cmp.Compare(a.digest(), b.digest()))
	})
	return distinct(out, decided)
}

// without sorts the minions of a held decision and drops the one for which the same is decided just now.
func without(ids []string, decided []Decision, held *Decision, minion string) []string {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, d := range decided {
		if d.TgtType == "" && d.Step == held.Step && d.sameArgs(held) {
			ids = slices.DeleteFunc(ids, func(id string) bool { return id == minion })
		}
	}
	return ids
}

// distinct gives decisions whose arguments differ from those of their step's first one a step of their own.
func distinct(ds, decided []Decision) []Decision {
	first := make(map[int]*Decision)
	for i := range decided {
		first[decided[i].Step] = &decided[i]
	}
	spare := maxSteps
	for i := range ds {
		d := &ds[i]
		if f := first[d.Step]; f == nil {
			first[d.Step] = d
		} else if !f.sameArgs(d) {
			d.Step, spare = spare, spare+1
		}
	}
	return ds
}

func (d *Decision) sameArgs(o *Decision) bool {
	return d.Fun == o.Fun && d.Args.Test == o.Args.Test && slices.Equal(d.Args.SLS, o.Args.SLS)
}

// digest tells decisions of one rule apart.
func (d Decision) digest() string {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // plain values only
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// windowKey makes the key of a window out of the values of by: a JSON list, cut and hashed where it is long.
func windowKey(v *variant, s *scope) (string, error) {
	values := make([]any, len(v.by))
	for i, x := range v.by {
		got, err := x.eval(s)
		if err != nil {
			return "", err
		}
		if values[i], err = plain(got); err != nil {
			return "", fmt.Errorf("%s: %w", x.at.String(0), err)
		}
	}
	b, err := json.Marshal(values)
	if err != nil {
		return "", fmt.Errorf("throttle by: %w", err)
	}
	if len(b) <= maxKey {
		return string(b), nil
	}
	sum := sha256.Sum256(b)
	return strings.ToValidUTF8(string(b[:maxKey]), "") + "#" + hex.EncodeToString(sum[:16]), nil
}

// fingerprint tells one throttle from another.
func fingerprint(within time.Duration, by []string) string {
	sum := sha256.Sum256([]byte(within.String() + "\x00" + strings.Join(by, "\x00")))
	return hex.EncodeToString(sum[:8])
}
