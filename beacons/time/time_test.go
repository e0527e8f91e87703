package clock

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/linux"
)

// fake is a clock that may be set: this machine's never is.
type fake struct {
	mu     sync.Mutex
	now    linux.Clock
	err    error
	at     time.Duration
	set    chan struct{}
	deaf   bool // the kernel does not tell
	looked time.Duration
}

func newFake() *fake {
	return &fake{now: linux.Clock{Synchronised: true}, set: make(chan struct{}, 16)}
}

func (f *fake) state() (linux.Clock, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now, f.err
}

func (f *fake) sinceBoot() (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = f.at
	return f.at, nil
}

// seen reports whether the clock was looked at since it was set.
func (f *fake) seen() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.looked == f.at
}

func (f *fake) watch() (watcher, error) {
	if f.deaf {
		return nil, errors.New("not here")
	}
	return f, nil
}

func (f *fake) Close() error { return nil }

func (f *fake) Wait(ctx context.Context) (bool, error) {
	select {
	case <-f.set:
		return true, nil
	case <-ctx.Done():
		return false, nil
	}
}

func (f *fake) step(d time.Duration) {
	f.mu.Lock()
	f.at += d
	f.mu.Unlock()
	f.set <- struct{}{}
}

func (f *fake) become(c linux.Clock) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = c
}

func with(f *fake) beacons.Module {
	m := Module()
	m.Config = func() beacons.Config {
		c := defaults()
		c.clock = f
		return c
	}
	return m
}

func TestConformance(t *testing.T) {
	steps := newFake()
	beacontest.Run(t, with(steps), beacontest.Case{Name: "a step", Config: `{}`, System: true,
		Act: func(*testing.T, string) { steps.step(time.Hour) }, Tags: []string{"step"}})
	kept := newFake()
	beacontest.Run(t, with(kept), beacontest.Case{Name: "the time service stops", Config: `{most: {above: 1s}}`, System: true,
		Setup: func(*testing.T, string) { kept.become(linux.Clock{Synchronised: true}) },
		Act:   func(*testing.T, string) { kept.become(linux.Clock{Most: 16 * time.Second}) }, Tags: []string{"unsynchronised", "most"}})
}

// On this machine's own clock, which nobody sets meanwhile.
func TestThisMachine(t *testing.T) {
	l := beacontest.Start(t, Module(), `{offset: {off: true}}`, beacons.Env{Interval: time.Hour})
	l.Quiet(50 * time.Millisecond)
}

// The kernel wakes the beacon: there is an hour until the next look.
func TestStepsAreTold(t *testing.T) {
	f := newFake()
	l := beacontest.Start(t, with(f), `{}`, beacons.Env{Interval: time.Hour})
	wait(t, func() bool { return l.Kept(synchronised) }) // the first look is over
	for _, d := range []time.Duration{-3 * time.Second, 100 * time.Millisecond} {
		f.step(99 * time.Millisecond) // not told, nor added to the next
		wait(t, func() bool { return f.seen() })
		f.step(d)
		told := l.Next("step")
		if got := told.Data.(Data); got.Amount != d.Seconds() || got.Before != told.Time.Add(-d) {
			t.Errorf("%s: %+v", d, got)
		}
	}
	if l.Told() != 0 {
		t.Error("more is told")
	}
}

// Where the kernel does not tell, the clock is compared once an interval.
func TestStepsWithoutTheKernel(t *testing.T) {
	f := newFake()
	f.deaf = true
	l := beacontest.Start(t, with(f), `{step: 1s}`, beacons.Env{Interval: 5 * time.Millisecond})
	wait(t, func() bool { return l.Kept(synchronised) })
	f.step(time.Minute)
	if d := l.Next("step").Data.(Data); d.Amount != 60 {
		t.Errorf("%+v", d)
	}
}

func TestSynchronisedAgain(t *testing.T) {
	f := newFake()
	f.become(linux.Clock{Estimated: 16 * time.Second, Most: 16 * time.Second})
	l := beacontest.Start(t, with(f), `{failures: 2, slow: {of: offset, above: 100ms}}`, beacons.Env{Interval: 5 * time.Millisecond})
	if d := l.Next("unsynchronised").Data.(Data); d.Synchronised || d.Since.IsZero() || d.Most != 16 {
		t.Errorf("%+v", d)
	}
	f.become(linux.Clock{Synchronised: true, Offset: -250 * time.Millisecond})
	if d := l.Next("synchronised").Data.(Data); !d.Synchronised || d.Lasted < 0 {
		t.Errorf("%+v", d)
	}
	if d := l.Next("slow").Data.(Data); d.State != "entered" || d.Value != 0.25 || d.Offset != -0.25 || d.Threshold != 0.1 {
		t.Errorf("%+v", d)
	}
	f.become(linux.Clock{Synchronised: true, Offset: time.Millisecond})
	if d := l.Next("slow/cleared").Data.(Data); d.State != "left" || d.Worst != 0.25 {
		t.Errorf("%+v", d)
	}
}

// A sandbox without adjtimex: steps alone are told.
func TestStateMayNotBeAsked(t *testing.T) {
	f := newFake()
	f.err = linux.ErrAbsent
	l := beacontest.Start(t, with(f), `{}`, beacons.Env{Interval: 5 * time.Millisecond})
	l.Quiet(50 * time.Millisecond)
	f.step(time.Second)
	l.Next("step")
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`step: 0s`:                            "step: 0s; want 1ms to 24h",
		`failures: 0`:                         "failures: 0; want 1 to 100",
		`far: {above: 1s}`:                    `far: of: "far"; want one of offset, estimated, most`,
		`offset: {above: 5%}`:                 "offset: 5% is a share",
		`synchronised: {of: most, above: 1s}`: "synchronised: a limit cannot have this name",
		`offset: {above: 1s, server: x}`:      `unknown key "server"`,
	})
}

func wait(t *testing.T, until func() bool) {
	t.Helper()
	for end := time.Now().Add(beacontest.Patience); !until(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come to pass")
		}
	}
}
