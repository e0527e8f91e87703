package master

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/reactors"
)

// ErrNothingToDo is returned when a job is in no state to be retried or cancelled.
var ErrNothingToDo = errors.New("nothing to do")

// JobActed answers RetryJob and CancelJob.
type JobActed struct {
	JID     string   `json:"jid"`
	Run     string   `json:"run,omitempty"` // a run of steps that was cancelled
	Targets []string `json:"targets"`       // of the jobs that were acted on
}

// actedData is the data of brine/job/<jid>/retried.
type actedData struct {
	JID     string   `json:"jid"`
	Targets []string `json:"targets"`
	More    int      `json:"more,omitempty"`
}

// retryJob lets jobs that have come to no good end begin anew, each as another attempt. What was to follow in their rule does not
// follow: that has been decided.
func (c *Core) retryJob(in RetryJob) {
	var fresh []*openJob
	acted := JobActed{}
	for _, j := range in.Jobs {
		if c.jobs[jobKey{j.JID, j.Target}] != nil || j.Status.Open() || j.Status == job.Succeeded {
			continue
		}
		if m := c.minions[j.Target]; j.Target != event.Master && (m == nil || m.key == "") {
			continue
		}
		acted.JID = j.JID
		acted.Targets = append(acted.Targets, j.Target)
		fresh = append(fresh, &openJob{Job: again(j, c.now)})
	}
	if len(fresh) == 0 {
		c.emit(Reply{Ref: in.Ref, Err: ErrNothingToDo})
		return
	}
	first := fresh[0]
	c.own(ownEvent{tag: jobTag + first.JID + "/retried", by: in.By, causes: []event.ID{first.New}, depth: min(first.Depth, event.MaxDepth) + 1, data: actedData{
		JID: first.JID, Targets: acted.Targets[:min(len(fresh), maxTargetsTold)], More: max(len(fresh)-maxTargetsTold, 0)}})
	for _, j := range fresh {
		c.begin(j, "")
	}
	c.emit(Reply{Ref: in.Ref, Value: acted})
}

// again is a job as it begins anew: it lives as long as it did, and no attempt has the number of an earlier one.
func again(j job.Job, now time.Time) job.Job {
	ttl := j.Deadline.Sub(j.Created)
	if ttl <= 0 {
		ttl = ruleTTL
	}
	j.Deadline = now.Add(ttl)
	j.Status, j.Error, j.Tries, j.Cut, j.Next, j.Ret, j.Runs = job.Waiting, "", 0, 0, time.Time{}, event.ID{}, nil
	if j.Target != event.Master { // there execute counts
		j.Attempt++
	}
	return j
}

// cancelJob ends open jobs, or a whole run.
func (c *Core) cancelJob(in CancelJob) {
	why := "cancelled by " + in.By
	if r := c.runs[in.JID]; r != nil {
		acted := JobActed{JID: in.JID, Run: r.ID, Targets: c.cancelRun(r, why, in.By)}
		c.emit(Reply{Ref: in.Ref, Value: acted})
		return
	}
	var open []*openJob
	for _, j := range c.jobs {
		if j.JID == in.JID && (in.Target == "" || in.Target == j.Target) {
			open = append(open, j)
		}
	}
	if len(open) == 0 {
		c.emit(Reply{Ref: in.Ref, Err: ErrNothingToDo})
		return
	}
	slices.SortFunc(open, func(a, b *openJob) int { return strings.Compare(a.Target, b.Target) })
	acted := JobActed{JID: in.JID}
	for _, j := range open {
		acted.Targets = append(acted.Targets, j.Target)
		c.cancel(j, why, in.By)
	}
	for _, t := range acted.Targets {
		if m := c.minions[t]; m != nil {
			c.dispatch(m)
		}
	}
	c.emit(Reply{Ref: in.Ref, Value: acted})
}

// cancel ends one job. What runs already may still be carried out to its end; nobody waits for it.
func (c *Core) cancel(j *openJob, why, by string) {
	c.withdraw(j)
	j.Status, j.Error, j.by = job.Cancelled, why, by
	c.close(j, "cancelled")
}

// alone reports whether one run is all that a job is for: no other decision has joined it, nor was joined by the run.
func (j *openJob) alone() bool { return len(j.Runs) == 1 && j.Merged == 0 }

// cancelRun ends a run where it stands: neither further steps nor those of on_failure begin.
func (c *Core) cancelRun(r *openRun, why, by string) (targets []string) {
	s := r.step()
	r.busy = true
	for _, t := range slices.Sorted(maps.Keys(r.waiting)) {
		jid := s.JID
		if joined, ok := s.Joined[t]; ok {
			jid = joined
		}
		if j := c.jobs[jobKey{jid, t}]; j != nil && j.alone() {
			targets = append(targets, t)
			c.cancel(j, why, by)
		}
	}
	s.end(StepFailed, why)
	r.skip(r.At+1, len(r.Steps), "the run was "+why)
	c.closeRun(r, "cancelled", why, by)
	for _, t := range targets {
		if m := c.minions[t]; m != nil {
			c.dispatch(m)
		}
	}
	return targets
}

// RecoveredRun is a run as a start finds it.
type RecoveredRun struct {
	Run  Run
	Jobs []RecoveredJob // of its step under way, as many as there are
}

// RecoveredJob is a job of a run's step, and what came of it if it has ended.
type RecoveredJob struct {
	Job    job.Job
	Result *job.Result
}

// recoverRuns puts runs where they stood.
func (c *Core) recoverRuns(runs []RecoveredRun) {
	for _, rec := range runs {
		r := &openRun{Run: rec.Run, recorded: true}
		r.size = len(r.encode())
		c.runBytes += r.size
		c.runs[r.ID] = r
		c.resuming = append(c.resuming, r)
		s := r.step()
		if s.Status != StepRunning {
			continue
		}
		r.waiting, r.ended = map[string]bool{}, map[string]reactors.MinionResult{}
		known := map[string]RecoveredJob{}
		for _, j := range rec.Jobs {
			known[j.Job.Target] = j
		}
		for _, t := range s.Targets {
			j, ok := known[t]
			switch {
			case !ok:
				r.left = append(r.left, t)
			case c.jobs[jobKey{j.Job.JID, t}] != nil && slices.Contains(j.Job.Runs, r.ID):
				r.waiting[t] = true
			case j.Job.Status.Open(): // it had failed, and an operator has begun it anew: that counts no more
				r.ended[t] = reactors.MinionResult{Error: "it failed, and was begun anew by an operator"}
			default:
				r.ended[t] = r.minionResult(j.Job, j.Result)
			}
		}
	}
}

// resumeRuns lets runs go on, once: before anything else can end what they wait for.
func (c *Core) resumeRuns() {
	runs := c.resuming
	c.resuming = nil
	for _, r := range runs {
		switch s := r.step(); s.Status {
		case StepWaiting:
			c.timers.add(*s.Until, timer{kind: timerApprove, run: r})
		case StepRunning:
			c.settle(r)
			if s.Status.ended() {
				c.advance(r)
			}
		default:
			c.advance(r)
		}
	}
}
