package schedule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
	_ "time/tzdata" // a host may have no time zones

	"github.com/adhocore/gronx"

	"brine/beacons"
)

const (
	// lookEvery bounds the sleep: the clock may be set meanwhile.
	lookEvery = time.Minute
	// punctual is how late a time may be and count as told in time: the minion ran then.
	punctual = 2 * lookEvery
	// ahead is how far before the last time the clock may be: past that it was wrong then.
	ahead = time.Hour
	retry = time.Second
)

type beacon struct {
	config *Config
	env    beacons.Env
}

var errNever = errors.New("it never comes")

// next is the first time after another.
func (s Schedule) next(after time.Time) (time.Time, error) {
	if s.Every > 0 {
		return after.UTC().Truncate(s.Every).Add(s.Every), nil
	}
	zone, err := s.location()
	if err != nil {
		return time.Time{}, err
	}
	at, err := gronx.NextTickAfter(s.Cron, after.In(zone), false)
	if err == nil && !at.After(after) {
		err = errNever
	}
	return at, err
}

// due is pure: which times have come since the last one that was told, the oldest first, how many before them are not told one by one, and when
// the next comes.
func (s Schedule) due(last, now time.Time) (list []time.Time, missed int64, next time.Time, err error) {
	if last.Sub(now) > ahead {
		last = now
	}
	most := 1
	if s.CatchUp == catchAll {
		most = maxCaught
	}
	for next = last; ; {
		if next, err = s.next(next); err != nil || next.After(now) {
			return list, missed, next, err
		}
		if list = append(list, next); len(list) <= most {
			continue
		}
		if list, missed = list[1:], missed+1; missed == maxMissed { // a schedule of seconds after days: what is left is not counted
			if s.Every > 0 {
				next = now.Add(-time.Duration(most+1) * s.Every)
			}
		}
	}
}

// Run implements beacons.Beacon: sleep until something is due, tell it, with the last time as baseline.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	last := map[string]time.Time{}
	for name := range b.config.Schedules {
		value, err := b.env.Baseline.Get(name)
		if err != nil {
			return fmt.Errorf("baseline: %w", err)
		}
		if last[name], err = time.Parse(time.RFC3339Nano, string(value)); err != nil {
			last[name] = b.env.Now()
			if err := fire(ctx, beacons.Signal{Set: []beacons.KV{set(name, last[name])}}); err != nil {
				return ended(ctx, err)
			}
		}
	}
	for {
		wake := b.env.Now().Add(lookEvery)
		for _, name := range slices.Sorted(maps.Keys(b.config.Schedules)) {
			s := b.config.Schedules[name]
			next, told, err := b.tell(ctx, fire, name, s, last[name])
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if last[name] = told; next.Before(wake) {
				wake = next
			}
		}
		timer := time.NewTimer(wake.Sub(b.env.Now()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// tell fires what is due, all of it with the new baseline in one. What cannot be kept is due again a little later.
func (b *beacon) tell(ctx context.Context, fire beacons.Fire, name string, s Schedule, last time.Time) (next, told time.Time, err error) {
	now := b.env.Now()
	list, missed, next, err := s.due(last, now)
	if err != nil || len(list) == 0 {
		return next, last, err
	}
	told = list[len(list)-1]
	var signals []beacons.Signal
	for i, due := range list {
		d := Data{Name: name, Due: due, Late: math.Round(now.Sub(due).Seconds()*10) / 10, Caught: now.Sub(due) > punctual, Next: next}
		if i == 0 {
			d.Missed = missed
		}
		if i+1 < len(list) {
			d.Next = list[i+1]
		}
		if !d.Caught || s.CatchUp != catchNone {
			signals = append(signals, beacons.Signal{Tag: name, Time: now, Data: d})
		}
	}
	if len(signals) == 0 {
		signals = []beacons.Signal{{}}
	}
	signals[len(signals)-1].Set = []beacons.KV{set(name, told)}
	if fire(ctx, signals...) != nil {
		return now.Add(retry), last, nil
	}
	return next, told, nil
}

func set(name string, at time.Time) beacons.KV {
	return beacons.KV{Key: name, Value: []byte(at.UTC().Format(time.RFC3339Nano))}
}
