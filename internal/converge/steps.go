package converge

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"brine/internal/job"
	"brine/states"
)

// maxApply is how often a state is applied in one run: once, and once more when its result was spoilt at once. An Apply
// that did nothing cannot be told from a drift that came back; as Apply is idempotent, trying again is harmless.
const maxApply = 2

// converge is Check, Apply, Check again.
func (a *attempt) converge(ctx context.Context) error {
	env := a.env()
	first, err := a.check(ctx, env)
	if err != nil {
		return err
	}
	if len(first) == 0 || a.test {
		a.succeed(first)
		return nil
	}
	_, unverified := a.state.(states.Unverified)
	if unverified {
		a.last() // nobody knows what it leans on
	}
	open := first
	for range maxApply {
		if err := a.apply(ctx, env, open); err != nil {
			return err
		}
		if unverified {
			break
		}
		if open, err = a.check(ctx, env); err != nil {
			return fmt.Errorf("after the change: %w", err)
		}
		if len(open) == 0 {
			break
		}
		a.note("what was put right differed again at once")
	}
	a.succeed(first)
	if len(open) > 0 && !unverified {
		a.res.OK = false
		a.res.Comment = fmt.Sprintf("%s still differs after it was put right %d times: %s", a.low.Key(), maxApply, brief(open))
	}
	return nil
}

// check is the module's Check; content that turns out to be damaged is fetched anew, once.
func (a *attempt) check(ctx context.Context, env states.Env) (changes states.Changes, err error) {
	err = a.undamaged(ctx, func() error {
		changes, err = a.state.Check(ctx, env)
		return err
	})
	return changes, err
}

// apply is the module's Apply. When it fails or panics, some of what it announced has not come to pass, and a beacon must not
// take what it finds there for Brine's own doing.
func (a *attempt) apply(ctx context.Context, env states.Env, changes states.Changes) error {
	done := false
	a.written = nil
	defer func() {
		if a.Expectations == nil || done {
			return
		}
		for _, w := range a.written {
			if !a.cameToPass(w.e, w.path) {
				a.Expectations.Forget(w.path)
			}
		}
	}()
	err := a.undamaged(ctx, func() error { return a.state.Apply(ctx, env, changes) })
	done = err == nil
	return err
}

func (a *attempt) undamaged(ctx context.Context, f func() error) error {
	err := f()
	if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrMissing) {
		return err
	}
	a.Log.Warn("cached content was damaged or lost and is fetched again", "state", a.low.Key(), "error", err)
	if err := a.fetch(ctx); err != nil {
		return err
	}
	return f()
}

// succeed words the result.
func (a *attempt) succeed(changes states.Changes) {
	a.res.OK = true
	for _, c := range changes {
		a.res.Changes = append(a.res.Changes, job.Change(c))
	}
	switch c, ok := a.state.(Commenter); {
	case ok:
		a.res.Comment = c.Comment(changes, a.test)
	case len(changes) == 0:
		a.res.Comment = fmt.Sprintf("%s is in the correct state", a.low.Key())
	case a.test:
		a.res.Comment = fmt.Sprintf("%s is set to be changed", a.low.Key())
	default:
		a.res.Comment = fmt.Sprintf("%s updated", a.low.Key())
	}
}

// Bounds of what a comment says of changes.
const (
	maxBrief     = 8
	maxBriefText = 160 // bytes of a value
)

// brief is the first changes in one line.
func brief(changes states.Changes) string {
	var parts []string
	for _, c := range changes[:min(len(changes), maxBrief)] {
		parts = append(parts, fmt.Sprintf("%s is %s instead of %s", c.What, short(c.From), short(c.To)))
	}
	if more := len(changes) - maxBrief; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d further differences", more))
	}
	return strings.Join(parts, ", ")
}

func short(s string) string {
	if len(s) > maxBriefText {
		return fmt.Sprintf("%q...", s[:maxBriefText])
	}
	return fmt.Sprintf("%q", s)
}
