package eventlog

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// compactor is a store that always has one more compaction to do, as long as want is not reached.
type compactor struct {
	mu      sync.Mutex
	waiting bool
	begun   []time.Duration
	at      time.Time
}

func (c *compactor) GetAllowedWithoutPermission() int { return 1 }

func (c *compactor) GetWaitingCompaction() (bool, pebble.WaitingCompaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting, pebble.WaitingCompaction{}
}

func (c *compactor) Schedule(pebble.CompactionGrantHandle) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = append(c.begun, time.Since(c.at).Round(time.Millisecond))
	return c.waiting
}

func (c *compactor) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.begun)
}

func TestSchedulerWaitsAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := &compactor{at: time.Now()}, newScheduler()
		s.Register(1, c)
		ok, h := s.TrySchedule()
		if !ok {
			t.Fatal("the first is not granted")
		}
		if ok, _ := s.TrySchedule(); ok {
			t.Fatal("two at once")
		}
		c.waiting = true
		s.ended(nil)
		h.Done()
		if c.count() != 1 {
			t.Fatal("what waits is not granted when the one before is done")
		}
		for range 3 { // what was granted fails, and waits at once to be tried again
			s.ended(errors.New("damaged"))
			s.Done()
			if ok, _ := s.TrySchedule(); ok {
				t.Fatal("granted right after a failure")
			}
			before := c.count()
			time.Sleep(s.wait)
			synctest.Wait()
			if c.count() != before+1 {
				t.Fatal("not tried again")
			}
		}
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}
		for i := range want {
			if c.begun[i] != want[i] {
				t.Fatalf("begun at %v, want %v", c.begun, want)
			}
		}
		s.ended(nil)
		if s.wait != 0 {
			t.Fatal("success does not end the waiting")
		}
		s.Unregister()
		s.Done()
		if ok, _ := s.TrySchedule(); ok || c.count() != len(want) {
			t.Fatal("granted after the end")
		}
	})
}

// counter counts what is logged as an error.
type counter struct {
	slog.Handler
	errors atomic.Int64
}

func (c *counter) Enabled(context.Context, slog.Level) bool { return true }

func (c *counter) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		c.errors.Add(1)
	}
	return nil
}

// TestDamagedTableStopsNobody: a table that compactions cannot read must neither stop commits nor be tried at full
// speed.
func TestDamagedTableStopsNobody(t *testing.T) {
	dir := t.TempDir()
	opt := Options{MemTable: 256 << 10}
	l := open(t, dir, opt)
	appendN(t, l, 5000, same("a"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	for _, name := range tables {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/3] ^= 0x10
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := &counter{}
	opt.Log = slog.New(c)
	l = open(t, dir, opt)
	appendN(t, l, 20000, same("b"))
	if got := positions(t, l, Query{From: 5001}); len(got) != 20000 || got[0] != 5001 {
		t.Fatalf("%d events", len(got))
	}
	if n := c.errors.Load(); n == 0 || n > 30 {
		t.Fatalf("%d errors were logged", n)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
