package http

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"brine/beacons"
)

const atOnce = 8 // probes

type beacon struct {
	env    beacons.Env
	probes map[string]Probe
	limits *beacons.Limits
}

// Run implements beacons.Beacon: ask all, then step each.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) (err error) {
	known, thresholds := map[string]beacons.Streak{}, map[string]*beacons.Threshold{}
	for name, p := range b.probes {
		thresholds[name+"/expires"] = p.Expires
		if b.env.AtStart {
			continue
		}
		if known[name], err = beacons.ReadStreak(b.env.Baseline, "up/"+name); err != nil {
			return fmt.Errorf("baseline: %w", err)
		}
	}
	if b.limits, err = beacons.NewLimits(b.env, fire, thresholds); err != nil {
		return err
	}
	return b.env.Every(ctx, func(now time.Time) error {
		answers := b.ask(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, name := range slices.Sorted(maps.Keys(answers)) {
			p, a, was := b.probes[name], answers[name], known[name]
			next, turned := was.Step(a.err == nil, now, p.Failures, p.Passes)
			if !turned || fire(ctx, b.signal(name, p, a, was, next, now)) == nil {
				known[name] = next
			}
			b.expires(ctx, name, p, a, now)
		}
		return nil
	})
}

func (b *beacon) signal(name string, p Probe, a answer, was, next beacons.Streak, now time.Time) beacons.Signal {
	s := beacons.Signal{Time: now, Set: []beacons.KV{next.KV("up/" + name)}}
	d := data(name, p, a, now)
	d.State, d.Since = "up", next.Since
	switch {
	case next.Down:
		d.State, d.Error, d.Failures = "down", a.err.Error(), int64(p.Failures)
	case was.Known:
		d.Lasted = math.Round(next.Since.Sub(was.Since).Seconds()*10) / 10
	case !b.env.AtStart:
		return s // up from the first: no news
	}
	s.Tag, s.Data = name+"/"+d.State, d
	return s
}

func data(name string, p Probe, a answer, now time.Time) Data {
	d := Data{Name: name, URL: p.URL, Status: int64(a.status), Latency: math.Round(a.took.Seconds()*1e6) / 1e6}
	if a.cert != nil {
		d.Subject, d.NotAfter, d.Left = a.cert.Subject.String(), a.cert.NotAfter, math.Round(a.cert.NotAfter.Sub(now).Seconds())
	}
	return d
}

// expires compares what the certificate has left.
func (b *beacon) expires(ctx context.Context, name string, p Probe, a answer, now time.Time) {
	if a.cert == nil {
		return
	}
	b.limits.Step(ctx, name+"/expires", "", now, a.cert.NotAfter.Sub(now).Seconds(), func(r beacons.Reading) any {
		d := data(name, p, a, now)
		d.State, d.Since = r.State(), r.Since
		return d
	})
}

// ask asks all, some at a time.
func (b *beacon) ask(ctx context.Context) map[string]answer {
	answers := map[string]answer{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for name, p := range b.probes {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			a := p.ask(ctx, b.env.Path(p.CA))
			mu.Lock()
			defer mu.Unlock()
			answers[name] = a
		})
	}
	wg.Wait()
	return answers
}
