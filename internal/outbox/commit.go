package outbox

import (
	"encoding/binary"
	"fmt"

	"brine/internal/job"
	"brine/internal/wire"
)

// Tx is what Commit makes durable: all of it or nothing.
type Tx struct {
	Events    []wire.Event // Seq is filled in, and Time where it is zero
	Baselines []KV
	Done      *Done
	Applied   *job.LowState
	Reserve   bool // may use the reserve: for results
}

// KV sets one baseline; a nil Value removes it.
type KV struct {
	Bucket, Key string // the bucket is the beacon's; it holds no zero byte
	Value       []byte
}

// Done says that a job was finished, so that it is not started again.
type Done struct {
	JID     string
	Attempt int
	Result  []byte // as the caller encodes it
}

type request struct {
	tx    Tx
	first uint64
	err   error
	done  chan struct{}
}

// Commit returns when the transaction is synced, with the sequence of its first event (0 without events). Calls that wait
// together share one sync. ErrFull: nothing was kept, see Room. ErrTooBig: it never fits. An *wire.Error: an event is not what the
// master would take. After any error of the disk nothing was kept, as far as can be told.
func (o *Outbox) Commit(tx Tx) (first uint64, err error) {
	if err := tx.check(); err != nil {
		return 0, err
	}
	tx.Events = append([]wire.Event(nil), tx.Events...)
	for i := range tx.Events {
		if tx.Events[i].Time == 0 {
			tx.Events[i].Time = o.opt.Now().UnixNano()
		}
	}
	r := &request{tx: tx, done: make(chan struct{})}
	select {
	case o.requests <- r:
	case <-o.exited:
		return 0, ErrClosed
	}
	select {
	case <-r.done:
	case <-o.exited:
		select {
		case <-r.done:
		default:
			return 0, ErrClosed
		}
	}
	return r.first, r.err
}

func (tx *Tx) check() error {
	for i, e := range tx.Events {
		e.Seq = 1
		if err := wire.CheckEvent(e); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	for _, kv := range tx.Baselines {
		if len(kv.Bucket)+len(kv.Key) > MaxKey || len(kv.Value) > MaxValue {
			return fmt.Errorf("baseline %q %.80q, %d bytes: %w", kv.Bucket, kv.Key, len(kv.Value), ErrTooBig)
		}
		for i := range len(kv.Bucket) {
			if kv.Bucket[i] == 0 {
				return fmt.Errorf("baseline bucket %q holds a zero byte", kv.Bucket)
			}
		}
	}
	if d := tx.Done; d != nil {
		if d.JID == "" || len(d.JID) > MaxKey || len(d.Result) > MaxValue {
			return fmt.Errorf("done %.80q, %d bytes: %w", d.JID, len(d.Result), ErrTooBig)
		}
		if d.Attempt < 0 || d.Attempt > wire.MaxAttempt {
			return fmt.Errorf("done %q: attempt %d; at most %d", d.JID, d.Attempt, wire.MaxAttempt)
		}
	}
	return nil
}

// record is one put of a transaction, or with a nil payload a removal.
type record struct {
	kind    kind
	key     []byte
	payload []byte
}

// apply adds one caller's transaction, or leaves all as it was and returns ErrFull or ErrTooBig.
func (c *change) apply(tx *Tx, opt Options) (first uint64, err error) {
	records, err := c.records(tx)
	if err != nil {
		return 0, err
	}
	limit := opt.MaxBytes - opt.ReserveBytes
	if tx.Reserve {
		limit = opt.MaxBytes
	}
	var gross, net int64
	for _, r := range records {
		gross += r.cost()
		net += r.cost() - c.costOf(r.kind, r.key)
	}
	switch {
	case gross > limit:
		return 0, fmt.Errorf("transaction of %d bytes, of at most %d: %w", gross, limit, ErrTooBig)
	case net > 0 && c.used()+net > limit:
		return 0, ErrFull
	}
	for _, r := range records {
		if r.payload == nil {
			err = c.del(r.kind, r.key)
		} else {
			err = c.put(r.kind, r.key, r.payload)
		}
		if err != nil {
			return 0, err
		}
	}
	if len(tx.Events) > 0 {
		first = c.next
		c.next += uint64(len(tx.Events))
	}
	if tx.Done != nil {
		return first, c.remember(opt)
	}
	return first, nil
}

func (r record) cost() int64 {
	if r.payload == nil {
		return 0
	}
	return cost(len(r.key), crcLen+len(r.payload))
}

func (c *change) costOf(k kind, key []byte) int64 {
	if k == kEvents {
		return 0 // always new
	}
	if old := c.tx.Bucket(k.bucket()).Get(key); old != nil {
		return cost(len(key), len(old))
	}
	return 0
}

func (c *change) records(tx *Tx) ([]record, error) {
	var list []record
	for i, e := range tx.Events {
		e.Seq = c.next + uint64(i)
		list = append(list, record{kEvents, ordinal(e.Seq), wire.EncodeEvent(e)})
	}
	for _, kv := range tx.Baselines {
		list = append(list, record{kBase, baseKey(kv.Bucket, kv.Key), kv.Value})
	}
	if d := tx.Done; d != nil {
		if old, there, ok := c.get(kDone, jidKey(d.JID)); there && ok && len(old) >= 8 {
			list = append(list, record{kDone, append([]byte{'o'}, old[:8]...), nil})
		}
		p := binary.BigEndian.AppendUint64(nil, c.doneNext)
		p = binary.BigEndian.AppendUint32(p, uint32(d.Attempt))
		list = append(list, record{kDone, jidKey(d.JID), append(p, d.Result...)})
		list = append(list, record{kDone, doneKey(c.doneNext), []byte(d.JID)})
	}
	if tx.Applied != nil {
		p, err := encodeLow(tx.Applied)
		if err != nil {
			return nil, err
		}
		list = append(list, record{kApplied, lowKey, p})
	}
	return list, nil
}

// remember forgets the jobs done longest ago past the bounds: MaxDone of them, and an eighth of MaxBytes.
func (c *change) remember(opt Options) error {
	c.doneNext++
	t := &c.kinds[kDone]
	for t.count > 2*uint64(opt.MaxDone) || t.bytes > opt.MaxBytes/8 && t.count > 2 {
		k, v := c.tx.Bucket(kDone.bucket()).Cursor().Seek([]byte{'o'})
		if k == nil {
			return nil
		}
		k = append([]byte(nil), k...)
		if jid, ok := kDone.unseal(k, v); ok {
			if err := c.del(kDone, jidKey(string(jid))); err != nil {
				return err
			}
		}
		if err := c.del(kDone, k); err != nil {
			return err
		}
	}
	return nil
}

func baseKey(bucket, key string) []byte { return []byte(bucket + "\x00" + key) }

func jidKey(jid string) []byte { return []byte("j" + jid) }

func doneKey(n uint64) []byte { return append([]byte{'o'}, ordinal(n)...) }

var lowKey = []byte("low")
