package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"

	"brine/beacons"
	"brine/internal/job"
	"brine/internal/wire"

	"github.com/fxamacker/cbor/v2"
	bolt "go.etcd.io/bbolt"
)

// Read returns events in sequence without a hole, the first of them from: at most maxEvents, and no more after maxBytes are
// reached, but always one when there is one. From Next on there is none. A damaged event is an empty RawEvent in its place: it
// was reported, and the master rejects it by its sequence, so that it holds up nothing. ErrGone: from is below First.
func (o *Outbox) Read(from uint64, maxEvents, maxBytes int) ([]wire.RawEvent, error) {
	s := o.State()
	if from < s.First {
		return nil, fmt.Errorf("%w: %d, first is %d", ErrGone, from, s.First)
	}
	var list []wire.RawEvent
	err := o.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(kEvents.bucket()).Cursor()
		k, v := c.Seek(ordinal(from))
		size := 0
		for seq := from; seq < s.Next && len(list) < maxEvents && (size < maxBytes || len(list) == 0); seq++ {
			var raw []byte
			if len(k) == 8 && binary.BigEndian.Uint64(k) == seq {
				raw = o.event(seq, k, v)
				k, v = c.Next()
			} else {
				raw = o.event(seq, nil, nil)
			}
			size += len(raw)
			list = append(list, bytes.Clone(raw))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if now := o.State().First; from < now {
		return nil, fmt.Errorf("%w: %d, first is %d", ErrGone, from, now)
	}
	return list, nil
}

// event returns what a record holds, nil and a report when it is damaged or gone.
func (o *Outbox) event(seq uint64, k, v []byte) []byte {
	if v != nil {
		if raw, ok := kEvents.unseal(k, v); ok {
			return raw
		}
	}
	o.reportEvent(seq)
	return nil
}

// Sum returns the Sum of an event that is held, or of the last one acknowledged in this incarnation.
func (o *Outbox) Sum(seq uint64) (sum uint64, ok bool) {
	o.mu.Lock()
	s := o.state()
	switch {
	case seq == 0 || seq >= s.Next:
		o.mu.Unlock()
		return 0, false
	case seq == s.Acked:
		sum = o.book.ackedSum
		if o.pend.upTo != 0 {
			sum = o.pend.sum
		}
		o.mu.Unlock()
		return sum, true
	}
	o.mu.Unlock()
	if seq < s.First {
		return 0, false
	}
	return o.sumOf(seq)
}

func (o *Outbox) sumOf(seq uint64) (sum uint64, ok bool) {
	list, err := o.Read(seq, 1, 1)
	if err != nil || len(list) == 0 {
		return 0, false
	}
	return wire.Sum(list[0]), true
}

// Baseline is what a beacon keeps under its bucket. A damaged one gives ErrDamaged from Get, and is reported and left out by Each.
func (o *Outbox) Baseline(bucket string) beacons.Baseline { return baseline{o, bucket} }

// Buckets lists the buckets of baselines whose names begin with prefix, in order.
func (o *Outbox) Buckets(prefix string) (names []string, err error) {
	err = o.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(kBase.bucket()).Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); {
			name, _, _ := bytes.Cut(k, []byte{0})
			names = append(names, string(name))
			k, _ = c.Seek([]byte(string(name) + "\x01")) // past every key of this one
		}
		return nil
	})
	return names, err
}

type baseline struct {
	o      *Outbox
	bucket string
}

func (b baseline) Get(key string) (value []byte, err error) {
	err = b.o.view(func(tx *bolt.Tx) error {
		k := baseKey(b.bucket, key)
		v := tx.Bucket(kBase.bucket()).Get(k)
		if v == nil {
			return nil
		}
		p, ok := kBase.unseal(k, v)
		if !ok {
			return fmt.Errorf("baseline %q of %q: %w", key, b.bucket, ErrDamaged)
		}
		value = append([]byte{}, p...)
		return nil
	})
	return value, err
}

// page is how many baselines Each holds at a time: f runs outside of the transaction, so that it may Commit.
const page = 256

func (b baseline) Each(prefix string, f func(key string, value []byte) error) error {
	head := len(b.bucket) + 1
	start := baseKey(b.bucket, prefix)
	from := start
	for {
		type pair struct {
			key   string
			value []byte
		}
		var list []pair
		err := b.o.view(func(tx *bolt.Tx) error {
			c := tx.Bucket(kBase.bucket()).Cursor()
			k, v := c.Seek(from)
			for ; k != nil && bytes.HasPrefix(k, start) && len(list) < page; k, v = c.Next() {
				if p, ok := kBase.unseal(k, v); ok {
					list = append(list, pair{string(k[head:]), append([]byte{}, p...)})
				} else {
					b.o.report(Damage{What: kBase.String(), Key: string(k), Detail: "its checksum does not fit"})
				}
			}
			from = nil
			if k != nil && bytes.HasPrefix(k, start) {
				from = bytes.Clone(k)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, p := range list {
			if err := f(p.key, p.value); err != nil {
				return err
			}
		}
		if from == nil {
			return nil
		}
	}
}

// Done returns what is remembered of a job.
func (o *Outbox) Done(jid string) (d Done, ok bool, err error) {
	err = o.view(func(tx *bolt.Tx) error {
		k := jidKey(jid)
		v := tx.Bucket(kDone.bucket()).Get(k)
		if v == nil {
			return nil
		}
		p, sound := kDone.unseal(k, v)
		if !sound || len(p) < 12 {
			return fmt.Errorf("done %q: %w", jid, ErrDamaged)
		}
		d = Done{JID: jid, Attempt: int(binary.BigEndian.Uint32(p[8:])), Result: append([]byte{}, p[12:]...)}
		ok = true
		return nil
	})
	return d, ok, err
}

// Applied returns the low state applied last.
func (o *Outbox) Applied() (low job.LowState, ok bool, err error) {
	err = o.view(func(tx *bolt.Tx) error {
		v := tx.Bucket(kApplied.bucket()).Get(lowKey)
		if v == nil {
			return nil
		}
		p, sound := kApplied.unseal(lowKey, v)
		if !sound {
			return fmt.Errorf("the low state applied last: %w", ErrDamaged)
		}
		ok = true
		return decodeLow(p, &low)
	})
	return low, ok && err == nil, err
}

var lowModes = sync.OnceValues(func() (m struct {
	cbor.EncMode
	cbor.DecMode
}, err error) {
	if m.EncMode, err = cbor.CoreDetEncOptions().EncMode(); err != nil {
		return m, err
	}
	m.DecMode, err = cbor.DecOptions{IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden}.DecMode()
	return m, err
})

func encodeLow(low *job.LowState) ([]byte, error) {
	m, err := lowModes()
	if err != nil {
		return nil, err
	}
	b, err := m.EncMode.Marshal(low)
	if err == nil && len(b) > MaxValue {
		err = fmt.Errorf("low state of %d bytes: %w", len(b), ErrTooBig)
	}
	return b, err
}

func decodeLow(b []byte, low *job.LowState) error {
	m, err := lowModes()
	if err != nil {
		return err
	}
	return m.DecMode.Unmarshal(b, low)
}
