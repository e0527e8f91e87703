package beacontest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"brine/beacons"
	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/watch"
)

// host is what a minion is to a beacon.
type host struct {
	t       *testing.T
	module  beacons.Module
	root    string
	conf    beacons.Config
	files   *watch.Watcher
	leaks   goleak.Option
	changed chan struct{}

	mu    sync.Mutex
	kept  map[string][]byte
	tags  []string
	fires int
	fail  int // the next fires that fail
	log   bytes.Buffer

	interval time.Duration
	mayEnd   bool // with an error: it is started again, as the minion does
	lenient  bool // what is fired is not looked at
}

var errFull = errors.New("the outbox is full")

func newHost(t *testing.T, m beacons.Module, c Case) *host {
	t.Helper()
	h := &host{t: t, module: m, root: t.TempDir(), conf: m.Config(), leaks: goleak.IgnoreCurrent(),
		kept: map[string][]byte{}, changed: make(chan struct{}, 1), interval: cmp.Or(c.Interval, DefaultInterval)}
	if c.Setup != nil {
		c.Setup(t, h.root)
	}
	n, faults := config.Parse("case.yaml", []byte(c.Config))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	if err := n.Decode(h.conf).Err(); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.files, err = watch.New(slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) close() {
	if err := h.files.Close(); err != nil {
		h.t.Error(err)
	}
	if err := goleak.Find(h.leaks); err != nil {
		h.t.Error(err)
	}
}

// run starts the beacon; wait returns when it has ended, which it must with the context.
func (h *host) run(ctx context.Context) (wait func()) {
	env := beacons.Env{
		Root:     h.root,
		Log:      slog.New(slog.NewTextHandler(logTo{h}, nil)),
		Files:    h.files,
		Own:      func(string) (beacons.Expected, bool) { return beacons.Expected{}, false },
		Baseline: h,
		Now:      time.Now,
		Interval: h.interval,
	}
	done := make(chan error, 1)
	go func() {
		for {
			err := h.once(ctx, env)
			if err == nil && ctx.Err() == nil {
				h.t.Error("the beacon ended by itself, without an error")
			}
			if err == nil || ctx.Err() != nil || !h.mayEnd {
				done <- err
				return
			}
			time.Sleep(restart)
		}
	}()
	return func() {
		h.t.Helper()
		<-ctx.Done()
		select {
		case err := <-done:
			if err != nil && !h.mayEnd {
				h.t.Errorf("the beacon ended with an error: %v", err)
			}
		case <-time.After(Patience):
			h.t.Fatal("the beacon did not stop when it was cancelled")
		}
	}
}

// restart is how long a beacon that failed waits before it is started again.
const restart = 5 * time.Millisecond

func (h *host) once(ctx context.Context, env beacons.Env) (err error) {
	defer func() {
		if r := recover(); r != nil {
			h.t.Errorf("panic: %v\n%s", r, debug.Stack())
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return h.conf.Beacon(env).Run(ctx, h.fire)
}

// logTo collects what the beacon logs from the level info on.
type logTo struct{ h *host }

func (l logTo) Write(p []byte) (int, error) {
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	return l.h.log.Write(p)
}

// quietLog sees that nothing was logged: what happens is told by events, and what is in order by nothing.
func (h *host) quietLog() {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.log.Len() > 0 {
		h.t.Errorf("logged, though nothing is wrong:\n%s", h.log.String())
	}
	h.log.Reset()
}

// start starts the beacon; stop cancels it and waits.
func (h *host) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	wait := h.run(ctx)
	return func() { h.t.Helper(); cancel(); wait() }
}

func (h *host) fire(_ context.Context, signals ...beacons.Signal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() {
		select {
		case h.changed <- struct{}{}:
		default:
		}
	}()
	if h.fail > 0 {
		h.fail--
		return errFull
	}
	h.fires++
	for _, s := range signals {
		for _, kv := range s.Set {
			if h.kept[kv.Key] = slices.Clone(kv.Value); kv.Value == nil {
				delete(h.kept, kv.Key)
			}
		}
		if s.Tag != "" {
			h.check(s)
			h.tags = append(h.tags, s.Tag)
		}
	}
	return nil
}

// check sees that a signal can become an event.
func (h *host) check(s beacons.Signal) {
	if h.lenient {
		return
	}
	tag := "brine/beacon/" + strings.Repeat("m", event.MaxMinionID) + "/" + h.module.Name + "/" + s.Tag
	if err := event.CheckTag(tag); err != nil {
		h.t.Error(err)
	}
	if got, want := reflect.TypeOf(s.Data), reflect.TypeOf(h.module.Data); got != want {
		h.t.Errorf("%s: the data is a %v; the module declares a %v", s.Tag, got, want)
	}
	data, err := event.Encode(s.Data)
	if err == nil {
		err = data.Valid()
	}
	if err != nil {
		h.t.Errorf("%s: %v", s.Tag, err)
	}
	if s.Own {
		h.t.Errorf("%s: marked as Brine's own, which wrote nothing", s.Tag)
	}
}

// failing makes the next n fires fail.
func (h *host) failing(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail = n
}

func (h *host) ready(c Case) {
	h.t.Helper()
	if c.Ready == nil {
		h.wait(quiet, func() bool { return h.fires > 0 })
		return
	}
	if !h.wait(Patience, func() bool { return c.Ready(h.kept) }) {
		h.t.Fatal("the first look did not end")
	}
}

func (h *host) wait(limit time.Duration, ok func() bool) bool {
	end := time.After(limit)
	for {
		h.mu.Lock()
		done := ok()
		h.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-h.changed:
		case <-end:
			return false
		}
	}
}

// until waits for signals under all these tags, and takes them.
func (h *host) until(tags []string) {
	h.t.Helper()
	if !h.wait(Patience, func() bool { return len(h.tags) >= len(tags) }) {
		h.t.Fatalf("told %q, want %q", h.tags, tags)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	got, want := slices.Sorted(slices.Values(h.tags)), slices.Sorted(slices.Values(tags))
	if !slices.Equal(got, want) {
		h.t.Errorf("told %q, want %q", got, want)
	}
	h.tags = nil
}

func (h *host) silent(when string) {
	h.t.Helper()
	if h.wait(quiet, func() bool { return len(h.tags) > 0 }) {
		h.t.Errorf("told %q %s", h.tags, when)
	}
}

// Get implements beacons.Baseline.
func (h *host) Get(key string) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.kept[key]), nil
}

// Each implements beacons.Baseline.
func (h *host) Each(prefix string, f func(string, []byte) error) error {
	h.mu.Lock()
	kept := map[string][]byte{}
	for k, v := range h.kept {
		if strings.HasPrefix(k, prefix) {
			kept[k] = v
		}
	}
	h.mu.Unlock()
	keys := make([]string, 0, len(kept))
	for k := range kept {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if err := f(k, kept[k]); err != nil {
			return err
		}
	}
	return nil
}

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func below(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
