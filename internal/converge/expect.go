package converge

import (
	"container/list"
	"sync"

	"brine/beacons"
)

// DefaultExpectations is how many paths are remembered unless said otherwise.
const DefaultExpectations = 16384

// Expectations remember what Brine itself made of paths, so that a beacon can tell its own writes from a drift. An entry is
// made before the write. It stands for Brine's own doing until its event is on disk (Told), and says which state covers the path until the next
// write there, or until the bound pushes out the one written longest ago. It may be used from several goroutines.
type Expectations struct {
	mu    sync.Mutex
	max   int
	order *list.List // of *expectation, the oldest first
	byKey map[string]*list.Element
}

type expectation struct {
	path string
	e    beacons.Expected
}

// NewExpectations remembers at most max paths.
func NewExpectations(max int) *Expectations {
	if max <= 0 {
		max = DefaultExpectations
	}
	return &Expectations{max: max, order: list.New(), byKey: map[string]*list.Element{}}
}

// Announce says what a path is about to become.
func (x *Expectations) Announce(path string, e beacons.Expected) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if el, ok := x.byKey[path]; ok {
		el.Value.(*expectation).e = e
		x.order.MoveToBack(el)
		return
	}
	for x.order.Len() >= x.max {
		old := x.order.Remove(x.order.Front()).(*expectation)
		delete(x.byKey, old.path)
	}
	x.byKey[path] = x.order.PushBack(&expectation{path, e})
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
	}
}

// Forget drops what was announced and did not come to pass.
func (x *Expectations) Forget(path string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if el, ok := x.byKey[path]; ok {
		x.order.Remove(el)
		delete(x.byKey, path)
	}
}
