package pressure

import (
	"context"
	"errors"
	"math"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

type beacon struct {
	config *Config
	env    beacons.Env
	limits *beacons.Limits
	window time.Duration // the shortest of all limits
	last   map[string]reading
}

// reading is what the kernel had counted for one limit at some time.
type reading struct {
	total time.Duration
	at    time.Time
}

// watch sleeps until the kernel wakes it, and then looks once a window for as long as some limit is, or might be, beyond. Where the
// kernel takes no trigger it looks once a window all the time.
func (b *beacon) watch(ctx context.Context) error {
	trigger, err := linux.OpenPressureTrigger(b.env.Root, b.stalls())
	if err == nil {
		defer trigger.Close()
	}
	for ctx.Err() == nil {
		calm, err := b.look(ctx)
		if errors.Is(err, linux.ErrAbsent) {
			<-ctx.Done() // such a kernel has nothing to tell
			return nil
		}
		if err != nil {
			return err
		}
		if calm && trigger != nil {
			if woken, err := trigger.Wait(ctx); err != nil {
				return err
			} else if woken {
				b.wake()
			}
			continue
		}
		select {
		case <-time.After(b.window):
		case <-ctx.Done():
		}
	}
	return nil
}

// stalls are what the kernel is to wake for: half of what a limit says, so that the first window beyond it is counted whole.
func (b *beacon) stalls() (list []linux.Stall) {
	for name, l := range b.config.Limits {
		if l = l.filled(name); !l.Threshold.On() {
			continue
		}
		stalled := time.Duration(float64(l.Window) * l.Threshold.Limit() / 100 / 2)
		list = append(list, linux.Stall{Resource: l.Resource, Kind: l.Kind, Stalled: max(stalled, time.Millisecond), Window: l.Window})
	}
	return list
}

// wake forgets the readings of before the sleep: what came in since would be thinned by it.
func (b *beacon) wake() { b.last = nil }

// look compares what was lost since the last look with every limit. It is calm when nothing is beyond one, or near it.
func (b *beacon) look(ctx context.Context) (calm bool, err error) {
	proc, err := linux.OpenProc(b.env.Root)
	if err != nil {
		return false, err
	}
	now := time.Now()
	first := b.last == nil
	if first {
		b.last = map[string]reading{}
	}
	calm = !first
	for name, l := range b.config.Limits {
		l = l.filled(name)
		all, err := proc.Pressure(l.Resource)
		if err != nil {
			return false, err
		}
		p := all.Some
		if l.Kind == "full" {
			p = all.Full
		}
		if p == nil {
			continue // full of the processor is told from Linux 5.13 on
		}
		was, had := b.last[name]
		b.last[name] = reading{p.Total, now}
		if !had {
			continue
		}
		value := share(p.Total-was.total, now.Sub(was.at))
		b.limits.Step(ctx, name, "", now, value, func(r beacons.Reading) any {
			return Data{Limit: r.Limit, State: r.State(), Resource: l.Resource, Kind: l.Kind, Value: r.Value, Threshold: l.Threshold.Limit(), Worst: r.Worst,
				Since: r.Since, Lasted: r.Lasted(), Avg10: tenths(p.Avg10), Avg60: tenths(p.Avg60), Avg300: tenths(p.Avg300)}
		})
		if b.limits.Beyond(name, 2*value) || b.limits.In(name) {
			calm = false
		}
	}
	return calm, nil
}

// share is percent, to a tenth.
func share(lost, passed time.Duration) float64 {
	if passed <= 0 || lost < 0 {
		return 0
	}
	return tenths(min(float64(lost)/float64(passed), 1))
}

func tenths(share float64) float64 { return math.Round(share*1000) / 10 }
