package supervise

import (
	"context"
	"sync"
	"time"

	"brine/beacons"
)

// fire is what the beacon calls: it makes signals durable once they have room, and have been looked at for the options that every
// beacon has.
func (r *run) fire(ctx context.Context, signals ...beacons.Signal) error {
	if r.dead.Load() {
		return errEnded
	}
	l := r.life
	out, sums, held := l.seen.filter(signals)
	own := l.own(out)
	events := 0
	for _, s := range out {
		if s.Tag != "" {
			events++
		}
	}
	if err := r.pace(ctx, events); err != nil {
		return err
	}
	if len(out) > 0 {
		if err := l.s.host.Commit(ctx, l.instance(), out, sums.kvs()); err != nil {
			return err
		}
	}
	l.seen.keep(sums)
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Unchanged += uint64(held)
	l.status.Own += uint64(own)
	if l.status.Fired += uint64(events); events > 0 {
		l.status.LastFired = &now
	}
	return nil
}

// own marks what a state run did, for a beacon that cannot tell it apart itself. It reports how many signals it marked.
func (l *life) own(signals []beacons.Signal) (marked int) {
	m := l.in.Module
	if !l.in.Common.DisableDuringStateRun || m.Owns || m.Interval > 0 {
		return 0
	}
	for i := range signals {
		s := &signals[i]
		if s.Own || s.Tag == "" {
			continue
		}
		at := s.Time
		if at.IsZero() {
			at = time.Now()
		}
		if cause, ok := l.s.runs.during(at, l.s.waits.AfterRun); ok {
			s.Own, s.Cause = true, cause
			marked++
		}
	}
	return marked
}

// pace waits until the beacon may fire so many events.
func (r *run) pace(ctx context.Context, events int) error {
	l := r.life
	now := time.Now()
	call := l.calls.ReserveN(now, 1).DelayFrom(now)
	for n := 0; events > 0; events -= n {
		n = min(events, FireBurst)
		wait := max(call, l.bucket.ReserveN(now, n).DelayFrom(now))
		call = 0
		if wait == 0 {
			continue
		}
		l.flood.wait(r, n, wait)
		select {
		case now = <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		case <-r.ctx.Done():
			return errEnded
		}
	}
	return nil
}

// flood tells once that a beacon is held back, and once that this is over.
type flood struct {
	life  *life
	mu    sync.Mutex
	calm  *time.Timer
	told  bool
	held  int64
	delay time.Duration // in all
	first time.Time
	last  time.Time
}

// wait takes note that events wait.
func (f *flood) wait(r *run, events int, delay time.Duration) {
	l := f.life
	l.mu.Lock()
	l.status.HeldBack += uint64(events)
	l.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.held == 0 {
		f.first = now
	}
	f.last = now.Add(delay)
	f.held, f.delay = f.held+int64(events), f.delay+delay
	quiet := l.s.waits.Calm + delay
	if f.calm == nil {
		f.calm = time.AfterFunc(quiet, func() { f.over(r) })
	} else {
		f.calm.Reset(quiet)
	}
	if f.told || f.delay < l.s.waits.Flood {
		return
	}
	f.told = true
	l.log.Warn("beacon fires more than it may: it is made to wait", "events_a_second", FireRate, "commits_a_second", CallRate)
	l.s.host.Tell(context.WithoutCancel(r.ctx), l.in.Name, "flooding", FloodData{Rate: FireRate, Calls: CallRate, Held: f.held})
}

// over tells that it has not been held back for a while. The next time begins anew.
func (f *flood) over(r *run) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told && f.life.s.alive() {
		f.life.log.Info("beacon has calmed down", "held", f.held)
		f.life.s.host.Tell(r.ctx, f.life.in.Name, "calmed", CalmData{Held: f.held, For: f.last.Sub(f.first).Seconds()})
	}
	f.told, f.held, f.delay = false, 0, 0
}

// stop ends the timer.
func (f *flood) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calm != nil {
		f.calm.Stop()
	}
}
