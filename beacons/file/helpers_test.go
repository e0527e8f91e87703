package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"brine/beacons"
	"brine/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// store is the minion's memory: baselines and signals, kept together or not at all.
type store struct {
	mu      sync.Mutex
	kept    map[string][]byte
	signals []beacons.Signal
	fires   int
	fail    error
	more    chan struct{}
	hook    func([]beacons.Signal)
}

func newStore() *store { return &store{kept: map[string][]byte{}, more: make(chan struct{}, 1)} }

func (s *store) fire(_ context.Context, signals ...beacons.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fires++
	defer func() {
		select {
		case s.more <- struct{}{}:
		default:
		}
	}()
	if s.fail != nil {
		return s.fail
	}
	if s.hook != nil {
		s.hook(signals)
	}
	for _, g := range signals {
		for _, kv := range g.Set {
			if kv.Value == nil {
				delete(s.kept, kv.Key)
			} else {
				s.kept[kv.Key] = slices.Clone(kv.Value)
			}
		}
		if g.Tag != "" {
			s.signals = append(s.signals, g)
		}
	}
	return nil
}

func (s *store) Get(key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[key], nil
}

func (s *store) Each(prefix string, f func(string, []byte) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := make([]string, 0, len(s.kept))
	for k := range s.kept {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		if err := f(k, s.kept[k]); err != nil {
			return err
		}
	}
	return nil
}

// until waits until ok holds, which is called with the store locked.
func (s *store) until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.After(patience)
	for {
		s.mu.Lock()
		done := ok()
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-s.more:
		case <-end:
			t.Fatalf("waited for %s; signals: %s", what, s.list())
		}
	}
}

func (s *store) list() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, g := range s.signals {
		d := g.Data.(Data)
		b.WriteString("\n  " + d.Change + " " + d.Path + " " + d.Reason)
	}
	return b.String()
}

// take returns the signals so far and forgets them.
func (s *store) take() []beacons.Signal {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.signals
	s.signals = nil
	return got
}

// life is one running beacon on a temporary root.
type life struct {
	*store
	t      testing.TB
	root   string
	beacon beacons.Beacon
	probe  int
	wait   time.Duration // the longest settle time
	stop   func()
}

const probes = "/probes" // a watched folder in which tests make files to know that all before has been seen

type setting func(*beacons.Env)

// begin starts the beacon and returns once it has looked at everything for the first time.
func begin(t testing.TB, root string, s *store, c *Config, settings ...setting) *life {
	t.Helper()
	if _, ok := c.Paths[probes]; !ok {
		zero := time.Duration(0)
		c.Paths[probes] = Options{Settle: &zero}
	}
	must(t, os.MkdirAll(filepath.Join(root, probes), 0o755))
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	w, err := watch.New(log)
	must(t, err)
	env := beacons.Env{Root: root, Log: log, Files: w, Baseline: s, Now: time.Now}
	for _, set := range settings {
		set(&env)
	}
	must(t, c.Validate())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	b := c.Beacon(env)
	go func() { done <- b.Run(ctx, s.fire) }()
	l := &life{store: s, t: t, root: root, beacon: b, wait: DefaultSettle}
	for _, o := range c.Paths {
		l.wait = max(l.wait, o.settle())
	}
	l.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the beacon ended: %v", err)
			}
		case <-time.After(patience):
			t.Error("the beacon did not end")
		}
		must(t, w.Close())
	})
	t.Cleanup(l.stop)
	s.until(t, "the first look", func() bool {
		for p := range c.Paths {
			if s.kept[keyRoot+p] == nil {
				return false
			}
		}
		return true
	})
	return l
}

func (l *life) at(p string) string { return filepath.Join(l.root, p) }

// changes returns "change path" of all that has been told, once everything before has been: what is noted after it, one
// settle time later, has been told too.
func (l *life) changes() []string {
	l.t.Helper()
	l.settle()
	return l.told()
}

// told returns the same of what has been told so far.
func (l *life) told() []string {
	var got []string
	for _, s := range l.take() {
		d := s.Data.(Data)
		if !strings.HasPrefix(d.Path, probes) {
			if d.From != "" {
				d.Change += " " + d.From + " >"
			}
			got = append(got, d.Change+" "+d.Path)
		}
	}
	return got
}

// settle makes a probe file and removes it after a settle time, and waits for that to be told.
func (l *life) settle() {
	l.t.Helper()
	l.probe++
	p := filepath.Join(probes, string(rune('a'+l.probe%26)))
	put(l.t, l.at(p), "x")
	told := func(change string) func() bool {
		return func() bool {
			return slices.ContainsFunc(l.signals, func(s beacons.Signal) bool {
				d := s.Data.(Data)
				return d.Path == p && d.Change == change
			})
		}
	}
	l.until(l.t, "a probe", told(Created))
	<-time.After(l.wait) // the beacon's own bound, not a guess
	must(l.t, os.Remove(l.at(p)))
	l.until(l.t, "a probe's end", told(Removed))
}

func put(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func command(t testing.TB, dir string, args ...string) {
	t.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
}

var errFull = errors.New("the outbox is full")

// deaf is a notifier that tells what a test says.
type deaf struct {
	err  error
	note func(beacons.Note)
}

func (d *deaf) Watch(_ string, _ bool, note func(beacons.Note)) (func(), error) {
	d.note = note
	return func() {}, d.err
}

// counting counts the paths that are watched through it.
type counting struct {
	beacons.Notifier
	watches atomic.Int64
}

func (c *counting) Watch(path string, tree bool, note func(beacons.Note)) (func(), error) {
	c.watches.Add(1)
	return c.Notifier.Watch(path, tree, note)
}

// in is the setting that puts it in force.
func (c *counting) in(env *beacons.Env) { c.Notifier, env.Files = env.Files, c }

// beginDeaf starts the beacon with a notifier of the test's, without probes.
func beginDeaf(t *testing.T, l *life, n *deaf, c *Config) (stop func()) {
	t.Helper()
	env := beacons.Env{Root: l.root, Files: n, Baseline: l.store}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Beacon(env).Run(ctx, l.fire) }()
	l.until(t, "the first look", func() bool { return len(l.kept) >= 2*len(c.Paths) })
	return func() { cancel(); must(t, <-done) }
}

func (l *life) sum(text string) string {
	return hex.EncodeToString(func() []byte { h := sha256.Sum256([]byte(text)); return h[:] }())
}
