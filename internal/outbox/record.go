package outbox

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"runtime/debug"

	"brine/internal/event"

	bolt "go.etcd.io/bbolt"
)

// kind is one bucket of the file.
type kind int

// The buckets and their keys.
const (
	kMeta    kind = iota // "book": the counters
	kEvents              // sequence: the event as it is on the wire
	kBase                // bucket 0x00 key: a baseline
	kDone                // 'j' jid: ordinal, attempt, result; 'o' ordinal: jid, to find the oldest
	kDead                // ordinal: a dead letter
	kApplied             // "low": the low state applied last
	numKinds
)

func (k kind) bucket() []byte { return []byte{"mebdxa"[k]} }

func (k kind) String() string {
	return [...]string{"counters", "event", "baseline", "done", "dead letter", "applied"}[k]
}

// Every record is the CRC-32C of its bucket, key and payload, then the payload. bbolt has no checksums of its own on data.
const crcLen = 4

func (k kind) crc(key, payload []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(uint32(k), table, key)
	return crc32.Update(sum, table, payload)
}

func (k kind) seal(key, payload []byte) []byte {
	b := make([]byte, crcLen, crcLen+len(payload))
	binary.BigEndian.PutUint32(b, k.crc(key, payload))
	return append(b, payload...)
}

// unseal returns the payload, which aliases value, or ok false for a damaged record.
func (k kind) unseal(key, value []byte) (payload []byte, ok bool) {
	if len(value) < crcLen {
		return nil, false
	}
	payload = value[crcLen:]
	return payload, binary.BigEndian.Uint32(value) == k.crc(key, payload)
}

// cost is what a record takes of MaxBytes: about what it takes of the file.
func cost(key, value int) int64 {
	n := int64(key + value + 16)
	if n > 2048 {
		n = (n + 4095) &^ 4095
	}
	return n
}

// tally is what the counters know of one bucket, so that a record that vanished or came back is noticed.
type tally struct {
	count uint64
	sum   uint32 // exclusive or of the checksums
	bytes int64  // as cost counts; kept in memory only
}

func (t *tally) add(key int, value []byte) {
	t.count++
	t.flip(value)
	t.bytes += cost(key, len(value))
}

func (t *tally) drop(key int, value []byte) {
	t.count--
	t.flip(value)
	t.bytes -= cost(key, len(value))
}

func (t *tally) flip(value []byte) {
	if len(value) >= crcLen {
		t.sum ^= binary.BigEndian.Uint32(value)
	}
}

// book is the counters: the record that each transaction rewrites.
type book struct {
	inc                event.Incarnation
	first, next, acked uint64
	ackedSum           uint64
	txid               uint64 // of the transaction that wrote it: an older page put in its place is noticed
	doneNext, deadNext uint64 // ordinals
	deadTotal          uint64
	kinds              [numKinds]tally // kMeta unused
}

var bookKey = []byte("book")

const bookVersion = 1

func (b *book) used() int64 {
	var n int64
	for _, t := range b.kinds {
		n += t.bytes
	}
	return n
}

func (b *book) encode() []byte {
	out := []byte{bookVersion}
	for _, v := range [...]uint64{uint64(b.inc), b.first, b.next, b.acked, b.ackedSum, b.txid, b.doneNext, b.deadNext, b.deadTotal} {
		out = binary.BigEndian.AppendUint64(out, v)
	}
	for _, t := range b.kinds {
		out = binary.BigEndian.AppendUint64(out, t.count)
		out = binary.BigEndian.AppendUint32(out, t.sum)
	}
	return out
}

const bookLen = 1 + 9*8 + int(numKinds)*12

func decodeBook(p []byte) (b book, err error) {
	if len(p) != bookLen || p[0] != bookVersion {
		return b, fmt.Errorf("counters of %d bytes are of no version known here", len(p))
	}
	p = p[1:]
	next := func() uint64 {
		v := binary.BigEndian.Uint64(p)
		p = p[8:]
		return v
	}
	b.inc = event.Incarnation(next())
	for _, v := range [...]*uint64{&b.first, &b.next, &b.acked, &b.ackedSum, &b.txid, &b.doneNext, &b.deadNext, &b.deadTotal} {
		*v = next()
	}
	for i := range b.kinds {
		b.kinds[i].count = next()
		b.kinds[i].sum = binary.BigEndian.Uint32(p)
		p = p[4:]
	}
	if b.inc == 0 || b.first < 1 || b.first > b.next || b.acked >= b.first {
		return b, fmt.Errorf("counters make no sense: first %d, next %d, acknowledged %d", b.first, b.next, b.acked)
	}
	return b, nil
}

func ordinal(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// change is one transaction and the counters as they will be after it.
type change struct {
	book
	tx      *bolt.Tx
	removed uint64 // the last acknowledged event that it removes; 0 for none
}

func (c *change) get(k kind, key []byte) (payload []byte, there, ok bool) {
	v := c.tx.Bucket(k.bucket()).Get(key)
	if v == nil {
		return nil, false, true
	}
	payload, ok = k.unseal(key, v)
	return payload, true, ok
}

func (c *change) put(k kind, key, payload []byte) error {
	b := c.tx.Bucket(k.bucket())
	if old := b.Get(key); old != nil {
		c.kinds[k].drop(len(key), old)
	}
	v := k.seal(key, payload)
	c.kinds[k].add(len(key), v)
	if k == kEvents {
		b.FillPercent = 0.9 // they are only ever appended
	}
	return b.Put(key, v)
}

func (c *change) del(k kind, key []byte) error {
	b := c.tx.Bucket(k.bucket())
	old := b.Get(key)
	if old == nil {
		return nil
	}
	c.kinds[k].drop(len(key), old)
	return b.Delete(key)
}

// keep writes the counters. It is the last step of every transaction.
func (c *change) keep() error {
	c.txid = uint64(c.tx.ID())
	return c.tx.Bucket(kMeta.bucket()).Put(bookKey, kMeta.seal(bookKey, c.encode()))
}

// guard turns what bbolt does on a damaged file, a panic or a fault beyond the end of the file, into an error.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p}
		}
	}()
	return fn()
}

type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("the store panicked: %v", e.value) }
