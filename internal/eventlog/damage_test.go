package eventlog

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"brine/internal/event"
)

func TestDamagedRecordsAreToldAndOthersRead(t *testing.T) {
	const n = 2*segmentSize + 100
	dir := t.TempDir()
	l := open(t, dir, Options{})
	appendN(t, l, n, same("a"))
	spoil := func(pos uint64, f func(v []byte) []byte) {
		key := posKey(kindEvent, pos)
		v, done, err := l.db.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		v = f(slices.Clone(v))
		_ = done.Close()
		if v == nil {
			err = l.db.Delete(key, nil)
		} else {
			err = l.db.Set(key, v, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	other, done, err := l.db.Get(posKey(kindEvent, 1))
	if err != nil {
		t.Fatal(err)
	}
	other = slices.Clone(other)
	_ = done.Close()
	spoil(5, func(v []byte) []byte { v[len(v)-1] ^= 1; return v })
	spoil(6, func(v []byte) []byte { v[0] ^= 1; return v })
	spoil(70, func(v []byte) []byte { return v[:3] })
	spoil(4096, func([]byte) []byte { return other }) // whole, but another's
	spoil(5000, func([]byte) []byte { return nil })
	spoil(5001, func([]byte) []byte { return nil })
	spoil(n-1, func(v []byte) []byte { v[9] ^= 1; return v })

	bad := []int{5, 6, 70, 4096, 5000, 5001, n - 1}
	want := upTo(1, n)
	for _, p := range bad {
		want[p-1] = -p
	}
	for _, when := range []string{"at once", "after opening again"} {
		wantPositions(t, l, Query{}, want)
		wantPositions(t, l, Query{Tag: pattern(t, "a")}, want)
		wantPositions(t, l, Query{From: 60, To: 75}, want[59:75])
		for _, p := range bad {
			var d *DamagedError
			if _, err := l.Get(uint64(p)); !errors.As(err, &d) || d.First != uint64(p) || !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: get %d: %v", when, p, err)
			}
			if _, ok, err := l.Find(ev(uint64(p), "").ID); ok || !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: find of what stood at %d: %v, %v", when, p, ok, err)
			}
		}
		back := positions(t, l, Query{Reverse: true})
		slices.SortFunc(back, func(a, b int) int { return max(a, -a) - max(b, -b) })
		if !slices.Equal(back, want) {
			t.Errorf("%s: backwards: %s", when, short(back))
		}
		r, err := l.Verify(context.Background(), nil)
		if err != nil || r.Events != n-7 || r.Damaged != 7 || r.Faults == 0 {
			t.Errorf("%s: verify: %+v, %v", when, r, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = open(t, dir, Options{})
	}
	commit(t, l, ev(n+1, "b"))
	wantPositions(t, l, Query{Tag: pattern(t, "b")}, []int{-(n - 1), n + 1})
}

func TestDamagedIndexIsNotBelieved(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	cause := ev(1, "b").ID
	commit(t, l, ev(1, "b"))
	effect := ev(2, "b")
	effect.Causes = []event.ID{cause}
	commit(t, l, effect)
	appendN(t, l, 2*segmentSize, same("a"))
	spoil := func(key []byte) {
		v, done, err := l.db.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		v = slices.Clone(v)
		_ = done.Close()
		v[len(v)-1] ^= 0x80
		if err := l.db.Set(key, v, nil); err != nil {
			t.Fatal(err)
		}
	}
	spoil(posKey(kindSegment, 0))
	wantPositions(t, l, Query{Tag: pattern(t, "b")}, []int{1, 2}) // slower, but right
	spoil(runKey(0, cause))
	if _, ok, err := l.Find(cause); ok || !errors.Is(err, ErrDamaged) {
		t.Errorf("find: %v, %v", ok, err)
	}
	spoil(causeKey(2, cause))
	if _, err := l.Effects(cause); !errors.Is(err, ErrDamaged) {
		t.Errorf("effects: %v", err)
	}
	if r, err := l.Verify(context.Background(), nil); err != nil || r.Faults < 3 {
		t.Errorf("verify: %+v, %v", r, err)
	}
}

// TestLostTail: what had been acknowledged is not there when the log is opened, and Pebble sees nothing wrong.
func TestLostTail(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	appendN(t, l, 1000, same("a"))
	older := filepath.Join(t.TempDir(), "older")
	if err := l.Checkpoint(older); err != nil {
		t.Fatal(err)
	}
	appendN(t, l, 572, same("a"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	head, err := os.ReadFile(filepath.Join(l.dir, headName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(older, headName), head, 0o600); err != nil {
		t.Fatal(err)
	}
	want := append(upTo(1, 1000), upTo(1001, 1572)...)
	for i := 1000; i < 1572; i++ {
		want[i] = -want[i]
	}
	for range 2 {
		l = open(t, older, Options{})
		if first, last := l.Lost(); first != 1001 || last != 1572 {
			t.Fatalf("lost %d to %d", first, last)
		}
		wantPositions(t, l, Query{}, want)
		wantPositions(t, l, Query{Tag: pattern(t, "b")}, want[1000:1572]) // nobody knows what they were
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l = open(t, older, Options{})
	commit(t, l, ev(1573, "b")) // positions are not given twice
	wantPositions(t, l, Query{From: 1572}, []int{-1572, 1573})
	r, err := l.Verify(context.Background(), nil)
	if err != nil || r.Events != 1001 || r.Damaged != 572 {
		t.Fatalf("verify: %+v, %v", r, err)
	}
}

func TestHeadFileDamaged(t *testing.T) {
	for _, text := range []string{"", "x", strings.Repeat("y", 100)} {
		dir := t.TempDir()
		l := open(t, dir, Options{})
		appendN(t, l, 10, same("a"))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, headName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l = open(t, dir, Options{})
		if n := verify(t, l); n != 10 {
			t.Fatalf("%d events", n)
		}
	}
}

// TestFlippedBits: whatever is flipped in the files, every event that is given is the one that was written, and each
// that is not given is told as damaged, or the log does not open and says so.
func TestFlippedBits(t *testing.T) {
	const n = 5000
	dir := t.TempDir()
	l := open(t, dir, Options{MemTable: 256 << 10})
	appendN(t, l, n, same("a/b"))
	whole := filepath.Join(t.TempDir(), "whole")
	if err := os.CopyFS(whole, os.DirFS(dir)); err != nil { // as kill -9 would leave it: the write-ahead log is in use
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	rounds := 40
	if testing.Short() {
		rounds = 20
	}
	told := map[string]int{}
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 1))
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		name := flip(t, copied, rng)
		told[checkFlipped(t, copied, name, n)]++
		if err := os.RemoveAll(copied); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(told)
}

// flip changes some bits of one file and returns its name.
func flip(t *testing.T, dir string, rng *rand.Rand) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for {
		name := files[rng.IntN(len(files))]
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			continue
		}
		at := rng.IntN(len(b))
		for i := range 1 + rng.IntN(3) {
			b[(at+i)%len(b)] ^= byte(1 << rng.IntN(8))
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
}

// checkFlipped says how the damage showed.
func checkFlipped(t *testing.T, dir, name string, n int) string {
	t.Helper()
	l, err := Open(dir, Options{MemTable: 256 << 10})
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: it does not open, but not for damage: %v", name, err)
		}
		return "does not open"
	}
	defer l.Close()
	whole, damaged := 0, 0
	for e, err := range l.Scan(context.Background(), Query{}) {
		var d *DamagedError
		switch want := ev(e.Pos, "a/b"); {
		case errors.As(err, &d) && d.First > 0:
			damaged += int(d.Last - d.First + 1)
		case err != nil:
			t.Fatalf("%s: %v", name, err)
		case e.ID != want.ID || e.Tag != want.Tag || !e.Time.Equal(want.Time) || !e.Received.Equal(want.Received):
			t.Fatalf("%s: a wrong event is given: %+v", name, e)
		default:
			whole++
		}
	}
	if whole+damaged != n {
		t.Errorf("%s: %d events and %d told as damaged, of %d", name, whole, damaged, n)
	}
	if _, err := l.Verify(context.Background(), nil); err != nil {
		t.Errorf("%s: verify: %v", name, err)
	}
	_, last := l.Head()
	b := l.NewBatch()
	defer b.Discard()
	b.Append(ev(last+1, "c"), nil)
	if err := l.Commit(b); err != nil {
		t.Errorf("%s: commit: %v", name, err)
	}
	if damaged > 0 {
		return "told"
	}
	return "no harm"
}

func TestRecoveredPanicsAreErrors(t *testing.T) {
	f := func() (err error) {
		defer recovered(&err)
		panic("of the store")
	}
	if err := f(); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	if _, err := openStore("", &pebble.Options{EventListener: &pebble.EventListener{}, FS: nil, ReadOnly: true}); err == nil {
		t.Fatal("opened nothing")
	}
}

// TestCutWriteAheadLog: the end of the write-ahead log is gone, as after a crash with damage. Only the file beside the
// store, which is written without being synced, knows how far it went.
func TestCutWriteAheadLog(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	for pos := range uint64(500) {
		commit(t, l, ev(pos+1, "a"))
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(l.dir)); err != nil { // not closed: as kill -9 would leave it
		t.Fatal(err)
	}
	wals, err := filepath.Glob(filepath.Join(copied, "*.log"))
	if err != nil || len(wals) != 1 {
		t.Fatal(wals, err)
	}
	if err := os.Truncate(wals[0], 30_000); err != nil {
		t.Fatal(err)
	}
	c := open(t, copied, Options{})
	first, last := c.Lost()
	if first < 2 || last != 500 {
		t.Fatalf("lost %d to %d", first, last)
	}
	if got := positions(t, c, Query{}); len(got) != 500 || got[first-2] != int(first-1) || got[first-1] != -int(first) || got[499] != -500 {
		t.Fatalf("positions: %s", short(got))
	}
}
