package eventlog

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"brine/internal/event"
	"brine/internal/wire"
)

func TestEventComesBackAsItWas(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	data, err := event.Encode(map[string]any{"path": "/etc/motd"})
	if err != nil {
		t.Fatal(err)
	}
	full := event.Event{
		ID: event.ID{Origin: "web1", Inc: 9, Seq: 41}, Pos: 1, Time: start, Received: start.Add(time.Second),
		Tag: "brine/beacon/web1/file/etc/motd", Minion: "web1", By: "root", Own: true, Depth: 3, Data: data,
		Causes: []event.ID{{Origin: event.Master, Inc: 2, Seq: 7}, {Origin: "db1", Inc: 3, Seq: 1}},
	}
	own := ev(2, "brine/minion/web1/online", event.Master)
	raw := wire.EncodeEvent(wire.Event{Seq: 3, Time: start.UnixNano(), Tag: "ops/x"})
	given := event.Event{ID: event.ID{Origin: "db1", Inc: 1, Seq: 3}, Pos: 3, Time: start, Received: own.Received, Tag: "ops/x", Minion: "db1"}
	b := l.NewBatch()
	b.Append(full, nil)
	b.Append(own, nil)
	b.Append(given, raw)
	if err := l.Commit(b); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"at once", "after opening again"} {
		for _, want := range []event.Event{full, own, given} {
			got, err := l.Get(want.Pos)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", when, diff)
			}
			pos, ok, err := l.Find(want.ID)
			if pos != want.Pos || !ok || err != nil {
				t.Errorf("%s: find %s: %d, %v, %v", when, want.ID, pos, ok, err)
			}
		}
		if got, err := l.Effects(full.Causes[1]); err != nil || !cmp.Equal(got, []uint64{1}) {
			t.Errorf("%s: effects: %v, %v", when, got, err)
		}
		if got := l.LastReceived(); !got.Equal(own.Received) {
			t.Errorf("%s: last received %v", when, got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = open(t, dir, Options{})
	}
}

func TestPositionsOutside(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	if first, last := l.Head(); first != 1 || last != 0 {
		t.Fatalf("an empty log goes from %d to %d", first, last)
	}
	commit(t, l, ev(1, "a"), ev(2, "a"))
	for _, pos := range []uint64{0, 3, 1 << 60} {
		if _, err := l.Get(pos); !errors.Is(err, ErrNotFound) {
			t.Errorf("get %d: %v", pos, err)
		}
	}
	if _, ok, err := l.Find(event.ID{Origin: "web1", Inc: 5, Seq: 3}); ok || err != nil {
		t.Errorf("found what was never there: %v", err)
	}
	if _, ok, err := l.Find(event.ID{Origin: "bad\x00name", Inc: 5, Seq: 3}); ok || err != nil {
		t.Errorf("found an id that cannot be: %v", err)
	}
}

func TestCommitRefuses(t *testing.T) {
	long := strings.Repeat("x", event.MaxTag+1)
	late := ev(3, "a")
	late.Received = start
	otherSeq := ev(3, "a")
	otherSeq.ID.Seq = 2
	noSeq := ev(3, "a")
	noSeq.ID.Seq = 0
	for _, c := range []struct {
		name   string
		events []event.Event
	}{
		{"a hole before the batch", []event.Event{ev(4, "a")}},
		{"a position that is taken", []event.Event{ev(2, "a")}},
		{"a hole in the batch", []event.Event{ev(3, "a"), ev(5, "a")}},
		{"a time before that of the event before", []event.Event{late}},
		{"a sequence that was there", []event.Event{otherSeq}},
		{"a sequence twice in the batch", []event.Event{ev(3, "a"), {ID: ev(3, "a").ID, Pos: 4, Received: ev(4, "a").Received, Tag: "a"}}},
		{"no sequence", []event.Event{noSeq}},
		{"a bad origin", []event.Event{ev(3, "a", "a\x00b")}},
		{"a bad tag", []event.Event{ev(3, long)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := open(t, t.TempDir(), Options{})
			commit(t, l, ev(1, "a"), ev(2, "a"))
			b := l.NewBatch()
			defer b.Discard()
			b.SetCursor(2)
			for _, e := range c.events {
				b.Append(e, nil)
			}
			if err := l.Commit(b); err == nil {
				t.Fatal("it was committed")
			}
			if cursor, err := l.Cursor(); cursor != 0 || err != nil {
				t.Fatalf("part of it was committed: cursor %d, %v", cursor, err)
			}
			commit(t, l, ev(3, "a")) // the log goes on
			if n := verify(t, l); n != 3 {
				t.Fatalf("%d events", n)
			}
		})
	}
}

