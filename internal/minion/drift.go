package minion

import (
	"context"
	"errors"
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
		e.want(s)
		return what, told
	case !r.OK:
		s.wait = min(max(2*s.wait, failWait), failWaitMax)
		s.next = now.Add(s.wait)
		e.want(s)
		first := !s.drifted
		s.drifted = true
		return job.DriftFailed, first
	case !changed && (s.drifted || !s.contest.IsZero()):
		if !s.contest.IsZero() && now.Before(s.contest.Add(s.wait+warWaitMin)) {
			return "", false
		}
		s.drifted, s.contest, s.wait, s.next, s.recent = false, time.Time{}, 0, time.Time{}, nil
		e.fronts()
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
		e.want(s) // without waiting to be told: see pace
		return "", false
	case len(s.recent) >= warCorrections:
		s.wait = warWaitMin
		s.next, s.contest, s.recent = now.Add(s.wait), now, nil
		e.want(s)
		e.fronts()
		e.m.log.Warn("state is contested: something else changes it again and again", "state", s.low.Key())
		return job.DriftContested, true
	}
	// Who makes the same drift again before the beacon has seen the correction makes no difference that it could tell: look once more.
	s.wait, s.arming, s.next = 0, true, now.Add(lookAgain)
	e.want(s)
	return job.DriftCorrected, true
}

// drift is what is to be told of a state.
type drift struct {
	task
	result job.StateResult
	what   string
}

// tell makes the events of what came of states, together with what is to be remembered of them, in one transaction.
func (e *enforcer) tell(ctx context.Context, news []drift) {
	tx := outbox.Tx{Reserve: true}
	for _, d := range news {
		ev, err := e.eventOf(d)
		if err != nil {
			e.m.log.Error("drift not told", "state", d.low.Key(), "error", err)
			continue
		}
		memory := outbox.KV{Bucket: bucketEnforce, Key: d.low.Key()}
		switch d.what {
		case job.DriftDrifted, job.DriftFailed, job.DriftContested, job.DriftUndone:
			memory.Value = []byte(d.what)
		}
		tx.Events, tx.Baselines = append(tx.Events, ev), append(tx.Baselines, memory)
	}
	if len(tx.Events) == 0 {
		return
	}
	_, err := e.m.commitAll(ctx, tx)
	if errors.Is(err, outbox.ErrTooBig) && len(news) > 1 { // the diffs of many files, and a small outbox
		for _, d := range news {
			e.tell(ctx, []drift{d})
		}
		return
	}
	if err != nil && ctx.Err() == nil {
		e.m.log.Error("drift not told", "states", len(news), "first", news[0].low.Key(), "error", err)
	}
}

func (e *enforcer) eventOf(d drift) (wire.Event, error) {
	e.mu.Lock()
	total := d.s.total
	e.mu.Unlock()
	low := d.low
	data, err := event.Encode(job.Drift{ID: low.ID, SLS: low.SLS, Fun: low.Fun, Name: low.Name, Corrected: total, Held: d.held, Result: d.result})
	ev := wire.Event{Tag: e.tag(low, d.what), Causes: d.causes, Data: data}
	if len(d.causes) > 0 {
		ev.Depth = 1
	}
	return ev, err
}

func (e *enforcer) tag(l job.Low, what string) string {
	return fmt.Sprintf("brine/drift/%s/%s/%s", e.m.cfg.ID, event.EscapeSegment(l.ID), what)
}

// release tells that a state which was out of line is enforced no more.
func (e *enforcer) release(ctx context.Context, l job.Low) {
	e.tell(ctx, []drift{{task{s: &enforced{}, low: l}, job.StateResult{ID: l.ID, SLS: l.SLS, Fun: l.Fun, Name: l.Name, OK: true}, job.DriftReleased}})
}
