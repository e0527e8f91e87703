package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"time"

	"brine/internal/event"
	"brine/internal/wire"

	bolt "go.etcd.io/bbolt"
)

// Ack takes note that the master has everything up to upTo; what it rejected goes to the dead letters. The events are removed
// with the next Commit, or after FlushDelay: a crash before that means only that they are sent again. ErrAhead: the master
// has more than was ever made here. What was acknowledged already is passed over.
func (o *Outbox) Ack(upTo uint64, rejected []wire.Rejection) error {
	s := o.State()
	if upTo >= s.Next {
		return fmt.Errorf("%w: up to %d, next is %d", ErrAhead, upTo, s.Next)
	}
	if upTo < s.First {
		return nil
	}
	sum, _ := o.sumOf(upTo)
	var keep []wire.Rejection
	for _, x := range rejected {
		if x.Seq >= s.First && x.Seq <= upTo {
			keep = append(keep, x)
		}
	}
	sort.Slice(keep, func(i, j int) bool { return keep[i].Seq < keep[j].Seq })
	if o.take(pending{upTo, sum, keep}) {
		return o.call(func() error { o.flush(); return nil })
	}
	return nil
}

// take merges an acknowledgement into what is pending. It reports whether so much is pending that the caller has to wait for it.
func (o *Outbox) take(p pending) (wait bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.state()
	if p.upTo < s.First || p.upTo >= s.Next {
		return false // another Ack, or Renew, was faster
	}
	for _, x := range p.rejected {
		if x.Seq >= s.First {
			o.pend.rejected = append(o.pend.rejected, x)
		}
	}
	o.pend.upTo, o.pend.sum = p.upTo, p.sum
	switch waits := o.pend.upTo - o.book.first + 1; {
	case len(o.pend.rejected) > 4*wire.MaxRejected:
		return true
	case waits > urgeAcks || o.full:
		o.wake()
	case !o.armed:
		o.armed = true
		o.timer.Reset(o.opt.FlushDelay)
	}
	return false
}

// wake makes the writer flush.
func (o *Outbox) wake() {
	select {
	case o.urge <- struct{}{}:
	default:
	}
}

// flush writes all pending acknowledgements and reports whether there were any.
func (o *Outbox) flush() bool {
	any := false
	for {
		o.mu.Lock()
		empty := o.pend.upTo == 0
		o.mu.Unlock()
		if empty {
			return any
		}
		err := o.update(func(c *change) error { return o.removeAcked(c, flushAcks) })
		if err != nil {
			o.opt.Log.Error("outbox: acknowledgements are not written", "error", err)
			o.timer.Reset(o.opt.FlushDelay) // to try again; Close stops it
			return any
		}
		any = true
	}
}

// removeAcked removes at most limit of the events that are acknowledged, oldest first.
func (o *Outbox) removeAcked(c *change, limit uint64) error {
	o.mu.Lock()
	p := o.pend
	o.mu.Unlock()
	if p.upTo == 0 {
		return nil
	}
	last := min(p.upTo, c.first+limit-1)
	var raw []byte
	for seq := c.first; seq <= last; seq++ {
		key := ordinal(seq)
		var ok bool
		if raw, _, ok = c.get(kEvents, key); !ok {
			raw = nil
		}
		for len(p.rejected) > 0 && p.rejected[0].Seq <= seq {
			if err := c.bury(p.rejected[0], raw, o.opt); err != nil {
				return err
			}
			p.rejected = p.rejected[1:]
		}
		c.ackedSum = p.sum
		if seq == last && last < p.upTo {
			c.ackedSum = wire.Sum(raw)
		}
		if err := c.del(kEvents, key); err != nil {
			return err
		}
	}
	c.first, c.acked, c.removed = last+1, last, last
	return nil
}

// settled takes what is on disk now out of what is pending. The caller holds mu.
func (o *Outbox) settled(last uint64) {
	for len(o.pend.rejected) > 0 && o.pend.rejected[0].Seq <= last {
		o.pend.rejected = o.pend.rejected[1:]
	}
	for seq := range o.lost {
		if seq <= last {
			delete(o.lost, seq)
		}
	}
	if o.pend.upTo <= last {
		o.pend = pending{}
	}
}

// DeadLetter is an event that the master will never take.
type DeadLetter struct {
	Inc    event.Incarnation
	Seq    uint64
	At     time.Time // when it was given up
	Reason string
	Raw    wire.RawEvent // empty when the event was damaged here
}

// bury keeps a dead letter and drops the oldest past the bounds: MaxDead of them, and an eighth of MaxBytes.
func (c *change) bury(x wire.Rejection, raw []byte, opt Options) error {
	p := ordinal(uint64(c.inc))
	p = binary.BigEndian.AppendUint64(p, x.Seq)
	p = binary.BigEndian.AppendUint64(p, uint64(opt.Now().UnixNano()))
	reason := wire.CutReason(x.Reason)
	p = binary.BigEndian.AppendUint16(p, uint16(len(reason)))
	p = append(append(p, reason...), raw...)
	if err := c.put(kDead, ordinal(c.deadNext), p); err != nil {
		return err
	}
	c.deadNext++
	c.deadTotal++
	t := &c.kinds[kDead]
	for t.count > uint64(opt.MaxDead) || t.bytes > opt.MaxBytes/8 && t.count > 1 {
		k, _ := c.tx.Bucket(kDead.bucket()).Cursor().First()
		if k == nil {
			return nil
		}
		if err := c.del(kDead, append([]byte(nil), k...)); err != nil {
			return err
		}
	}
	return nil
}

// DeadLetters returns those that are kept, oldest first. Stats has how many there ever were.
func (o *Outbox) DeadLetters() ([]DeadLetter, error) {
	var list []DeadLetter
	err := o.view(func(tx *bolt.Tx) error {
		return tx.Bucket(kDead.bucket()).ForEach(func(k, v []byte) error {
			p, ok := kDead.unseal(k, v)
			d, err := decodeDead(p)
			if !ok || err != nil {
				o.report(Damage{What: kDead.String(), Detail: "a dead letter cannot be read"})
				return nil
			}
			list = append(list, d)
			return nil
		})
	})
	return list, err
}

func decodeDead(p []byte) (d DeadLetter, err error) {
	const head = 3*8 + 2
	if len(p) < head {
		return d, errors.New("cut short")
	}
	d.Inc = event.Incarnation(binary.BigEndian.Uint64(p))
	d.Seq = binary.BigEndian.Uint64(p[8:])
	d.At = time.Unix(0, int64(binary.BigEndian.Uint64(p[16:])))
	n := int(binary.BigEndian.Uint16(p[24:]))
	if len(p) < head+n {
		return d, errors.New("cut short")
	}
	d.Reason = string(p[head : head+n])
	d.Raw = append(wire.RawEvent(nil), p[head+n:]...)
	return d, nil
}

// Renew begins a new incarnation, for when the master knows more of this one than this file does. Sequences go on, nothing
// counts as acknowledged, and what is held will be sent again under the new incarnation.
func (o *Outbox) Renew() (State, error) {
	err := o.call(func() error {
		o.flush()
		return o.update(func(c *change) error {
			c.renew(o.opt)
			return nil
		})
	})
	return o.State(), err
}

func (c *change) renew(opt Options) {
	old := c.inc
	for c.inc == old {
		c.inc = event.NewIncarnation(opt.Random())
	}
	c.acked, c.ackedSum = 0, 0
}
