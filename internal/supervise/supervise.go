// Package supervise runs beacons, each by itself: one that fails, hangs, or fires without pause is told and held within bounds, and
// stops no other. It owns their lives, their health and the options that every beacon has. It must never know an outbox, a bus or a
// particular beacon: what it tells goes through Host.
package supervise

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"brine/beacons"
	"brine/internal/beaconset"
)

// Bounds and waits.
const (
	// FireRate is how many events a beacon may fire in a second in the long run; one that fires more is made to wait.
	FireRate = 1000
	// FireBurst is how many it may fire at once: an archive that is unpacked.
	FireBurst = 20_000
	// CallRate is how often a beacon may call fire in a second in the long run, with however many events: each call is a commit.
	CallRate = 50
	// CallBurst is how often it may call at once.
	CallBurst = 2000
	// MaxLeft is how many runs of one beacon that did not end are left behind before it is started no more.
	MaxLeft = 3
	// MaxChanges is how many tags of one beacon are remembered for onchangeonly; beyond it each event is fired.
	MaxChanges = 10_000
)

// Waits are the times that a supervisor keeps. Tests make them short.
type Waits struct {
	Restart    time.Duration // before a beacon that failed is started again; doubles up to RestartMax
	RestartMax time.Duration
	Recovered  time.Duration // so long must it run to be well again
	Hang       time.Duration // so long may one sample take, beside the interval
	Stop       time.Duration // so long may it take to end once it is cancelled; then it is left behind
	Flood      time.Duration // so long must it be held back, in all, to be told
	Calm       time.Duration // so long without being held back, for that to be over
	Repeat     time.Duration // the same failure is not told again before
	AfterRun   time.Duration // what is seen so soon after a state run is still its doing
}

// DefaultWaits are those of a minion.
func DefaultWaits() Waits {
	return Waits{
		Restart: time.Second, RestartMax: time.Minute, Recovered: time.Minute, Hang: 2 * time.Minute, Stop: 5 * time.Second,
		Flood: time.Second, Calm: 10 * time.Second, Repeat: time.Hour, AfterRun: 2 * time.Second,
	}
}

// Host is what a supervisor needs of the minion.
type Host interface {
	// Env is the host as this beacon may see it. What the supervisor itself answers for is filled in later.
	Env(beaconset.Instance) beacons.Env
	// Commit makes signals durable with what they set; changes are remembered beside the beacon's own baselines, under names that it cannot see.
	Commit(ctx context.Context, in beaconset.Instance, signals []beacons.Signal, changes []beacons.KV) error
	// Changes are the baselines that Commit was given as changes.
	Changes(beaconset.Instance) beacons.Baseline
	// Tell makes an event of what has become of a beacon: brine/minion/<id>/beacon/<name>/<what>.
	Tell(ctx context.Context, name, what string, data any)
}

// Supervisor runs a set of beacons.
type Supervisor struct {
	host  Host
	log   *slog.Logger
	waits Waits
	runs  Runs

	mu    sync.Mutex
	ctx   context.Context // nil before Run and after its end
	lives map[string]*life
	going []*life         // ended by Set, and perhaps not over yet
	begun map[string]bool // started once in this process: what emitatstartup asks for has been told
	wg    sync.WaitGroup
}

// New makes a supervisor that runs nothing yet.
func New(host Host, log *slog.Logger, waits Waits) *Supervisor {
	return &Supervisor{host: host, log: log, waits: waits, lives: map[string]*life{}, begun: map[string]bool{}}
}

// Runs takes note of state runs.
func (s *Supervisor) Runs() *Runs { return &s.runs }

// Run runs what Set was given until ctx ends, and returns when all of it has ended or was left behind.
func (s *Supervisor) Run(ctx context.Context) error {
	s.mu.Lock()
	s.ctx = ctx
	for _, l := range s.lives {
		s.start(l)
	}
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.ctx = nil
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

// Set is what is to run from now on. What did not change is left alone; what did goes on from its baselines.
// It returns soon: an old life ends while others go on, and the new one begins when it has.
func (s *Supervisor) Set(list []beaconset.Instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.lives
	s.lives = make(map[string]*life, len(list))
	for _, in := range list {
		old := before[in.Name]
		delete(before, in.Name)
		if old != nil && !old.begun {
			old = nil // nothing of it has run
		}
		if old != nil && (old.same(in) || old.adjust(in)) {
			s.lives[in.Name] = old
			continue
		}
		l := newLife(s, in, old)
		s.lives[in.Name] = l
		if old != nil {
			s.end(old)
		}
		s.start(l)
	}
	for _, gone := range before {
		if gone.begun {
			s.end(gone)
		}
	}
}

// end ends a life that has begun. The caller holds mu.
func (s *Supervisor) end(l *life) {
	l.cancel()
	s.going = append(s.going, l)
}

// Ended is closed when all that Set has ended so far is over, and fires no more.
func (s *Supervisor) Ended() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.going = slices.DeleteFunc(s.going, func(l *life) bool {
		select {
		case <-l.ended:
			return true
		default:
			return false
		}
	})
	going, done := slices.Clone(s.going), make(chan struct{})
	go func() {
		defer close(done)
		for _, l := range going {
			<-l.ended
		}
	}()
	return done
}

// start begins a life. The caller holds mu.
func (s *Supervisor) start(l *life) {
	if s.ctx == nil || l.begun {
		return
	}
	l.begun = true
	ctx, cancel := context.WithCancel(s.ctx)
	l.cancel = cancel
	s.wg.Go(func() {
		defer close(l.ended)
		defer cancel()
		if l.before != nil { // two of one name would share their baselines
			<-l.before.ended
			l.inherit()
		}
		l.run(ctx)
		l.flood.stop()
	})
}

// alive reports whether beacons run.
func (s *Supervisor) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ctx != nil
}

// first reports whether an instance is started for the first time in this process.
func (s *Supervisor) first(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.begun[name]
	s.begun[name] = true
	return !was
}

// Health says how each beacon is, by name.
func (s *Supervisor) Health() []Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Health, 0, len(s.lives))
	for _, l := range s.lives {
		list = append(list, l.health())
	}
	slices.SortFunc(list, func(a, b Health) int { return strings.Compare(a.Name, b.Name) })
	return list
}
