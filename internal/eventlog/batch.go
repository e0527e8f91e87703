package eventlog

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/wire"
)

// Batch collects what one commit makes durable: all of it or nothing. It is used by one goroutine and committed once.
// A mistake in what it was given is returned by Commit, which then writes nothing.
type Batch struct {
	l       *Log
	b       *pebble.Batch
	entries []entry
	err     error
	done    bool
}

// entry is what the index must know of an event.
type entry struct {
	pos      uint64
	received int64
	tag      string
	id       event.ID
}

// HighWater is how far the log holds one incarnation of a minion. (G3)
type HighWater struct {
	Minion  string
	Inc     event.Incarnation
	Seq     uint64    // the highest sequence held
	Sum     uint64    // wire.Sum of that event
	Updated time.Time // zero is kept as zero
}

// MaxBatch bounds the events of one batch.
const MaxBatch = 1 << 16

// NewBatch begins a commit. A batch that is not committed must be dropped with Discard.
func (l *Log) NewBatch() *Batch { return &Batch{l: l, b: l.db.NewBatch()} }

// Len is how many events the batch holds, and Size its bytes.
func (b *Batch) Len() int { return len(b.entries) }

// Size is the bytes that the commit will write, without the index.
func (b *Batch) Size() int { return b.b.Len() }

// Discard gives back what the batch holds. It may be called after Commit.
func (b *Batch) Discard() {
	if !b.done {
		b.done = true
		_ = b.b.Close() // only a batch that is being committed fails to close
	}
}

func (b *Batch) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("event log: "+format, args...)
	}
}

// Append adds an event. The caller has set Pos, one more than that of the event before, and Received, not before
// that of the event before. raw is the event as it came and is what is kept: of e only ID, Pos, Received, Tag and Causes
// are used, and the latter two must be those in raw. Without raw, e is encoded. Sequences of one incarnation ascend.
func (b *Batch) Append(e event.Event, raw wire.RawEvent) {
	if err := checkID(e.ID); err != nil || e.ID.Seq == 0 {
		b.fail("event at position %d: id %q: %w", e.Pos, e.ID, errors.Join(err, errSequence(e.ID)))
		return
	}
	if n := len(b.entries); n > 0 && e.Pos != b.entries[n-1].pos+1 {
		b.fail("event at position %d follows one at %d", e.Pos, b.entries[n-1].pos)
		return
	}
	if len(b.entries) >= MaxBatch {
		b.fail("more than %d events in one batch", MaxBatch)
		return
	}
	if raw == nil {
		w := wire.Event{Seq: e.ID.Seq, Time: e.Time.UnixNano(), Tag: e.Tag, By: e.By, Causes: e.Causes, Depth: e.Depth, Own: e.Own, Data: e.Data}
		if err := wire.CheckEvent(w); err != nil {
			b.fail("event at position %d: %w", e.Pos, err)
			return
		}
		raw = wire.EncodeEvent(w)
	}
	received := e.Received.UnixNano()
	op := b.b.SetDeferred(9, sealSize+recordHead+len(e.ID.Origin)+len(raw))
	appendPos(op.Key[:0], kindEvent, e.Pos)
	putRecord(op.Value[sealSize:], received, e.ID, raw)
	binary.LittleEndian.PutUint32(op.Value, checksum(op.Key, op.Value[sealSize:]))
	b.note(op.Finish())
	for _, c := range e.Causes {
		b.set(causeKey(e.Pos, c), nil)
	}
	b.entries = append(b.entries, entry{e.Pos, received, e.Tag, e.ID})
}

func errSequence(id event.ID) error {
	if id.Seq == 0 {
		return errors.New("sequences begin at 1")
	}
	return nil
}

// SetHighWater replaces the mark of the minion's incarnation.
func (b *Batch) SetHighWater(h HighWater) {
	if hasZero(h.Minion) {
		b.fail("high-water mark of %q: bad id", h.Minion)
		return
	}
	v := binary.BigEndian.AppendUint64(nil, h.Seq)
	v = binary.BigEndian.AppendUint64(v, h.Sum)
	v = binary.BigEndian.AppendUint64(v, uint64(unixNano(h.Updated)))
	b.set(highKey(h.Minion, h.Inc), v)
}

// DeleteHighWater forgets the mark of an incarnation that will not come back.
func (b *Batch) DeleteHighWater(minion string, inc event.Incarnation) {
	b.delete(highKey(minion, inc))
}

// PutJob keeps a job under its JID and Target, replacing what was there. Created must stay what it was.
func (b *Batch) PutJob(j job.Job) {
	v, err := json.Marshal(j)
	if err != nil || j.JID == "" || hasZero(j.JID) || hasZero(j.Target) {
		b.fail("job %q for %q: %w", j.JID, j.Target, errors.Join(err, errors.New("bad jid or target")))
		return
	}
	created := j.Created.UnixNano()
	b.set(jobKey(j.JID, j.Target), v)
	b.set(jobTimeKey(kindJobTime, created, j.JID, j.Target), nil)
	if j.Status.Open() {
		b.set(jobTimeKey(kindOpenJob, created, j.JID, j.Target), nil)
	} else {
		b.delete(jobTimeKey(kindOpenJob, created, j.JID, j.Target))
	}
}

// DeleteJob removes a job, which may be there or not.
func (b *Batch) DeleteJob(jid, target string) {
	b.delete(jobKey(jid, target))
	if j, err := b.l.job(jid, target); err == nil {
		b.delete(jobTimeKey(kindJobTime, j.Created.UnixNano(), jid, target))
		b.delete(jobTimeKey(kindOpenJob, j.Created.UnixNano(), jid, target))
	} // else what leads to it leads nowhere, which Jobs passes over
}

// PutVerdicts keeps what the rules said to the event at pos, as long as that event is kept.
func (b *Batch) PutVerdicts(pos uint64, blob []byte) { b.set(posKey(kindVerdicts, pos), blob) }

// PutReactor keeps a piece of the reactor's state; nil deletes it.
func (b *Batch) PutReactor(key string, value []byte) { b.put(textKey(kindReactor, key), value) }

// SetCursor keeps the position up to which the reactor has seen events.
func (b *Batch) SetCursor(pos uint64) {
	b.set(textKey(kindMeta, metaCursor), binary.BigEndian.AppendUint64(nil, pos))
}

// PutRecord keeps a record that is nobody's business here. The bucket must hold no zero byte. nil deletes it.
func (b *Batch) PutRecord(bucket, key string, value []byte) {
	if hasZero(bucket) {
		b.fail("record %q: bad bucket %q", key, bucket)
		return
	}
	b.put(textKey(kindRecord, bucket, key), value)
}

// DeleteRecord removes a record, which may be there or not.
func (b *Batch) DeleteRecord(bucket, key string) { b.put(textKey(kindRecord, bucket, key), nil) }

func (b *Batch) put(key, value []byte) {
	if value == nil {
		b.delete(key)
		return
	}
	b.set(key, value)
}

func (b *Batch) set(key, payload []byte) { b.note(b.b.Set(key, sealed(key, payload), nil)) }

func (b *Batch) delete(key []byte) { b.note(b.b.Delete(key, nil)) }

func (b *Batch) note(err error) {
	if err != nil {
		b.fail("%w", err)
	}
}

func highKey(minion string, inc event.Incarnation) []byte {
	return binary.BigEndian.AppendUint64(append(textKey(kindHigh, minion), 0), uint64(inc))
}

// unixNano is zero for the zero time, whose own is out of range.
func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
