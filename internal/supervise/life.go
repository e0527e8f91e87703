package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"brine/beacons"
	"brine/internal/beaconset"

	"golang.org/x/time/rate"
)

var (
	errEnded  = errors.New("this run of the beacon is over: nothing is kept")
	errItself = errors.New("it ended by itself")
)

// life is that of one instance, with these options.
type life struct {
	s      *Supervisor
	log    *slog.Logger
	before *life // of the same name, which ends first; nil once it has
	begun  bool  // guarded by the supervisor's mu
	cancel context.CancelFunc
	ended  chan struct{}
	left   *atomic.Int32 // runs left behind, of all lives of this name
	bucket *rate.Limiter // of events
	calls  *rate.Limiter // of fire
	flood  flood
	seen   changes

	mu      sync.Mutex
	in      beaconset.Instance
	running beacons.Beacon // nil between two runs
	status  Health
	down    time.Time // since when it has failed; zero when it is well
	told    failure
}

// failure is what was told last of a beacon that is down.
type failure struct {
	text string
	at   time.Time
}

func newLife(s *Supervisor, in beaconset.Instance, before *life) *life {
	l := &life{s: s, in: in, before: before, log: s.log.With("beacon", in.Name), ended: make(chan struct{}), left: new(atomic.Int32),
		bucket: rate.NewLimiter(FireRate, FireBurst), calls: rate.NewLimiter(CallRate, CallBurst)}
	l.flood.life = l
	l.status = Health{State: Starting, Since: time.Now()}
	if before != nil {
		l.left, l.bucket, l.calls = before.left, before.bucket, before.calls // new options are no way around a bound
	}
	return l
}

// inherit takes over what the life before has counted.
func (l *life) inherit() {
	old := l.before
	old.mu.Lock()
	defer old.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.BeaconCounts, l.status.Failures, l.down, l.told = old.status.BeaconCounts, old.status.Failures, old.down, old.told
	l.before = nil
}

// same reports whether these are the options that it has. Where they stand may have changed.
func (l *life) same(in beaconset.Instance) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in.Text != in.Text {
		return false
	}
	l.in.From = in.From
	return true
}

// adjust hands new options to the running beacon, if it can take them.
func (l *life) adjust(in beaconset.Instance) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.running.(beacons.Adjustable)
	if !ok || l.in.Common != in.Common || l.in.Module.Name != in.Module.Name || !b.Adjust(in.Config) {
		return false
	}
	l.in.Config, l.in.Text, l.in.From = in.Config, in.Text, in.From // the rest is read without mu
	return true
}

// instance is what it runs, as it is now.
func (l *life) instance() beaconset.Instance {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.in
}

// run is all runs of the beacon until ctx ends: one that fails is told, and started again after a while.
func (l *life) run(ctx context.Context) {
	if !l.in.Common.Enabled {
		l.state(Disabled, time.Time{})
		return
	}
	waits := l.s.waits
	for wait := waits.Restart; ; wait = min(2*wait, waits.RestartMax) {
		started := time.Now()
		err := l.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(started) > waits.RestartMax {
			wait = waits.Restart
		}
		if l.left.Load() >= MaxLeft {
			l.failed(ctx, fmt.Errorf("%w; %d runs of it hang: it is not started again before the minion is", err, MaxLeft), 0)
			l.state(Stuck, time.Time{})
			<-ctx.Done()
			return
		}
		l.failed(ctx, err, wait)
		l.state(Restarting, time.Now().Add(wait))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// once is one run, until it ends or is left behind. It returns why it failed.
func (l *life) once(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{life: l, ctx: ctx, cancel: cancel, done: make(chan error, 1)}
	env := l.env(r)
	if err := l.seen.load(l, env.AtStart); err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	l.mu.Lock()
	b := l.in.Config.Beacon(env)
	l.running = b
	l.mu.Unlock()
	defer l.over()
	l.state(Running, time.Time{})
	defer time.AfterFunc(l.s.waits.Recovered, func() { l.recovered(r) }).Stop()
	go func() { r.done <- r.guarded(b) }()
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-r.done:
		if why := context.Cause(ctx); !errors.Is(why, context.Canceled) {
			return why
		}
		return err
	case <-time.After(l.s.waits.Stop):
		l.leave(r)
		return context.Cause(ctx)
	}
}

func (l *life) over() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = nil
}

