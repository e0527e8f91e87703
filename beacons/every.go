package beacons

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"time"
)

// Every calls f at once, and then at each interval until ctx ends: it returns nil then, or what f returned as soon as that is an
// error. now is Env.Now's.
//
// Ticks stand at whole intervals after a beginning that is drawn once for the process: the hosts of a fleet do not all sample in the same
// instant, and the beacons of one host do, as far as their intervals allow, for waking up costs more than most samples
// do. However long f takes, ticks do not drift; those that passed meanwhile are left out. While
// a sample is not wanted (Env.Paused) none is taken; one is taken as soon as it is again.
func (e Env) Every(ctx context.Context, f func(now time.Time) error) error {
	interval := max(e.Interval, time.Millisecond)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if !e.resumed(ctx) {
			return nil
		}
		ended := func() {}
		if e.Sampling != nil {
			ended = e.Sampling()
		}
		err := f(e.now())
		if ended(); err != nil {
			return err
		}
		timer.Reset(nextTick(time.Since(beginning), interval))
	}
}

// beginning is what the ticks of all beacons are counted from. It is monotonic: a step of the clock moves no tick.
var beginning = time.Now().Add(-rand.N(time.Hour))

// nextTick is the time until the next whole interval, where since is the time that has passed since one of them; it may be negative.
func nextTick(since, interval time.Duration) time.Duration {
	if since %= interval; since < 0 {
		return -since
	}
	return interval - since
}

// resumed waits until samples are wanted. It reports false when ctx ended first.
func (e Env) resumed(ctx context.Context) bool {
	for e.Paused != nil {
		until := e.Paused()
		if until == nil {
			break
		}
		select {
		case <-until:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

func (e Env) now() time.Time {
	if e.Now == nil {
		return time.Now()
	}
	return e.Now()
}

// Path is a path of the host below Root.
func (e Env) Path(name string) string { return filepath.Join(e.Root, name) }
