package eventlog

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/job"
)

func at(pos uint64) time.Time { return start.Add(time.Duration(pos) * time.Second) }

func TestRetainByAge(t *testing.T) {
	const n = 2*segmentSize + 1000
	for _, c := range []struct {
		what  string
		now   time.Time
		first uint64
	}{
		{"nothing is old enough", at(1).Add(time.Hour), 1},
		{"a few", at(100).Add(time.Hour), 100},
		{"to the end of a segment", at(segmentSize - 1).Add(time.Hour), segmentSize - 1},
		{"a whole segment", at(segmentSize).Add(time.Hour), segmentSize},
		{"into the last segment", at(n - 5).Add(time.Hour), n - 5},
		{"all", at(n + 1).Add(time.Hour), n + 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := t.TempDir()
			opt := Options{MaxAge: time.Hour}
			l := open(t, dir, opt)
			appendN(t, l, n, same("a"))
			for _, want := range []uint64{c.first - 1, 0} {
				if removed, err := l.Retain(c.now); removed != want || err != nil {
					t.Fatalf("removed %d, %v; want %d", removed, err, want)
				}
			}
			for range 2 {
				checkRetained(t, l, c.first, n)
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				l = open(t, dir, opt)
			}
			if got := l.LastReceived(); !got.Equal(at(n)) {
				t.Fatalf("last received %v", got)
			}
			commit(t, l, ev(n+1, "b"))
			wantPositions(t, l, Query{From: n}, upTo(max(n, int(c.first)), n+1))
		})
	}
}

func checkRetained(t *testing.T, l *Log, first, last uint64) {
	t.Helper()
	if f, to := l.Head(); f != first || to != last {
		t.Fatalf("the log goes from %d to %d, want %d to %d", f, to, first, last)
	}
	wantPositions(t, l, Query{}, upTo(int(first), int(last)))
	wantPositions(t, l, Query{Tag: pattern(t, "a"), Since: at(1)}, upTo(int(first), int(last)))
	for _, pos := range []uint64{1, first - 1, first, last} {
		if pos == 0 || pos > last {
			continue
		}
		_, err := l.Get(pos)
		_, found, errFind := l.Find(ev(pos, "").ID)
		if gone := pos < first; gone != errors.Is(err, ErrRetained) || found == gone || errFind != nil {
			t.Errorf("position %d, first is %d: get %v, find %v %v", pos, first, err, found, errFind)
		}
	}
	if n := verify(t, l); n != last+1-first {
		t.Errorf("%d events", n)
	}
}

func TestRetainBySize(t *testing.T) {
	opt := Options{MaxBytes: 256 << 10, MemTable: 256 << 10}
	l := open(t, t.TempDir(), opt)
	const n = 12 * segmentSize
	fill(t, l, n, 0)
	if err := l.db.Flush(); err != nil {
		t.Fatal(err)
	}
	removed, err := l.Retain(start)
	first, last := l.Head()
	if err != nil || removed == 0 || last != n || first%segmentSize != 0 {
		t.Fatalf("removed %d, %v: from %d to %d", removed, err, first, last)
	}
	size, err := l.db.EstimateDiskUsage(posKey(kindEvent, first), []byte{kindEvent + 1})
	if err != nil || int64(size) > opt.MaxBytes {
		t.Fatalf("%d bytes stay, %v", size, err)
	}
	if again, err := l.Retain(start); again != 0 || err != nil {
		t.Fatalf("removed %d more at once, %v", again, err) // although the disk has not been given back yet
	}
	if got := verify(t, l); got != n+1-first {
		t.Fatalf("%d events", got)
	}
}

// Many rules that look at each event say more than the events hold: that counts too.
func TestRetainBySizeOfVerdicts(t *testing.T) {
	opt := Options{MaxBytes: 1 << 20, MemTable: 256 << 10}
	l := open(t, t.TempDir(), opt)
	const n = 4 * segmentSize
	fill(t, l, n, 0)
	if removed, err := l.Retain(start); removed != 0 || err != nil {
		t.Fatalf("removed %d for the events alone, %v", removed, err)
	}
	rng := rand.NewChaCha8([32]byte{})
	b := l.NewBatch()
	for pos := range uint64(n) {
		said := make([]byte, 300)
		_, _ = rng.Read(said) // it never fails
		b.PutVerdicts(pos+1, said)
	}
	if err := l.Commit(b); err != nil {
		t.Fatal(err)
	}
	if err := l.db.Flush(); err != nil {
		t.Fatal(err)
	}
	if removed, err := l.Retain(start); removed < 2*segmentSize || err != nil {
		t.Errorf("removed %d, %v", removed, err)
	}
}

