package clock

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

const (
	synchronised   = "synchronised"
	unsynchronised = "unsynchronised"
)

// clock is what the beacon looks at.
type clock interface {
	state() (linux.Clock, error)
	sinceBoot() (time.Duration, error)
	watch() (watcher, error) // an error: the clock is compared once an interval instead
}

type watcher interface {
	Wait(ctx context.Context) (bool, error)
	Close() error
}

// kernel is this machine's clock.
type kernel struct{}

func (kernel) state() (linux.Clock, error)       { return linux.ReadClock() }
func (kernel) sinceBoot() (time.Duration, error) { return linux.WallSinceBoot() }
func (kernel) watch() (watcher, error) {
	c, err := linux.OpenClockSet()
	if err != nil {
		return nil, err
	}
	return c, nil
}

type beacon struct {
	config *Config
	env    beacons.Env
	clock  clock
	limits *beacons.Limits
	synced beacons.Streak

	mu   sync.Mutex // one at a time fires
	fire beacons.Fire
	last time.Duration // the wall clock less the time since boot, when it was last told of
}

// Run implements beacons.Beacon: wait for steps, and look at the state once an interval.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) (err error) {
	b.fire = func(ctx context.Context, signals ...beacons.Signal) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		return fire(ctx, signals...)
	}
	b.limits, err = beacons.NewLimits(b.env, b.fire, beacons.Thresholds(b.config.Limits, func(l *Limit) *beacons.Threshold { return &l.Threshold }))
	if err != nil {
		return err
	}
	if !b.env.AtStart {
		if b.synced, err = beacons.ReadStreak(b.env.Baseline, synchronised); err != nil {
			return fmt.Errorf("baseline: %w", err)
		}
	}
	w, err := b.clock.watch()
	if err != nil {
		b.env.Log.Debug("the kernel does not tell when the clock is set: it is compared once an interval", "error", err)
	}
	if b.last, err = b.clock.sinceBoot(); err != nil {
		return errors.Join(err, closed(w))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watching sync.WaitGroup
	var failed error
	if w != nil {
		watching.Go(func() {
			if failed = b.wait(ctx, w); failed != nil {
				cancel()
			}
		})
	}
	err = b.env.Every(ctx, func(now time.Time) error { return errors.Join(b.step(ctx), b.sample(ctx, now)) })
	cancel()
	watching.Wait()
	return errors.Join(err, failed, closed(w))
}

func closed(w watcher) error {
	if w == nil {
		return nil
	}
	return w.Close()
}

func (b *beacon) wait(ctx context.Context, w watcher) error {
	for {
		set, err := w.Wait(ctx)
		if err != nil || !set {
			return err
		}
		if err := b.step(ctx); err != nil {
			return err
		}
	}
}

// step compares the clock with how it stood. What cannot be kept is told with the next look.
func (b *beacon) step(ctx context.Context) error {
	at, err := b.clock.sinceBoot()
	if err != nil {
		return err
	}
	now := b.env.Now()
	b.mu.Lock()
	was := b.last
	b.last = at
	b.mu.Unlock()
	amount := at - was
	if amount.Abs() < b.config.Step {
		return nil
	}
	if b.fire(ctx, beacons.Signal{Tag: "step", Time: now, Data: Data{Amount: seconds(amount), Before: now.Add(-amount)}}) != nil {
		b.mu.Lock()
		b.last -= amount // as if it had not been seen
		b.mu.Unlock()
	}
	return nil
}

// sample looks at what the kernel says of the clock.
func (b *beacon) sample(ctx context.Context, now time.Time) error {
	c, err := b.clock.state()
	if errors.Is(err, linux.ErrAbsent) {
		b.env.Log.Debug("the state of the clock cannot be asked for", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	next, turned := b.synced.Step(c.Synchronised, now, b.config.Failures, 1)
	if !turned || b.fire(ctx, b.turn(c, next, now)) == nil {
		b.synced = next
	}
	for name, l := range b.config.Limits {
		l = l.filled(name)
		b.limits.Step(ctx, name, "", now, l.value(c), func(r beacons.Reading) any {
			d := data(c)
			d.Limit, d.State, d.Value, d.Threshold, d.Worst, d.Since, d.Lasted = r.Limit, r.State(), r.Value, l.Threshold.Limit(), r.Worst, r.Since, r.Lasted()
			return d
		})
	}
	return nil
}

func (b *beacon) turn(c linux.Clock, next beacons.Streak, now time.Time) beacons.Signal {
	s := beacons.Signal{Time: now, Set: []beacons.KV{next.KV(synchronised)}}
	d := data(c)
	d.Since = next.Since
	switch {
	case next.Down:
		s.Tag = unsynchronised
	case b.synced.Known:
		s.Tag, d.Lasted = synchronised, math.Round(next.Since.Sub(b.synced.Since).Seconds()*10)/10
	case b.env.AtStart:
		s.Tag = synchronised
	default:
		return s // kept from the first: no news
	}
	s.Data = d
	return s
}

func data(c linux.Clock) Data {
	return Data{Synchronised: c.Synchronised, Offset: seconds(c.Offset), Estimated: seconds(c.Estimated), Most: seconds(c.Most)}
}

// value is what the limit looks at, in seconds.
func (l Limit) value(c linux.Clock) float64 {
	switch l.Of {
	case "estimated":
		return seconds(c.Estimated)
	case "most":
		return seconds(c.Most)
	}
	return seconds(c.Offset.Abs())
}

// seconds are rounded to a microsecond.
func seconds(d time.Duration) float64 { return d.Round(time.Microsecond).Seconds() }
