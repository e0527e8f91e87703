package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"brine/beacons"
	"brine/internal/beaconset"
)

// host remembers what it is given.
type host struct {
	mu      sync.Mutex
	fired   map[string][]beacons.Signal
	told    []string // beacon/what
	data    []any
	changes map[string]string
	fail    error
}

func newHost() *host {
	return &host{fired: map[string][]beacons.Signal{}, changes: map[string]string{}}
}

func (h *host) Env(beaconset.Instance) beacons.Env { return beacons.Env{Root: "/", Now: time.Now} }

func (h *host) Commit(_ context.Context, in beaconset.Instance, signals []beacons.Signal, changes []beacons.KV) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail != nil {
		return h.fail
	}
	h.fired[in.Name] = append(h.fired[in.Name], signals...)
	for _, kv := range changes {
		h.changes[kv.Key] = string(kv.Value)
	}
	return nil
}

func (h *host) Changes(beaconset.Instance) beacons.Baseline { return kept{h} }

func (h *host) Tell(_ context.Context, name, what string, data any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told, h.data = append(h.told, name+"/"+what), append(h.data, data)
}

func (h *host) telling() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.told, " ")
}

func (h *host) count(name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.fired[name])
}

type kept struct{ h *host }

func (k kept) Get(key string) ([]byte, error) { return []byte(k.h.changes[key]), nil }
func (k kept) Each(_ string, f func(string, []byte) error) error {
	for key, v := range k.h.changes {
		if err := f(key, []byte(v)); err != nil {
			return err
		}
	}
	return nil
}

// script is a beacon made of a function.
type script func(ctx context.Context, env beacons.Env, fire beacons.Fire) error

func (script) Validate() error                         { return nil }
func (s script) Beacon(env beacons.Env) beacons.Beacon { return scripted{s, env} }

type scripted struct {
	run script
	env beacons.Env
}

func (s scripted) Run(ctx context.Context, fire beacons.Fire) error { return s.run(ctx, s.env, fire) }

func instance(name, text string, run script) beaconset.Instance {
	return beaconset.Instance{Name: name, Module: beacons.Module{Name: name}, Config: run, Text: text, Common: beaconset.Common{Enabled: true}}
}

// ticking fires one event a second.
func ticking(ctx context.Context, env beacons.Env, fire beacons.Fire) error {
	env.Interval = time.Second
	return env.Every(ctx, func(now time.Time) error {
		return fire(ctx, beacons.Signal{Tag: "tick", Time: now, Data: map[string]any{"n": 1}})
	})
}

// begin runs a supervisor in a bubble of its own time.
func begin(t *testing.T, list ...beaconset.Instance) (*Supervisor, *host, func()) {
	h := newHost()
	s := New(h, slog.New(slog.DiscardHandler), DefaultWaits())
	s.Set(list)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	synctest.Wait()
	return s, h, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// state is that of one beacon.
func state(s *Supervisor, name string) Health {
	for _, h := range s.Health() {
		if h.Name == name {
			return h
		}
	}
	return Health{State: "none"}
}

func TestOneFailsTheOthersGoOn(t *testing.T) {
	for what, bad := range map[string]script{
		"errs":           func(context.Context, beacons.Env, beacons.Fire) error { return errors.New("no") },
		"panics":         func(context.Context, beacons.Env, beacons.Fire) error { panic("no") },
		"ends by itself": func(context.Context, beacons.Env, beacons.Fire) error { return nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			s, h, stop := begin(t, instance("bad", "", bad), instance("good", "", ticking))
			defer stop()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if n := h.count("good"); n < 599 || n > 602 {
				t.Errorf("%s: the other fired %d times in 10 minutes; want 600", what, n)
			}
			if got := h.telling(); got != "bad/failed" {
				t.Errorf("%s: told %q; want one failure, for it is the same each time", what, got)
			}
			if st := state(s, "bad"); st.State != Restarting || st.Failures < 10 || st.Error == "" || st.Restart == nil {
				t.Errorf("%s: %+v", what, st)
			}
			if st := state(s, "good"); st.State != Running || st.Failures != 0 || st.Fired < 599 || st.LastFired == nil {
				t.Errorf("%+v", st)
			}
		})
	}
}

func TestRecovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		s, h, stop := begin(t, instance("b", "", func(ctx context.Context, _ beacons.Env, _ beacons.Fire) error {
			if runs++; runs < 4 {
				return fmt.Errorf("failure %d", min(runs, 2))
			}
			<-ctx.Done()
			return nil
		}))
		defer stop()
		time.Sleep(10 * time.Second) // 1 + 2 + 4
		synctest.Wait()
		if st := state(s, "b"); st.State != Running || st.Failures != 3 || st.Error == "" {
			t.Errorf("started again, not yet well: %+v", st)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := h.telling(); got != "b/failed b/failed b/recovered" { // "failure 2" is told once
			t.Errorf("told %q", got)
		}
		if st := state(s, "b"); st.Failures != 0 || st.Error != "" {
			t.Errorf("%+v", st)
		}
		if r := h.data[2].(RecoveredData); r.Failures != 3 || r.Down < 60 {
			t.Errorf("%+v", r)
		}
	})
}

func TestOneThatDoesNotEndIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		late := make(chan error, 10)
		deaf := func(ctx context.Context, _ beacons.Env, fire beacons.Fire) error {
			<-release
			late <- fire(context.Background(), beacons.Signal{Tag: "late"})
			return nil
		}
		s, h, stop := begin(t, instance("deaf", "1", deaf), instance("good", "", ticking))
		good := instance("good", "", ticking)
		s.Set([]beaconset.Instance{instance("deaf", "2", deaf), good})
		time.Sleep(time.Second)
		synctest.Wait()
		if st := state(s, "deaf"); st.State != Starting {
			t.Errorf("two of one name at once: %+v", st)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if st := state(s, "deaf"); st.State != Running || st.LeftBehind != 1 {
			t.Errorf("%+v", st)
		}
		stop() // the second one is left behind too, and holds nothing up
		if got := h.telling(); got != "deaf/stuck deaf/stuck" {
			t.Errorf("told %q", got)
		}
		close(release)
		synctest.Wait()
		if err := <-late; err == nil || h.count("deaf") != 0 {
			t.Errorf("what was left behind fires: %v", err)
		}
	})
}

func TestASampleThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hang := instance("hang", "", func(ctx context.Context, env beacons.Env, _ beacons.Fire) error {
			return env.Every(ctx, func(time.Time) error { <-release; return nil })
		})
		hang.Common.Interval = time.Second
		s, h, stop := begin(t, hang, instance("good", "", ticking))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if st := state(s, "hang"); st.State != Stuck || st.LeftBehind != MaxLeft || !strings.Contains(st.Error, "a sample has not ended within 2m1s") {
			t.Errorf("%+v", st)
		}
		if got := strings.Count(h.telling(), "hang/stuck"); got != MaxLeft {
			t.Errorf("told %q", h.telling())
		}
		if n := h.count("good"); n < 599 {
			t.Errorf("the other fired %d times", n)
		}
		close(release)
		synctest.Wait()
		if st := state(s, "hang"); st.LeftBehind != 0 {
			t.Errorf("all have ended: %+v", st)
		}
		stop()
	})
}

// A beacon that fires without pause is held to its rate; it is told once, and once when it is over. The others do not notice.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calm atomic.Bool
		flood := instance("flood", "", func(ctx context.Context, _ beacons.Env, fire beacons.Fire) error {
			for ctx.Err() == nil && !calm.Load() {
				if err := fire(ctx, beacons.Signal{Tag: "x", Data: 1}); err != nil {
					return err
				}
			}
			<-ctx.Done()
			return nil
		})
		s, h, stop := begin(t, flood, instance("good", "", ticking))
		defer stop()
		time.Sleep(20 * time.Second)
		calm.Store(true)
		synctest.Wait()
		if n, most := h.count("flood"), CallBurst+20*CallRate+1; n > most || n < most-CallRate {
			t.Errorf("%d events in 20 s; want %d", n, most)
		}
		if n := h.count("good"); n < 19 {
			t.Errorf("the other fired %d times", n)
		}
		if got := h.telling(); got != "flood/flooding" {
			t.Errorf("told %q", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := h.telling(); got != "flood/flooding flood/calmed" {
			t.Errorf("told %q", got)
		}
		if st := state(s, "flood"); st.HeldBack == 0 || st.State != Running {
			t.Errorf("%+v", st)
		}
	})
}

