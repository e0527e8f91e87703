package watch

import (
	"fmt"
	"sync"

	"brine/beacons"
)

// queue holds the notes of one target until its user has taken them, so that a slow user delays nobody else. A path that waits already
// is not added again. A goroutine delivers only while there is something to deliver.
type queue struct {
	whole string // the watched path
	note  func(beacons.Note)
	wg    *sync.WaitGroup

	mu      sync.Mutex
	order   []string
	pending map[string]beacons.Note
	running bool
	stopped bool

	calling sync.Mutex // held while note runs
}

// add never waits for the user.
func (q *queue) add(path string, rescan bool, lost string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	n, had := q.pending[path]
	if !had && len(q.order) >= maxPending {
		if rescan = true; lost == "" {
			lost = fmt.Sprintf("more than %d paths changed before they could be looked at", maxPending)
		}
		path, q.order, q.pending = q.whole, nil, nil
	}
	if q.pending == nil {
		q.pending = map[string]beacons.Note{}
	}
	if _, had := q.pending[path]; !had {
		q.order = append(q.order, path)
	}
	n.Path, n.Rescan = path, n.Rescan || rescan
	if lost != "" {
		n.Lost = lost
	}
	q.pending[path] = n
	if !q.running {
		q.running = true
		q.wg.Add(1)
		go q.deliver()
	}
}

// deliver calls note until nothing is pending.
func (q *queue) deliver() {
	defer q.wg.Done()
	for {
		q.mu.Lock()
		order, pending := q.order, q.pending
		q.order, q.pending = nil, nil
		if len(order) == 0 || q.stopped {
			q.running = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		for _, path := range order {
			if !q.call(pending[path]) {
				break
			}
		}
	}
}

func (q *queue) call(n beacons.Note) (goOn bool) {
	q.calling.Lock()
	defer q.calling.Unlock()
	q.mu.Lock()
	stopped := q.stopped
	q.mu.Unlock()
	if !stopped {
		q.note(n)
	}
	return !stopped
}

// stop returns when note runs no more and never will again.
func (q *queue) stop() {
	q.mu.Lock()
	q.stopped = true
	q.order, q.pending = nil, nil
	q.mu.Unlock()
	q.calling.Lock()
	defer q.calling.Unlock()
}
