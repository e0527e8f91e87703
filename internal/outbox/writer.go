package outbox

import (
	"errors"

	bolt "go.etcd.io/bbolt"
)

const (
	maxGroup  = 256      // transactions of callers that share one sync
	rideAcks  = 256      // acknowledged events that a Commit removes beside its own work
	flushAcks = 4096     // acknowledged events that one flush removes
	urgeAcks  = 8 * 1024 // acknowledged events that are flushed without waiting
)

// run is the one goroutine that changes the file.
func (o *Outbox) run() {
	defer close(o.exited)
	for {
		select {
		case r := <-o.requests:
			o.group(o.waiting(r))
		case call := <-o.calls:
			call()
		case <-o.urge:
			o.mu.Lock()
			o.armed = false
			o.mu.Unlock()
			o.tend()
		case <-o.stop:
			for {
				select {
				case r := <-o.requests:
					o.group(o.waiting(r))
					continue
				default:
				}
				break
			}
			o.flush()
			return
		}
	}
}

// waiting takes every request that waits, the first included.
func (o *Outbox) waiting(r *request) []*request {
	group := []*request{r}
	for len(group) < maxGroup {
		select {
		case r := <-o.requests:
			group = append(group, r)
		default:
			return group
		}
	}
	return group
}

// group commits what the callers ask, in one transaction, and answers them.
func (o *Outbox) group(group []*request) {
	o.try(group)
	var full []*request
	for _, r := range group {
		if errors.Is(r.err, ErrFull) {
			full = append(full, r)
		}
	}
	if len(full) > 0 && o.flush() {
		o.try(full)
	}
	o.settle(group)
	for _, r := range group {
		close(r.done)
	}
}

func (o *Outbox) try(group []*request) {
	done := 0
	err := o.update(func(c *change) error {
		if err := o.removeAcked(c, rideAcks); err != nil {
			return err
		}
		for _, r := range group {
			if r.first, r.err = c.apply(&r.tx, o.opt); r.err == nil {
				done++
			} else if !errors.Is(r.err, ErrFull) && !errors.Is(r.err, ErrTooBig) {
				return r.err
			}
		}
		if done == 0 {
			return errNothing
		}
		return nil
	})
	if err == nil || errors.Is(err, errNothing) {
		return
	}
	for _, r := range group {
		r.first, r.err = 0, err
	}
}

// errNothing ends a transaction that would change nothing.
var errNothing = errors.New("nothing to commit")

// settle counts, and remembers whether somebody was told that there is no room.
func (o *Outbox) settle(group []*request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range group {
		switch {
		case r.err == nil:
			o.stats.Commits++
		case errors.Is(r.err, ErrFull):
			o.stats.Full++
			if !o.full {
				o.full, o.room = true, make(chan struct{})
			}
		}
	}
}

// update runs one transaction, counters included, and returns when it is synced.
func (o *Outbox) update(fn func(*change) error) error {
	if err := o.isBroken(); err != nil {
		return err
	}
	o.mu.Lock()
	c := &change{book: o.book}
	o.mu.Unlock()
	var inside error // an error of fn: the transaction was rolled back in good order
	err := guard(func() error {
		return o.db.Update(func(tx *bolt.Tx) error {
			c.tx = tx
			if inside = fn(c); inside == nil {
				inside = c.keep()
			}
			return inside
		})
	})
	var p *panicError
	switch {
	case errors.As(err, &p):
		return o.fail(err)
	case err != nil && inside == nil && !o.landed(c.txid):
		return err
	case err != nil && inside != nil:
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.book = c.book
	o.stats.Syncs++
	if c.removed != 0 {
		o.settled(c.removed)
	}
	if o.full && o.roomy() {
		o.full = false
		close(o.room)
	}
	return err
}

// landed reports whether a transaction whose commit failed, as when the disk refuses to sync, is in the file all the same.
func (o *Outbox) landed(txid uint64) bool {
	landed := false
	err := guard(func() error {
		return o.db.View(func(tx *bolt.Tx) error {
			p, ok := kMeta.unseal(bookKey, tx.Bucket(kMeta.bucket()).Get(bookKey))
			b, err := decodeBook(p)
			landed = ok && err == nil && b.txid == txid
			return nil
		})
	})
	return err == nil && landed
}

// roomy reports whether enough is free again to wake those who wait.
func (o *Outbox) roomy() bool {
	limit := o.opt.MaxBytes - o.opt.ReserveBytes
	return o.book.used() <= limit-limit/16 || o.book.kinds[kEvents].count == 0
}

// tend writes pending acknowledgements and, when nothing is left, compacts.
func (o *Outbox) tend() {
	o.flush()
	o.compact()
}

// call runs fn on the writer's goroutine.
func (o *Outbox) call(fn func() error) error {
	result := make(chan error, 1)
	select {
	case o.calls <- func() { result <- fn() }:
		return <-result
	case <-o.exited:
		return ErrClosed
	}
}