// run is one run of the beacon.
type run struct {
	life   *life
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan error
	dead   atomic.Bool // left behind: it fires no more
}

// guarded runs the beacon and makes a panic an error.
func (r *run) guarded(b beacons.Beacon) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			r.life.log.Error("beacon panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if err = b.Run(r.ctx, r.fire); err == nil {
		err = errItself
	}
	return err
}

// env is the host as the beacon sees it.
func (l *life) env(r *run) beacons.Env {
	in := l.instance()
	env := l.s.host.Env(in)
	env.Log = l.log
	env.Interval = in.Common.Interval
	env.AtStart = l.s.first(in.Name) && in.Common.EmitAtStartup
	env.Sampling = r.sampling
	if in.Common.DisableDuringStateRun {
		env.Paused = l.s.runs.Over
	}
	return env
}

// sampling notices a sample that never ends.
func (r *run) sampling() (ended func()) {
	limit := r.life.in.Common.Interval + r.life.s.waits.Hang
	timer := time.AfterFunc(limit, func() {
		r.cancel(fmt.Errorf("it hangs: a sample has not ended within %s", limit))
	})
	return func() { timer.Stop() }
}

// leave gives up a run that does not end. What it does from now on reaches nobody.
func (l *life) leave(r *run) {
	r.dead.Store(true)
	n := l.left.Add(1)
	go func() {
		<-r.done
		l.left.Add(-1)
	}()
	l.log.Error("beacon does not end: it is left behind", "left_behind", n)
	l.s.host.Tell(context.WithoutCancel(r.ctx), l.in.Name, "stuck", StuckData{Waited: l.s.waits.Stop.Seconds(), LeftBehind: int64(n)})
}

// failed tells of a failure, unless it is told already.
func (l *life) failed(ctx context.Context, err error, wait time.Duration) {
	text := clip(err.Error())
	now := time.Now()
	l.mu.Lock()
	if l.down.IsZero() {
		l.down = now
	}
	l.status.Failures++
	l.status.Error = text
	n := l.status.Failures
	again := text == l.told.text && now.Sub(l.told.at) < l.s.waits.Repeat
	if !again {
		l.told = failure{text, now}
	}
	l.mu.Unlock()
	if again {
		l.log.Debug("beacon failed again", "error", text, "failures", n, "restart_in", wait)
		return
	}
	l.log.Error("beacon failed", "error", text, "failures", n, "restart_in", wait)
	l.s.host.Tell(ctx, l.in.Name, "failed", FailedData{Error: text, Failures: int64(n), RestartIn: wait.Seconds()})
}

// recovered tells that the beacon has been running for long enough.
func (l *life) recovered(r *run) {
	l.mu.Lock()
	if l.down.IsZero() || r.ctx.Err() != nil {
		l.mu.Unlock()
		return
	}
	data := RecoveredData{Failures: int64(l.status.Failures), Down: time.Since(l.down).Seconds()}
	l.down, l.told = time.Time{}, failure{}
	l.status.Failures, l.status.Error = 0, ""
	l.mu.Unlock()
	l.log.Info("beacon recovered", "failures", data.Failures)
	l.s.host.Tell(r.ctx, l.in.Name, "recovered", data)
}

// maxError bounds the text of a failure, in bytes.
const maxError = 2000

func clip(s string) string {
	if len(s) > maxError {
		s = s[:maxError] + " ..."
	}
	return strings.ToValidUTF8(s, "?")
}
