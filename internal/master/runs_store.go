package master

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"brine/internal/event"
	"brine/internal/eventlog"
	"brine/internal/job"
)

// bucketRuns holds the log's records of runs under way.
const bucketRuns = "runs"

// recoverRuns reads the runs under way, oldest first, and what is known of the jobs of their steps. One that cannot be read is not
// carried on, which is said.
func (m *Master) recoverRuns() ([]RecoveredRun, error) {
	runs, err := m.Runs()
	if err != nil {
		return nil, fmt.Errorf("runs of rules: %w", err)
	}
	list := make([]RecoveredRun, len(runs))
	for i, r := range runs {
		list[i] = RecoveredRun{Run: r, Jobs: m.jobsOf(&r)}
	}
	return list, nil
}

func (m *Master) jobsOf(r *Run) []RecoveredJob {
	s := &r.Steps[r.At]
	if s.Status != StepRunning {
		return nil
	}
	var jobs []RecoveredJob
	add := func(jid, only string) {
		found, err := m.store.Job(jid)
		if err != nil && !errors.Is(err, eventlog.ErrNotFound) {
			m.log.Error("a job of a rule's step cannot be read", "jid", jid, "error", err)
		}
		for _, j := range found {
			if only == "" && s.Joined[j.Target] == "" || only == j.Target {
				jobs = append(jobs, RecoveredJob{Job: j, Result: m.resultOf(j)})
			}
		}
	}
	add(s.JID, "")
	for target, jid := range s.Joined {
		add(jid, target)
	}
	return jobs
}

// resultOf reads what came of a job that has ended.
func (m *Master) resultOf(j job.Job) *job.Result {
	if j.Status.Open() || j.Ret.IsZero() {
		return nil
	}
	e, err := m.event(j.Ret)
	var r job.Result
	if err != nil || e.Data.Decode(&r) != nil {
		return nil
	}
	return &r
}

// Runs lists the runs of rules under way, oldest first.
func (m *Master) Runs() ([]Run, error) {
	var list []Run
	err := m.store.Records(bucketRuns, func(key string, blob []byte) error {
		r, err := DecodeRun(blob)
		if err != nil {
			m.log.Error("a run of a rule's steps cannot be read", "run", key, "error", err)
			return nil
		}
		list = append(list, r)
		return nil
	})
	slices.SortFunc(list, func(a, b Run) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// FindRun says how the steps of a run stand; of one that has ended, when cause is what its rule had decided about.
func (m *Master) FindRun(id string, cause event.ID) (RunEnded, error) {
	blob, err := m.store.Record(bucketRuns, id)
	if err != nil {
		if r, ok := m.endedRun(cause, id); ok && !cause.IsZero() {
			return r, nil
		}
		return RunEnded{}, fmt.Errorf("run %q: %w", id, ErrUnknown)
	}
	r, err := DecodeRun(blob)
	return r.view("running", "", time.Now()), err
}

// runsOf are the runs under way that an event has set off.
func (m *Master) runsOf(verdicts []Verdict) (runs []RunEnded) {
	for _, v := range verdicts {
		if v.Run == "" {
			continue
		}
		if r, err := m.FindRun(v.Run, event.ID{}); err == nil {
			runs = append(runs, r)
		}
	}
	return runs
}

// Approvals lists what waits for an operator, oldest first.
func (m *Master) Approvals() ([]ApprovalAsked, error) {
	runs, err := m.Runs()
	list := []ApprovalAsked{}
	for _, r := range runs {
		if s := &r.Steps[r.At]; s.Status == StepWaiting && s.Until != nil {
			list = append(list, s.asked(&openRun{Run: r}))
		}
	}
	return list, err
}

// Approve answers an approve step, by the id that Approvals lists.
func (m *Master) Approve(ctx context.Context, id string, deny bool, why, by string) (ApprovalAsked, error) {
	return ask[ApprovalAsked](ctx, m, func(ref Ref) Input { return Approval{Ref: ref, ID: id, Deny: deny, Why: why, By: by} })
}

// Retry lets a job that came to no good end begin anew, on one target or on all on which it did.
func (m *Master) Retry(ctx context.Context, jid, target, by string) (JobActed, error) {
	jobs, err := m.Job(jid)
	if err != nil {
		return JobActed{}, err
	}
	if target != "" {
		jobs = slices.DeleteFunc(jobs, func(j job.Job) bool { return j.Target != target })
	}
	if len(jobs) == 0 {
		return JobActed{}, fmt.Errorf("job %q has no target %q: %w", jid, target, ErrUnknown)
	}
	acted, err := ask[JobActed](ctx, m, func(ref Ref) Input { return RetryJob{Ref: ref, Jobs: jobs, By: by} })
	if errors.Is(err, ErrNothingToDo) {
		err = fmt.Errorf("job %s is %s: %w", jid, jobs[0].Status, err)
	}
	return acted, err
}

// Cancel ends the open jobs of a jid, on one target or on all, or a run of steps by its id.
func (m *Master) Cancel(ctx context.Context, jid, target, by string) (JobActed, error) {
	jobs, err := m.Job(jid)
	if _, noRun := m.FindRun(jid, event.ID{}); err != nil && noRun != nil {
		return JobActed{}, err
	}
	acted, err := ask[JobActed](ctx, m, func(ref Ref) Input { return CancelJob{Ref: ref, JID: jid, Target: target, By: by} })
	if errors.Is(err, ErrNothingToDo) && len(jobs) > 0 {
		err = fmt.Errorf("job %s is %s: %w", jid, jobs[0].Status, err)
	}
	return acted, err
}

// timeoutGrace is how much longer than its own timeout an action may take to say so itself.
const timeoutGrace = time.Second

// executions are the actions under way, by jid.
type executions struct {
	mu sync.Mutex
	of map[string]*context.CancelFunc
}

// begin gives the context of one action, and what ends it.
func (x *executions) begin(ctx context.Context, jid string) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of == nil {
		x.of = map[string]*context.CancelFunc{}
	}
	x.of[jid] = &cancel
	return ctx, func() {
		cancel()
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.of[jid] == &cancel { // else it was aborted, and has begun anew
			delete(x.of, jid)
		}
	}
}

func (x *executions) abort(jid string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if cancel := x.of[jid]; cancel != nil {
		(*cancel)()
	}
}

// endedRun finds what the log says of a run that has ended.
func (m *Master) endedRun(cause event.ID, id string) (RunEnded, bool) {
	effects, err := m.store.Effects(cause)
	if err != nil && !errors.Is(err, eventlog.ErrMore) {
		return RunEnded{}, false
	}
	for _, pos := range effects {
		e, err := m.store.Get(pos)
		var r RunEnded
		if err == nil && e.Minion == "" && e.Data.Decode(&r) == nil && r.Run == id {
			return r, true
		}
	}
	return RunEnded{}, false
}
