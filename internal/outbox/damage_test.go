package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"brine/internal/job"
	"brine/internal/wire"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

// content is all that an outbox says of itself, as text, one entry a record.
func content(t *testing.T, o *Outbox) map[string]string {
	t.Helper()
	m := map[string]string{}
	s := o.State()
	raws, err := o.Read(s.First, 1<<20, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for i, raw := range raws {
		if len(raw) > 0 {
			m[fmt.Sprintf("event %d", s.First+uint64(i))] = string(raw)
		}
	}
	for _, b := range []string{"file", "cpu"} {
		if err := o.Baseline(b).Each("", func(k string, v []byte) error { m["base "+b+k] = string(v); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		jid := fmt.Sprintf("jid%d", i)
		if d, ok, err := o.Done(jid); err == nil && ok {
			m[jid] = fmt.Sprint(d)
		}
	}
	dead, err := o.DeadLetters()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dead {
		m[fmt.Sprintf("dead %d", d.Seq)] = fmt.Sprint(d)
	}
	if low, ok, err := o.Applied(); err == nil && ok {
		m["applied"] = fmt.Sprint(low)
	}
	return m
}

// sample makes a file that has everything in it, pages of every kind and stale pages too.
func sample(t *testing.T) (path string, state State, want map[string]string) {
	t.Helper()
	path = file(t)
	o := open(t, path, Options{})
	for i := range 300 {
		tx := Tx{Events: []wire.Event{{Time: int64(i), Tag: fmt.Sprintf("a/%d", i), Data: bytes.Repeat([]byte{byte(i)}, rand.IntN(300))}}}
		tx.Baselines = []KV{{"file", fmt.Sprintf("/etc/%d", i%97), []byte(fmt.Sprintf("value %d", i))}, {"cpu", "", []byte{byte(i)}}}
		if i%10 == 0 {
			tx.Done = &Done{JID: fmt.Sprintf("jid%d", i/10%20), Attempt: i, Result: []byte("r")}
		}
		if i%40 == 0 {
			tx.Applied = &job.LowState{Hash: fmt.Sprint(i), Source: []string{strings.Repeat("x", 9000)}}
		}
		commit(t, o, tx)
		if i == 100 {
			if err := o.Ack(50, []wire.Rejection{{Seq: 7, Reason: "because"}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	commit(t, o, Tx{Events: []wire.Event{{Time: 1, Tag: "big", Data: make([]byte, 30000)}}})
	state, want = o.State(), content(t, o)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	return path, state, want
}

// TestFlippedBytes breaks one byte at a time. Either all is as it was, or damage is told and what is left was really written.
func TestFlippedBytes(t *testing.T) {
	path, state, want := sample(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	offsets := metaOffsets(whole)
	for range pick(200, 40) {
		offsets = append(offsets, rand.IntN(len(whole)))
	}
	told, silent := 0, 0
	dir := t.TempDir()
	for i, off := range offsets {
		broken := bytes.Clone(whole)
		broken[off] ^= 1 << rand.IntN(8)
		if flip(t, filepath.Join(dir, fmt.Sprint(i)), broken, fmt.Sprintf("offset %#x", off), state, want) {
			told++
		} else {
			silent++
		}
	}
	t.Logf("of %d flips %d were told, %d were where nothing is", len(offsets), told, silent)
	if told == 0 {
		t.Error("nothing was noticed: the test is blind")
	}
}

func pick(long, short int) int {
	if testing.Short() {
		return short
	}
	return long
}

// metaOffsets are the bytes of the two meta pages and of every page's header and first element.
func metaOffsets(whole []byte) (list []int) {
	for off := range 80 {
		list = append(list, off, 4096+off)
	}
	for page := 2 * 4096; page < len(whole); page += 4096 {
		for off := range 32 {
			if whole[page+8] == leafPage || whole[page+8] == branchPage {
				list = append(list, page+off)
			}
		}
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(len(list), pick(400, 60))]
}

func flip(t *testing.T, path string, broken []byte, what string, state State, want map[string]string) (told bool) {
	t.Helper()
	if err := os.WriteFile(path, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := Open(path, Options{})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		left, _ := filepath.Glob(path + "*")
		for _, name := range left {
			os.Remove(name)
		}
	}()
	told = len(o.Damages()) > 0
	got := content(t, o)
	if !told {
		if d := cmp.Diff(want, got); d != "" || o.State() != state {
			t.Fatalf("%s: silently other data: %+v, want %+v\n%.2000s", what, o.State(), state, d)
		}
	}
	s := o.State()
	if s.Inc == state.Inc && (s.Next != state.Next || s.Acked != state.Acked) {
		t.Fatalf("%s: the same incarnation, but %+v, want %+v", what, s, state)
	}
	lost := 0
	for k := range want {
		if _, there := got[k]; !there {
			lost++
		}
	}
	if lost > 0 && !told {
		t.Fatalf("%s: %d records are gone silently", what, lost)
	}
	if _, err := o.Commit(Tx{Events: []wire.Event{ev("after")}, Baselines: []KV{{"file", "new", []byte("v")}}}); err != nil {
		t.Fatalf("%s: commit after it: %v", what, err)
	}
	return told
}

func TestDamagedFileIsKept(t *testing.T) {
	for name, broken := range map[string][]byte{
		"empty":    {},
		"text":     []byte("this is no outbox at all"),
		"zeros":    make([]byte, 1<<16),
		"one page": bytes.Repeat([]byte{0xff}, 4096),
	} {
		path := file(t)
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		var told []Damage
		o := open(t, path, Options{Damage: func(d Damage) { told = append(told, d) }})
		if len(told) == 0 || len(told) != len(o.Damages()) || o.Stats().Damaged != uint64(len(told)) {
			t.Errorf("%s: told %v, damages %v", name, told, o.Damages())
		}
		kept, err := os.ReadFile(path + ".damaged-1")
		if err != nil || !bytes.Equal(kept, broken) {
			t.Errorf("%s: not kept: %v", name, err)
		}
		commit(t, o, Tx{Events: []wire.Event{ev("a")}})
		o = reopen(t, o, Options{})
		if n := o.Damages(); len(n) > 0 {
			t.Errorf("%s: damaged again: %v", name, n)
		}
	}
}

// A truncated file is read as far as it goes; the incarnation is a new one, as sequences may have been lost.
func TestTruncatedFile(t *testing.T) {
	path, state, want := sample(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end := len(bytes.TrimRight(whole, "\x00"))
	for range pick(40, 5) {
		if !flip(t, path+"x", whole[:rand.IntN(end)], "truncated", state, want) {
			t.Error("a truncated file was taken for whole")
		}
	}
}

// One flipped bit in one event costs that event, which is told by its sequence, and nothing else.
func TestOneDamagedEvent(t *testing.T) {
	path := file(t)
	o := open(t, path, Options{})
	for _, tag := range []string{"aaaa", "findme", "cccc"} {
		commit(t, o, Tx{Events: []wire.Event{ev(tag)}})
	}
	state := o.State()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(b, []byte("findme"), []byte("findyou"[:6])), 0o600); err != nil {
		t.Fatal(err)
	}
	o = open(t, path, Options{})
	if o.State() != state {
		t.Errorf("%+v, want %+v", o.State(), state)
	}
	if d := cmp.Diff([]string{"aaaa", "-", "cccc"}, tags(t, o)); d != "" {
		t.Error(d)
	}
	if d := o.Damages(); len(d) == 0 || !strings.Contains(fmt.Sprint(d), "event 2") {
		t.Errorf("damages: %v", d)
	}
	if err := o.Ack(3, []wire.Rejection{{Seq: 2, Reason: "syntax"}}); err != nil {
		t.Fatal(err)
	}
	commit(t, o, Tx{Events: []wire.Event{ev("d")}})
	if dead, err := o.DeadLetters(); err != nil || len(dead) != 1 || dead[0].Seq != 2 {
		t.Errorf("%v, %v", dead, err)
	}
}

// A file that is cut short under a running outbox makes reads fault; that is an error, not the end of the process.
func TestFileVanishesUnderneath(t *testing.T) {
	path, _, _ := sample(t)
	o := open(t, path, Options{})
	if err := os.Truncate(path, 3*4096); err != nil {
		t.Fatal(err)
	}
	s := o.State()
	if _, err := o.Read(s.First, 1<<20, 1<<30); !errors.Is(err, ErrDamaged) {
		t.Errorf("read: %v", err)
	}
	if _, err := o.Commit(Tx{Events: []wire.Event{ev("a")}}); !errors.Is(err, ErrDamaged) {
		t.Errorf("commit: %v", err)
	}
	if len(o.Damages()) == 0 {
		t.Error("nobody was told")
	}
}

// A transaction that never happened, as when an old page stands in the place of a newer one: every record is whole, only the
// counters know.
func TestRecordsThatCameOrWent(t *testing.T) {
	tests := map[string]struct {
		spoil func(tx *bolt.Tx) error
		fix   bool // the counters say the number of the transaction that spoils
		renew bool
	}{
		"a baseline went":       {func(tx *bolt.Tx) error { return tx.Bucket(kBase.bucket()).Delete(baseKey("file", "/etc/5")) }, true, false},
		"a job was forgotten":   {func(tx *bolt.Tx) error { return tx.Bucket(kDone.bucket()).Delete(jidKey("jid3")) }, true, false},
		"the low state went":    {func(tx *bolt.Tx) error { return tx.Bucket(kApplied.bucket()).Delete(lowKey) }, true, false},
		"the first events went": {func(tx *bolt.Tx) error { return tx.Bucket(kEvents.bucket()).Delete(ordinal(51)) }, true, false},
		"a last event went":     {func(tx *bolt.Tx) error { return tx.Bucket(kEvents.bucket()).Delete(ordinal(301)) }, true, false},
		"an event of old is there": {func(tx *bolt.Tx) error {
			return tx.Bucket(kEvents.bucket()).Put(ordinal(9), kEvents.seal(ordinal(9), []byte("old")))
		}, true, false},
		"old counters": {func(tx *bolt.Tx) error { return nil }, false, true},
	}
	for name, test := range tests {
		path, state, _ := sample(t)
		db, err := openBolt(path)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bolt.Tx) error {
			c := &change{tx: tx}
			p, _, _ := c.get(kMeta, bookKey)
			b, err := decodeBook(p)
			if err != nil {
				return err
			}
			c.book = b
			if test.fix {
				err = c.keep()
			}
			return errors.Join(err, test.spoil(tx))
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		o := open(t, path, Options{})
		if len(o.Damages()) == 0 {
			t.Errorf("%s: nobody was told", name)
		}
		s := o.State()
		if renewed := s.Inc != state.Inc; renewed != test.renew || s.Next != state.Next || s.First < state.First {
			t.Errorf("%s: %+v, was %+v", name, s, state)
		}
		for _, tag := range tags(t, o) {
			if tag == "" {
				t.Errorf("%s: an event without a tag", name)
			}
		}
		if o = reopen(t, o, Options{}); len(o.Damages()) > 0 {
			t.Errorf("%s: damaged again: %v", name, o.Damages())
		}
	}
}
