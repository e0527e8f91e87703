// Package converge runs a low state on the minion: requisites, test mode, Check, Apply, Check again, results. It owns
// the order of these steps, the content they need, what Brine expects of the paths it wrote, and what its writes pushed aside. What a
// state does is its module's business; a bus, a store or a role it must never know.
package converge

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/states"
)

// DefaultStateTimeout bounds one state unless said otherwise, the fetching of its content included.
const DefaultStateTimeout = 10 * time.Minute

// MaxStates bounds a low state.
const MaxStates = 16384

// Fetcher has the content that states name by hash.
type Fetcher interface {
	// Fetch returns when all of the content is here and verified.
	Fetch(ctx context.Context, list ...job.Content) error
	// Open reads content that Fetch has got. Damage found meanwhile is an error at the end of reading that wraps ErrDamaged.
	Open(hash string) (io.ReadCloser, error)
}

// Runner runs low states. Its fields must not change while it is in use; Run may not be called concurrently.
type Runner struct {
	Root         string          // "/" outside tests
	Modules      []states.Module // states/all
	Content      Fetcher         // may be nil where no state needs content
	Expectations *Expectations   // what the beacons ask; may be nil
	Quarantine   *Quarantine     // keeps what writes displaced; may be nil
	Allow        *Allow          // asked again for each state; may be nil
	Timeout      time.Duration   // for one state; zero is DefaultStateTimeout
	Log          *slog.Logger
	Now          func() time.Time // nil is time.Now
}

// Commenter is implemented by a state that words its own results. changes is empty when all was as wanted.
type Commenter interface {
	Comment(changes states.Changes, test bool) string
}

// Run brings about the states in their order and returns a result for each. With test it only says what would change.
// cause is the event that all of this answers.
func (r *Runner) Run(ctx context.Context, low job.LowState, test bool, cause event.ID) []job.StateResult {
	return r.RunEach(ctx, low, test, func(int) event.ID { return cause })
}

// RunEach is Run where each state answers an event of its own, by its place.
func (r *Runner) RunEach(ctx context.Context, low job.LowState, test bool, cause func(i int) event.ID) []job.StateResult {
	run := &run{Runner: r, test: test, planned: map[string]states.Expected{}, late: map[string]*late{}}
	if run.Log == nil || run.Now == nil {
		c := *r
		if c.Log == nil {
			c.Log = slog.New(slog.DiscardHandler)
		}
		if c.Now == nil {
			c.Now = time.Now
		}
		run.Runner = &c
	}
	run.job = jobOf(ctx)
	run.name = runName(run.job, run.Now())
	run.results = make([]job.StateResult, 0, min(len(low.States), MaxStates))
	for i, l := range low.States {
		if len(l.Require) > 0 || len(run.late) >= maxLate {
			run.last()
		}
		run.cause = cause(i)
		res := job.StateResult{ID: l.ID, SLS: l.SLS, Fun: l.Fun, Name: l.Name, Started: run.Now()}
		switch err := ready(ctx, i, l, low.States, run.results); {
		case i >= MaxStates:
			res.Comment = fmt.Sprintf("the low state has %d states; at most %d", len(low.States), MaxStates)
			run.last()
			return append(run.results, res)
		case err != nil:
			res.Comment = err.Error()
		default:
			run.state(ctx, l, &res)
		}
		res.Took = run.Now().Sub(res.Started)
		run.results = append(run.results, res)
	}
	run.last()
	return run.results
}

// ready says why a state cannot be begun: the run was ended, or what it requires did not succeed.
func ready(ctx context.Context, i int, l job.Low, all []job.Low, done []job.StateResult) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not run: %w", context.Cause(ctx))
	}
	var failed []string
	for _, k := range l.Require {
		switch {
		case k < 0 || k >= i:
			return fmt.Errorf("its requisite number %d does not stand before it: the low state is malformed", k)
		case !done[k].OK:
			failed = append(failed, all[k].Key())
		}
	}
	if failed != nil {
		return fmt.Errorf("requisite failed: %s", strings.Join(failed, ", "))
	}
	return nil
}

// run is one Run.
type run struct {
	*Runner
	test    bool
	name    string // of this run
	job     jobName
	cause   event.ID
	results []job.StateResult
	late    map[string]*late           // by key: done, and not yet sure to last
	planned map[string]states.Expected // in test mode: what states would have made of paths
}
