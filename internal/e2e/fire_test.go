package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/rig"
)

// gun fires events with numbers of their own through a minion's socket, for as long as it is told, whether the minion is there or not,
// and remembers which were accepted.
type gun struct {
	w      *world
	name   string
	client *api.Client

	mu       sync.Mutex
	next     int
	accepted map[int]event.ID
	news     chan struct{} // replaced and closed with each accepted event
	stop     context.CancelFunc
	done     chan struct{}
}

// aim makes a gun for a minion's socket. Its numbers are told by its name.
func (w *world) aim(m *rig.Minion, name string) *gun {
	return &gun{w: w, name: name, client: w.api(m), accepted: map[int]event.ID{}, news: make(chan struct{})}
}

type shot struct {
	Gun string `json:"gun"`
	N   int    `json:"n"`
}

// shoot fires once. An error leaves it open whether the event was made durable.
func (g *gun) shoot(ctx context.Context) error {
	g.mu.Lock()
	g.next++
	n := g.next
	g.mu.Unlock()
	data, err := event.Encode(shot{g.name, n})
	if err != nil {
		return err
	}
	fired, err := g.client.Fire(ctx, "e2e/"+g.name, data)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.accepted[n] = fired.ID
	close(g.news)
	g.news = make(chan struct{})
	return nil
}

// fire fires events until stopped.
func (g *gun) fire() {
	ctx, stop := context.WithCancel(g.w.ctx)
	g.stop, g.done = stop, make(chan struct{})
	go func() {
		defer close(g.done)
		for ctx.Err() == nil {
			if g.shoot(ctx) != nil {
				// Nobody listens: wait for as long as a look takes.
				_ = g.w.Wait(ctx, "the minion answers", func() (bool, error) {
					_, err := g.client.MinionStatus(ctx)
					return err == nil, nil
				})
			}
		}
	}()
}

func (g *gun) cease() {
	g.stop()
	<-g.done
}

// more waits until n more events have been accepted.
func (g *gun) more(n int) {
	for ; n > 0; n-- {
		g.mu.Lock()
		news := g.news
		g.mu.Unlock()
		select {
		case <-news:
		case <-g.w.ctx.Done():
			return // the caller's next wait says what is missing
		}
	}
}

func (g *gun) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.accepted)
}

// times is how often each number of each gun stands in the log, in a log that is checked on the way: positions without a hole, no id
// twice.
func (w *world) times() map[shot]int {
	w.t.Helper()
	ids, times := map[event.ID]bool{}, map[shot]int{}
	pos := uint64(0)
	for _, e := range w.events(api.Query{}) {
		if pos++; e.Pos != pos {
			w.t.Fatalf("position %d follows %d", e.Pos, pos-1)
		}
		if ids[e.ID] {
			w.t.Errorf("the event %s stands in the log twice", e.ID)
		}
		ids[e.ID] = true
		if m, _ := event.ParsePattern("e2e/*"); !m.Match(e.Tag) {
			continue
		}
		var s shot
		w.must(e.Data.Decode(&s))
		times[s]++
	}
	return times
}

// sequences checks that no incarnation of an origin has a hole. A renewed one begins where the one before it was.
func (w *world) sequences() {
	w.t.Helper()
	type origin struct {
		name string
		inc  event.Incarnation
	}
	last := map[origin]uint64{}
	for _, e := range w.events(api.Query{}) {
		o := origin{e.ID.Origin, e.ID.Inc}
		if before, ok := last[o]; ok && e.ID.Seq != before+1 {
			w.t.Errorf("position %d: %s follows sequence %d", e.Pos, e.ID, last[o])
		}
		last[o] = e.ID.Seq
	}
}

// once checks that each accepted event of the guns is in the log exactly once, and no other more than once.
func (w *world) once(guns ...*gun) {
	w.t.Helper()
	times := w.times()
	for _, g := range guns {
		for n, id := range g.accepted {
			if got := times[shot{g.name, n}]; got != 1 {
				w.t.Errorf("event %d of %s (%s) was accepted and stands in the log %d times", n, g.name, id, got)
			}
		}
	}
	for s, n := range times {
		if n > 1 {
			w.t.Errorf("event %d of %s stands in the log %d times", s.N, s.Gun, n)
		}
	}
}

// promised checks that the log has each accepted event under the id that its sender was told.
func (g *gun) promised() {
	g.w.t.Helper()
	for _, e := range g.w.tagged("e2e/"+g.name, 0) {
		var s shot
		g.w.must(e.Data.Decode(&s))
		if id, ok := g.accepted[s.N]; ok && id != e.ID {
			g.w.t.Errorf("event %d was accepted as %s and is kept as %s", s.N, id, e.ID)
		}
	}
}

// none checks that nothing was told under a tag.
func (w *world) none(tag string) {
	w.t.Helper()
	for _, e := range w.tagged(tag, 0) {
		data, _ := e.Data.MarshalJSON()
		w.t.Errorf("%d %s: %s", e.Pos, e.Tag, data)
	}
}

// drained waits until the minion has sent everything.
func (w *world) drained(m *rig.Minion) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s has sent everything", m.ID), func() bool { return w.unsent(m) == 0 })
}

// sized gives a number by whether the run is short.
func sized(full, short int) int {
	if testing.Short() {
		return short
	}
	return full
}
