package bus

import "time"

// pump is the one writer of a connection: it sends what is queued, flushes when the queue is empty, and calls beat when nothing
// was sent for idle (never when idle is zero). It returns nil when stop is closed, or when the queue was closed and all of it is
// flushed.
func pump[T any](l *link, q *queue[T], stop <-chan struct{}, idle time.Duration, send func(T) error, beat func() error) error {
	var tick <-chan time.Time
	var timer *time.Timer
	if idle > 0 {
		timer = time.NewTimer(idle)
		defer timer.Stop()
		tick = timer.C
	}
	last := time.Now()
	var spare []entry[T]
	for {
		select {
		case <-stop:
			return nil
		case <-q.wake:
			var err error
			if spare, err = drain(l, q, spare, send); err != nil {
				return err
			}
			if q.drained() {
				return nil
			}
			last = time.Now()
		case <-tick:
			// Looked at here, rather than set anew with each message: that would cost more than the message.
			rest := idle - time.Since(last)
			if rest <= 0 {
				if err := beat(); err != nil {
					return err
				}
				last, rest = time.Now(), idle
			}
			timer.Reset(rest)
		}
	}
}

// drain sends until the queue is empty, then flushes.
func drain[T any](l *link, q *queue[T], spare []entry[T], send func(T) error) ([]entry[T], error) {
	for {
		batch := q.take(spare)
		if len(batch) == 0 {
			q.trim()
			if cap(batch) > keepEntries {
				batch = nil
			}
			return batch, l.flush()
		}
		for i, e := range batch {
			if err := send(e.item); err != nil {
				return nil, err
			}
			q.wrote(e.size)
			batch[i] = entry[T]{}
		}
		spare = batch
	}
}
