package beacontest

import (
	"context"
	"errors"
	"log/slog"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/config"
	"brine/internal/watch"
)

// Live is a beacon that runs on this host, for tests that do something real and wait for what is told of it.
type Live struct {
	t       *testing.T
	signals chan beacons.Signal
	mu      sync.Mutex
	kept    map[string][]byte
	passed  []string // tags that Next went past
}

// Start runs a module's beacon with a configuration, as YAML below its name, until the test ends. What env leaves empty is filled in:
// this host's root, a file watcher, baselines in memory, the module's interval.
func Start(t *testing.T, m beacons.Module, options string, env beacons.Env) *Live {
	t.Helper()
	c := m.Config()
	n, faults := config.Parse("case.yaml", []byte(options))
	if err := errors.Join(faults.Err(), n.Decode(c).Err()); err != nil {
		t.Fatal(err)
	}
	l := &Live{t: t, signals: make(chan beacons.Signal, 4096), kept: map[string][]byte{}}
	files, err := watch.New(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if env.Root == "" {
		env.Root = "/"
	}
	if env.Interval == 0 {
		env.Interval = m.Interval
	}
	env.Log, env.Files, env.Baseline, env.Now = slog.New(slog.NewTextHandler(t.Output(), nil)), files, (*liveBaseline)(l), time.Now
	env.Own = func(string) (beacons.Expected, bool) { return beacons.Expected{}, false }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Beacon(env).Run(ctx, l.fire) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the beacon ended with an error: %v", err)
			}
		case <-time.After(Patience):
			t.Error("the beacon did not stop when it was cancelled")
		}
		if err := files.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *Live) fire(ctx context.Context, signals ...beacons.Signal) error {
	l.mu.Lock()
	for _, s := range signals {
		for _, kv := range s.Set {
			if kv.Value == nil {
				delete(l.kept, kv.Key)
			} else {
				l.kept[kv.Key] = kv.Value
			}
		}
	}
	l.mu.Unlock()
	for _, s := range signals {
		if s.Tag == "" {
			continue
		}
		select {
		case l.signals <- s:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Next waits for the next signal with a tag, and goes past others.
func (l *Live) Next(tag string) beacons.Signal {
	l.t.Helper()
	return l.Find(tag, func(s beacons.Signal) bool { return s.Tag == tag })
}

// Find waits for the next signal that is meant, and goes past others.
func (l *Live) Find(what string, meant func(beacons.Signal) bool) beacons.Signal {
	l.t.Helper()
	limit := time.After(Patience)
	for {
		select {
		case s := <-l.signals:
			if meant(s) {
				return s
			}
			l.passed = append(l.passed, s.Tag)
		case <-limit:
			l.t.Fatalf("no signal %s within %s; others: %s", what, Patience, strings.Join(l.passed, " "))
		}
	}
}

// Quiet sees that nothing is told for a while.
func (l *Live) Quiet(d time.Duration) {
	l.t.Helper()
	select {
	case s := <-l.signals:
		l.t.Errorf("%s: %+v is told, and nothing has happened", s.Tag, s.Data)
	case <-time.After(d):
	}
}

// Told is how many signals wait to be looked at.
func (l *Live) Told() int { return len(l.signals) }

// Kept reports whether a baseline is set.
func (l *Live) Kept(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept[key] != nil
}

// liveBaseline are the baselines of a Live.
type liveBaseline Live

// Get implements beacons.Baseline.
func (l *liveBaseline) Get(key string) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept[key], nil
}

// Each implements beacons.Baseline.
func (l *liveBaseline) Each(prefix string, f func(string, []byte) error) error {
	l.mu.Lock()
	kept := map[string][]byte{}
	var keys []string
	for k, v := range l.kept {
		if strings.HasPrefix(k, prefix) {
			keys, kept[k] = append(keys, k), v
		}
	}
	l.mu.Unlock()
	sort.Strings(keys)
	for _, k := range keys {
		if err := f(k, kept[k]); err != nil {
			return err
		}
	}
	return nil
}

// Busy keeps n processors busy, as far as there are so many, until the test ends.
func Busy(t *testing.T, n int) {
	t.Helper()
	var stop atomic.Bool
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for !stop.Load() { // on purpose
			}
		})
	}
	t.Cleanup(func() { stop.Store(true); all.Wait() })
}
