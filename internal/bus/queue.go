package bus

import "sync"

// keepEntries is how many entries' memory an idle queue may keep; after a burst the rest is let go.
const keepEntries = 64

// queue holds what is to be written on one connection: many producers, one writer. What the writer has taken counts until it is
// written, so that a stalled peer cannot make it hold more than the bounds.
type queue[T any] struct {
	wake chan struct{} // holds a token when there may be something to take

	mu                 sync.Mutex
	items              []entry[T]
	count, bytes       int
	maxCount, maxBytes int
	closed             bool // nothing more is taken in
}

type entry[T any] struct {
	item T
	size int
}

func newQueue[T any](maxCount, maxBytes int) *queue[T] {
	return &queue[T]{wake: make(chan struct{}, 1), maxCount: maxCount, maxBytes: maxBytes}
}

// push takes an item of size bytes. It returns ErrSlow when it does not fit, and ErrClosed after close.
func (q *queue[T]) push(item T, size int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case q.count >= q.maxCount || q.bytes+size > q.maxBytes:
		return ErrSlow
	}
	q.add(item, size)
	return nil
}

// pushLast takes a last item beyond the bounds, and closes. It says false when the queue is closed already.
func (q *queue[T]) pushLast(item T, size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	q.add(item, size)
	return true
}

func (q *queue[T]) add(item T, size int) {
	q.items = append(q.items, entry[T]{item, size})
	q.count++
	q.bytes += size
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue[T]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// take returns all that waits, in order, and keeps the memory of spare for what comes.
func (q *queue[T]) take(spare []entry[T]) []entry[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := q.items
	q.items = spare[:0]
	return batch
}

// trim lets go of memory that only a burst needs.
func (q *queue[T]) trim() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 && cap(q.items) > keepEntries {
		q.items = nil
	}
}

// wrote says that an item of size bytes is no longer held.
func (q *queue[T]) wrote(size int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count--
	q.bytes -= size
}

// drained says that nothing is left and nothing will come.
func (q *queue[T]) drained() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && q.count == 0
}

func (q *queue[T]) size() (count, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count, q.bytes
}
