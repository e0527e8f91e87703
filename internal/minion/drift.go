package minion

import (
	"context"
	"fmt"
	"slices"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/outbox"
	"brine/internal/wire"
)

// judge says what a result means for a state: which event tells it, if any.
func (e *enforcer) judge(s *enforced, r job.StateResult, now time.Time) (what string, told bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	changed := len(r.Changes) > 0
	switch {
	case !r.OK && changed: // it was put right, and differed again before that could be seen: somebody is at it
		what, told = e.corrected(s, now)
		s.pending = true
		return what, told
	case !r.OK:
		s.wait = min(max(2*s.wait, failWait), failWaitMax)
		s.next, s.pending = now.Add(s.wait), true
		first := !s.drifted
		s.drifted = true
		return job.DriftFailed, first
	case !changed && (s.drifted || !s.contest.IsZero()):
		if !s.contest.IsZero() && now.Before(s.contest.Add(s.wait+warWaitMin)) {
			return "", false
		}
		s.drifted, s.contest, s.wait, s.next, s.recent = false, time.Time{}, 0, time.Time{}, nil
		e.index()
		return job.DriftSettled, true
	case !changed:
		return "", false
	case s.low.Enforce == job.EnforceWarn || s.held:
		first := !s.drifted
		s.drifted = true
		return job.DriftDrifted, first
	}
	return e.corrected(s, now)
}

// corrected counts a correction. Too many in a short time are a war: the state is contested, that is told once, and from
// then on it is put right at growing intervals, until nobody else changes it any more. The caller holds mu.
func (e *enforcer) corrected(s *enforced, now time.Time) (string, bool) {
	s.total++
	s.drifted = false
	s.recent = slices.DeleteFunc(s.recent, func(t time.Time) bool { return now.Sub(t) > warWindow })
	s.recent = append(s.recent, now)
	switch {
	case !s.contest.IsZero():
		s.wait = min(2*s.wait, warWaitMax)
		s.next, s.contest = now.Add(s.wait), now
		return "", false
	case len(s.recent) >= warCorrections:
		s.wait = warWaitMin
		s.next, s.contest, s.recent = now.Add(s.wait), now, nil
		e.index()
		e.m.log.Warn("state is contested: something else changes it again and again", "state", s.low.Key())
		return job.DriftContested, true
	}
	// Who makes the same drift again before the beacon has seen the correction makes no difference that it could tell: look once more.
	s.wait, s.pending, s.arming, s.next = 0, true, true, now.Add(lookAgain)
	return job.DriftCorrected, true
}

// tell makes the event of what came of a state, together with what is to be remembered of it.
func (e *enforcer) tell(ctx context.Context, t task, r job.StateResult, what string) {
	e.mu.Lock()
	total := t.s.total
	e.mu.Unlock()
	data, err := event.Encode(job.Drift{ID: t.low.ID, SLS: t.low.SLS, Fun: t.low.Fun, Name: t.low.Name, Corrected: total, Held: t.held, Result: r})
	if err != nil {
		e.m.log.Error("drift not told", "state", t.low.Key(), "error", err)
		return
	}
	ev := wire.Event{Tag: e.tag(t.low, what), Causes: t.causes, Data: data}
	if len(t.causes) > 0 {
		ev.Depth = 1
	}
	tx := reserveTx(ev)
	memory := outbox.KV{Bucket: bucketEnforce, Key: t.low.Key()}
	switch what {
	case job.DriftDrifted, job.DriftFailed, job.DriftContested, job.DriftUndone:
		memory.Value = []byte(what)
	}
	tx.Baselines = []outbox.KV{memory}
	if _, err := e.m.commitAll(ctx, tx); err != nil && ctx.Err() == nil {
		e.m.log.Error("drift not told", "state", t.low.Key(), "error", err)
	}
}

func (e *enforcer) tag(l job.Low, what string) string {
	return fmt.Sprintf("brine/drift/%s/%s/%s", e.m.cfg.ID, event.EscapeSegment(l.ID), what)
}

// release tells that a state which was out of line is enforced no more.
func (e *enforcer) release(ctx context.Context, l job.Low) {
	e.tell(ctx, task{s: &enforced{}, low: l}, job.StateResult{ID: l.ID, SLS: l.SLS, Fun: l.Fun, Name: l.Name, OK: true}, job.DriftReleased)
}
