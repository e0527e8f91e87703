package master

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/eventlog"
	statelist "brine/states/all"
)

// opened makes a master whose data lies in dir. It does not run yet.
func opened(t *testing.T, dir string) *Master {
	t.Helper()
	c := DefaultConfig()
	c.Listen, c.DataDir, c.Tap = config.Strings{"tcp://127.0.0.1:0"}, dir, ""
	c.FileRoots, c.ReactorDirs = []string{t.TempDir()}, []string{t.TempDir()}
	m, err := New(Options{Config: &c, States: statelist.List(), Version: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// running runs it for as long as f takes.
func running(t *testing.T, m *Master, f func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	<-m.Ready()
	f()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func fire(t *testing.T, m *Master, n int) (last uint64) {
	t.Helper()
	for i := range n {
		e, err := m.Fire(t.Context(), fmt.Sprint("work/", i), nil, "root")
		if err != nil {
			t.Fatal(err)
		}
		last = e.Pos
	}
	return last
}

// A log whose end is gone says so, once, in an event.
func TestLostTailIsTold(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	older := filepath.Join(t.TempDir(), "older")
	m := opened(t, dir)
	var first, last uint64
	running(t, m, func() {
		first = fire(t, m, 3) + 1
		if err := m.store.Checkpoint(older); err != nil {
			t.Error(err)
		}
		last = fire(t, m, 4)
	})
	head, err := os.ReadFile(filepath.Join(log, "HEAD"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(older, "HEAD"), head, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(log); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(older, log); err != nil {
		t.Fatal(err)
	}
	for life := range 3 {
		m := opened(t, dir)
		running(t, m, func() {
			fire(t, m, 1) // what was said before is stored
			pattern, err := event.ParsePattern("brine/master/lost")
			if err != nil {
				t.Fatal(err)
			}
			told := 0
			for e, err := range m.Events(t.Context(), eventlog.Query{Tag: &pattern}) {
				if err != nil {
					continue // positions of which nothing is known
				}
				var d lostData
				if err := e.Data.Decode(&d); err != nil || d.First != first || d.Last != last {
					t.Errorf("told are %+v (%v), lost were %d to %d", d, err, first, last)
				}
				told++
			}
			if told != 1 {
				t.Errorf("told %d times in life %d", told, life)
			}
		})
	}
}

// An event to which more is due than the log gives at once has a trace all the same.
func TestTraceOfTooManyEffectsIsCut(t *testing.T) {
	m := opened(t, t.TempDir())
	defer m.store.Close()
	cause := event.ID{Origin: event.Master, Inc: 1, Seq: 1}
	b := m.store.NewBatch()
	for pos := uint64(1); pos <= eventlog.MaxEffects+2; pos++ {
		e := event.Event{Pos: pos, ID: event.ID{Origin: event.Master, Inc: 1, Seq: pos}, Tag: "work/x", Time: start, Received: start}
		if pos > 1 {
			e.Causes = []event.ID{cause}
		}
		b.Append(e, nil)
		if pos%4096 == 0 || pos == eventlog.MaxEffects+2 {
			if err := m.store.Commit(b); err != nil {
				t.Fatal(err)
			}
			b = m.store.NewBatch()
		}
	}
	b.Discard()
	tr, err := m.Trace(cause.String())
	if err != nil || !tr.Cut || len(tr.Effects) != maxTrace-1 {
		t.Fatal(err, tr != nil && tr.Cut)
	}
}