func TestRetainLeavesTheRest(t *testing.T) {
	dir := t.TempDir()
	opt := Options{MaxAge: time.Hour}
	l := open(t, dir, opt)
	appendN(t, l, 20, same("a"))
	mark := HighWater{Minion: "web1", Inc: 5, Seq: 20, Sum: 7, Updated: at(1)}
	b := l.NewBatch()
	for _, j := range []job.Job{
		{JID: "old-done", Target: "web1", Created: at(1), Updated: at(2), Status: job.Succeeded},
		{JID: "old-open", Target: "web1", Created: at(1), Updated: at(2), Status: job.Waiting},
		{JID: "old-done-late", Target: "web1", Created: at(1), Updated: at(15), Status: job.Failed},
		{JID: "new-done", Target: "web1", Created: at(15), Updated: at(16), Status: job.Succeeded},
	} {
		b.PutJob(j)
	}
	b.SetHighWater(mark)
	b.PutVerdicts(9, []byte("nine"))
	b.PutVerdicts(10, []byte("ten"))
	b.PutReactor("rule", []byte("state"))
	b.SetCursor(20)
	b.PutRecord("keys", "web1", []byte("key"))
	if err := l.Commit(b); err != nil {
		t.Fatal(err)
	}
	if removed, err := l.Retain(at(10).Add(time.Hour)); removed != 9 || err != nil {
		t.Fatal(removed, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, opt)
	if got := jids(t, l, JobQuery{}); !slices.Equal(got, []string{"old-done-late", "old-open", "new-done"}) {
		t.Errorf("jobs: %v", got)
	}
	for h, err := range l.HighWaters() {
		if err != nil || h != mark {
			t.Errorf("%+v, %v", h, err)
		}
	}
	if _, err := l.Verdicts(9); !errors.Is(err, ErrNotFound) {
		t.Errorf("verdicts of an event that is gone: %v", err)
	}
	if v, err := l.Verdicts(10); string(v) != "ten" || err != nil {
		t.Errorf("verdicts: %q, %v", v, err)
	}
	if v, err := l.Record("keys", "web1"); string(v) != "key" || err != nil {
		t.Errorf("record: %q, %v", v, err)
	}
	if c, err := l.Cursor(); c != 20 || err != nil {
		t.Errorf("cursor: %d, %v", c, err)
	}
	verify(t, l)
}

func TestRetainNothingSet(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	appendN(t, l, 10, same("a"))
	if removed, err := l.Retain(start.Add(1000 * time.Hour)); removed != 0 || err != nil {
		t.Fatal(removed, err)
	}
}

// TestErasEnd: events on both sides of where the keys by id begin anew.
func TestErasEnd(t *testing.T) {
	l := open(t, t.TempDir(), Options{MaxAge: time.Hour})
	cause := event.ID{}
	const edge = 1 << eraBits
	m := newMaker(1, 5)
	for m.pos < edge+2*segmentSize {
		b := l.NewBatch()
		for range 5000 {
			e, raw := m.next("web1")
			if e.Pos == 3 {
				cause = e.ID
			}
			if e.Pos%(edge-1000) == 0 || e.Pos == edge+100 {
				e.Causes, raw = []event.ID{cause}, nil
			}
			b.Append(e, raw)
		}
		if err := l.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	find := func(pos uint64, want bool) {
		t.Helper()
		got, ok, err := l.Find(event.ID{Origin: "web1", Inc: benchInc, Seq: pos})
		if err != nil || ok != want || ok && got != pos {
			t.Errorf("find %d: %d, %v, %v", pos, got, ok, err)
		}
	}
	for _, pos := range []uint64{1, edge - 1, edge, edge + 1, m.pos - 1} {
		find(pos, true)
	}
	if got, err := l.Effects(cause); err != nil || !slices.Equal(got, []uint64{edge - 1000, edge + 100}) {
		t.Errorf("effects: %v, %v", got, err)
	}
	e, err := l.Get(edge + 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Retain(e.Received.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	find(1, false)
	find(edge+9, false)
	find(edge+10, true)
	if got, err := l.Effects(cause); err != nil || !slices.Equal(got, []uint64{edge + 100}) {
		t.Errorf("effects after retention: %v, %v", got, err)
	}
	if _, err := l.value(runKey(0, cause)); !errors.Is(err, ErrNotFound) {
		t.Errorf("the index of the era that is gone: %v", err)
	}
}
