package converge

import (
	"container/list"
	"sync"

	"brine/beacons"
)

// DefaultExpectations is how many paths are remembered unless said otherwise, some 400 bytes each: more than the largest tree has.
const DefaultExpectations = 1 << 17

// Expectations remember what Brine itself made of paths, so that a beacon can tell its own writes from a drift. An entry is
// made before the write. It stands for Brine's own doing until its event is on disk (Told), and says which state covers the path until the next
// write there, or until the bound pushes out the one written longest ago. It may be used from several goroutines.
type Expectations struct {
	mu    sync.Mutex
	max   int
	order *list.List // of *expectation, the oldest first
	byKey map[string]*list.Element
	stale map[string]bool // paths that were saved and stand for nothing more; at most max
}

type expectation struct {
	path  string
	e     beacons.Expected
	saved bool // by Unsaved, and neither told nor made anew since
}

// NewExpectations remembers at most max paths.
func NewExpectations(max int) *Expectations {
	if max <= 0 {
		max = DefaultExpectations
	}
	return &Expectations{max: max, order: list.New(), byKey: map[string]*list.Element{}, stale: map[string]bool{}}
}

// Announce says what a path is about to become.
func (x *Expectations) Announce(path string, e beacons.Expected) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if el, ok := x.byKey[path]; ok {
		x.outdate(el.Value.(*expectation))
		el.Value.(*expectation).e = e
		x.order.MoveToBack(el)
		return
	}
	for x.order.Len() >= x.max {
		x.remove(x.order.Front())
	}
	x.byKey[path] = x.order.PushBack(&expectation{path: path, e: e})
}

func (x *Expectations) remove(el *list.Element) {
	old := x.order.Remove(el).(*expectation)
	delete(x.byKey, old.path)
	x.outdate(old)
}

// outdate takes note that what was saved of a path holds no more.
func (x *Expectations) outdate(e *expectation) {
	if e.saved && len(x.stale) < x.max {
		x.stale[e.path] = true
	}
	e.saved = false
}

// Announced is what a path is about to become.
type Announced struct {
	Path     string           `json:"path"`
	Expected beacons.Expected `json:"expected"`
}

// Unsaved gives what is not told yet and was not given before, at most max, the latest of it; and the paths of what was given and stands for
// nothing more. Who keeps one and drops the other can announce it all again after a restart.
func (x *Expectations) Unsaved(max int) (list []Announced, stale []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for el := x.order.Back(); el != nil && len(list) < max; el = el.Prev() {
		e := el.Value.(*expectation)
		if e.saved || e.e.Told {
			continue
		}
		e.saved = true
		delete(x.stale, e.path)
		list = append(list, Announced{e.path, e.e})
	}
	for path := range x.stale {
		stale = append(stale, path)
	}
	clear(x.stale)
	return list, stale
}

// Recall announces what an earlier process has made of a path, and keeps: see Unsaved.
func (x *Expectations) Recall(a Announced) {
	x.Announce(a.Path, a.Expected)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.byKey[a.Path].Value.(*expectation).saved = true
}

// Own says what Brine itself lately made of a path, if it did. It is beacons.Env.Own.
func (x *Expectations) Own(path string) (beacons.Expected, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	el, ok := x.byKey[path]
	if !ok {
		return beacons.Expected{}, false
	}
	return el.Value.(*expectation).e, true
}

// Told takes note that the event of what Own gave is on disk: from now on who makes the same of the path is somebody else. It
// is beacons.Env.OwnTold.
func (x *Expectations) Told(path string, e beacons.Expected) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if el, ok := x.byKey[path]; ok && el.Value.(*expectation).e == e {
		el.Value.(*expectation).e.Told = true
		x.outdate(el.Value.(*expectation))
	}
}

// Forget drops what was announced and did not come to pass.
func (x *Expectations) Forget(path string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if el, ok := x.byKey[path]; ok {
		x.remove(el)
	}
}