func TestBatchIsCommittedOnce(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	b := l.NewBatch()
	b.SetCursor(1)
	if err := l.Commit(b); err != nil {
		t.Fatal(err)
	}
	if err := l.Commit(b); err == nil {
		t.Fatal("the second time went through")
	}
	b.Discard()
	b = l.NewBatch()
	defer b.Discard()
	b.Append(ev(1, "a"), nil)
	if err := l.CommitNoSync(b); err == nil {
		t.Fatal("an event was committed without sync")
	}
}

func TestNoSpace(t *testing.T) {
	free, now := int64(1<<40), start
	l := open(t, t.TempDir(), Options{
		MinFree: 100 << 20,
		Now:     func() time.Time { return now },
		free:    func(string) (int64, int64, error) { return free, 1 << 41, nil },
	})
	commit(t, l, ev(1, "a"))
	free = 99 << 20
	commit(t, l, ev(2, "a")) // not looked again yet
	now = now.Add(spaceEvery)
	b := l.NewBatch()
	b.Append(ev(3, "a"), nil)
	err := l.Commit(b)
	if !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), "hint:") {
		t.Fatalf("on a full disk: %v", err)
	}
	free, now = 1<<40, now.Add(spaceRetry)
	if err := l.Commit(b); err != nil {
		t.Fatalf("the same batch, when there is space again: %v", err)
	}
	free = 0
	big := l.NewBatch()
	big.PutRecord("b", "k", make([]byte, spaceBytes))
	if err := l.Commit(big); err != nil {
		t.Fatal(err)
	}
	b = l.NewBatch()
	defer b.Discard()
	b.SetCursor(1)
	if err := l.Commit(b); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("after many bytes it must look again: %v", err)
	}
}

func TestMinFreeDefault(t *testing.T) {
	for _, c := range []struct {
		what      string
		free, all int64
		ok        bool
	}{
		{"a small disk keeps 64 MiB", 63 << 20, 1 << 30, false},
		{"a small disk with more", 65 << 20, 1 << 30, true},
		{"a middling disk keeps 1 %", 400 << 20, 50 << 30, false},
		{"a large disk keeps 1 GiB", 1100 << 20, 10 << 40, true},
	} {
		s := space{free: func(string) (int64, int64, error) { return c.free, c.all, nil }}
		if err := s.check(start, 1); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "hint:") {
		t.Fatalf("in this process: %v", err)
	}
	if out := child(t, "open", dir); !strings.Contains(out, ErrLocked.Error()) {
		t.Fatalf("in another process: %s", out)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if out := child(t, "open", dir); out != "opened\n" {
		t.Fatalf("after closing: %s", out)
	}
}

func TestOpenRefusesWhatItCannotHave(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, Options{}); err == nil {
		t.Fatal("opened a file")
	}
	dir := t.TempDir()
	l := open(t, dir, Options{})
	key := textKey(kindMeta, metaVersion)
	if err := l.db.Set(key, sealed(key, []byte{formatVersion + 1}), nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "later version") {
		t.Fatalf("a log of a later version: %v", err)
	}
}

func TestClosed(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	appendN(t, l, 3*pageEvents, same("a"))
	b := l.NewBatch()
	defer b.Discard()
	b.SetCursor(1)
	n, last := 0, error(nil)
	for _, err := range l.Scan(context.Background(), Query{}) {
		if n++; n == 1 {
			if err := l.Close(); err != nil { // a scan under way must not hinder it
				t.Fatal(err)
			}
		}
		last = err
	}
	if !errors.Is(last, ErrClosed) || n != pageEvents+1 {
		t.Fatalf("after %d: %v", n, last)
	}
	_, errGet := l.Get(1)
	_, _, errFind := l.Find(ev(1, "a").ID)
	_, errRetain := l.Retain(start)
	for _, err := range []error{errGet, errFind, errRetain, l.Commit(b)} {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestCheckpoint(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	appendN(t, l, segmentSize+10, same("a"))
	if n, err := l.Size(); n == 0 || err != nil {
		t.Fatalf("size %d, %v", n, err)
	}
	dir := t.TempDir() + "/copy"
	if err := l.Checkpoint(dir); err != nil {
		t.Fatal(err)
	}
	appendN(t, l, 5, same("b"))
	c := open(t, dir, Options{})
	if n := verify(t, c); n != segmentSize+10 {
		t.Fatalf("the copy has %d events", n)
	}
	if lost, _ := c.Lost(); lost != 0 {
		t.Fatal("the copy claims a loss")
	}
	commit(t, c, ev(segmentSize+11, "c"))
	if err := l.Checkpoint(dir); err == nil {
		t.Fatal("a copy over an old one")
	}
}