// However few calls they come in, events have a rate of their own.
func TestFloodInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		batch := make([]beacons.Signal, 5*FireBurst/2)
		for i := range batch {
			batch[i].Tag = "x"
		}
		_, h, stop := begin(t, instance("flood", "", func(ctx context.Context, _ beacons.Env, fire beacons.Fire) error {
			if err := fire(ctx, batch...); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		}))
		defer stop()
		held := time.Duration(len(batch)-FireBurst) * time.Second / FireRate
		time.Sleep(held - time.Second)
		synctest.Wait()
		if n := h.count("flood"); n != 0 {
			t.Errorf("%d events, which one commit keeps, too early", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := h.count("flood"); n != len(batch) {
			t.Errorf("%d events", n)
		}
	})
}

func TestSetLeavesAloneWhatDidNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		starts := map[string]int{}
		var mu sync.Mutex
		counted := func(name string) script {
			return func(ctx context.Context, _ beacons.Env, _ beacons.Fire) error {
				mu.Lock()
				starts[name]++
				mu.Unlock()
				<-ctx.Done()
				return nil
			}
		}
		s, _, stop := begin(t, instance("a", "1", counted("a")), instance("b", "1", counted("b")))
		s.Set([]beaconset.Instance{instance("a", "1", counted("a")), instance("b", "2", counted("b")), instance("c", "1", counted("c"))})
		synctest.Wait()
		s.Set([]beaconset.Instance{instance("a", "1", counted("a"))})
		synctest.Wait()
		if got := fmt.Sprint(starts); got != "map[a:1 b:2 c:1]" {
			t.Errorf("started %s", got)
		}
		if got := s.Health(); len(got) != 1 || got[0].Name != "a" {
			t.Errorf("%+v", got)
		}
		for i := range 1000 { // no life remembers those before it
			s.Set([]beaconset.Instance{instance("a", fmt.Sprint(i), counted("a"))})
		}
		synctest.Wait()
		if l := s.lives["a"]; l.before != nil || state(s, "a").State != Running {
			t.Errorf("%+v", state(s, "a"))
		}
		stop()
	})
}

// adjustable takes new options under way.
type adjustable struct {
	script
	took *[]string
	text string
}

func (a adjustable) Beacon(env beacons.Env) beacons.Beacon {
	return adjusting{scripted{a.script, env}, a.took}
}

type adjusting struct {
	scripted
	took *[]string
}

func (a adjusting) Adjust(c beacons.Config) bool {
	*a.took = append(*a.took, c.(adjustable).text)
	return true
}

func TestSetAdjusts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took []string
		starts := 0
		make := func(text string) beaconset.Instance {
			in := instance("a", text, nil)
			in.Config = adjustable{script: func(ctx context.Context, _ beacons.Env, _ beacons.Fire) error {
				starts++
				<-ctx.Done()
				return nil
			}, took: &took, text: text}
			return in
		}
		s, _, stop := begin(t, make("1"))
		s.Set([]beaconset.Instance{make("2")})
		s.Set([]beaconset.Instance{make("2")})
		other := make("3")
		other.Common.OnChangeOnly = true
		s.Set([]beaconset.Instance{other})
		synctest.Wait()
		if fmt.Sprint(took, starts) != "[2] 2" {
			t.Errorf("adjusted %v, started %d times", took, starts)
		}
		stop()
	})
}

func TestDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := instance("off", "", ticking)
		in.Common.Enabled = false
		s, h, stop := begin(t, in)
		time.Sleep(time.Minute)
		if h.count("off") != 0 || state(s, "off").State != Disabled {
			t.Errorf("%d events, %+v", h.count("off"), state(s, "off"))
		}
		s.Set([]beaconset.Instance{instance("off", "on", ticking)})
		synctest.Wait()
		if state(s, "off").State != Running {
			t.Errorf("%+v", state(s, "off"))
		}
		stop()
	})
}
