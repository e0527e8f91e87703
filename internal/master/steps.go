package master

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/reactors"
)

// beginStep begins the step that a run has come to. It is over at once, or its status says that it is to be waited for.
func (c *Core) beginStep(r *openRun) {
	s := r.step()
	if s.Late {
		d, err := c.opt.Reactor.Later(r.Plan, s.Step, r.results(), reactors.World{Grains: c.grains})
		if err != nil {
			c.tellFailed(event.Event{ID: r.Event, Depth: r.Depth - 1}, reactors.Verdict{Rule: r.Rule, Outcome: reactors.Error, Why: err.Error()})
			s.end(StepFailed, err.Error())
			return
		}
		d.Ordered, d.OnFailure = s.Ordered, s.OnFailure
		s.Decision = d
	}
	switch s.Fun {
	case job.EventFire:
		c.fireStep(r, s)
	case reactors.Fail:
		s.end(StepFailed, s.Text)
	case reactors.Stop:
		s.end(StepStopped, s.Text)
	case reactors.Approve:
		if r.refused != "" {
			s.end(StepFailed, r.refused)
			return
		}
		c.askApproval(r, s)
	default:
		c.openStep(r, s)
	}
}

// end sets what became of a step that gave nothing else.
func (s *RunStep) end(status StepStatus, why string) {
	if status == StepFailed && s.ignores() {
		status = StepIgnored
	}
	s.Status, s.Why = status, why
	if s.Result == nil {
		s.Result = &reactors.StepResult{}
	}
	s.Result.Name, s.Result.JID, s.Result.OK = s.Name, s.JID, status == StepSucceeded
	if s.Result.Error == "" && !s.Result.OK {
		s.Result.Error = why
	}
}

// results are what the steps before gave, by name.
func (r *openRun) results() map[string]reactors.StepResult {
	all := map[string]reactors.StepResult{}
	for i := range r.Steps {
		s := &r.Steps[i]
		res := reactors.StepResult{Name: s.Name, Skipped: true}
		if s.Result != nil {
			res = *s.Result
		}
		if s.Name != "" {
			all[s.Name] = res
		}
		if r.Failed == i+1 {
			res.Name = cmp.Or(s.Name, s.label())
			all["failed"] = res
		}
	}
	return all
}

func (c *Core) fireStep(r *openRun, s *RunStep) {
	if c.fired++; c.fired > maxFired {
		why := fmt.Sprintf("not fired: rules have fired %d events at one go; do they fire each other's?", maxFired)
		c.tellFailed(event.Event{ID: r.Event, Depth: r.Depth - 1}, reactors.Verdict{Rule: r.Rule, Outcome: reactors.Error, Why: why})
		s.end(StepFailed, why)
		return
	}
	e := c.own(ownEvent{tag: s.Fire.Tag, data: s.Fire.Data, causes: r.Causes, depth: r.Depth})
	if r.out != nil {
		r.out.Fired = append(r.out.Fired, e.ID.String())
	}
	s.JID = e.ID.String()
	s.end(StepSucceeded, "")
}

// openStep makes the jobs of a step, all at once or the first batch.
func (c *Core) openStep(r *openRun, s *RunStep) {
	s.JID = job.JID(r.Event, r.Rule, s.Step)
	targets := []string{event.Master}
	if s.Fun != job.MasterExec && !s.OnMaster {
		e := event.Event{ID: r.Event, Minion: r.Minion, Depth: r.Depth - 1}
		var err error
		if targets, err = c.targets(e, s.Decision); err != nil {
			c.tellFailed(e, reactors.Verdict{Rule: r.Rule, Outcome: reactors.Error, Why: err.Error()})
			s.end(StepFailed, err.Error())
			return
		}
	}
	if why := c.whyUnknown(s.Decision); why != "" && r.out != nil {
		r.out.Why += "; " + s.Fun + ": " + why
	}
	if len(targets) == 0 {
		const nobody = " for nobody: no accepted minion is meant"
		s.end(StepSucceeded, strings.TrimSpace(nobody))
		if r.out != nil {
			r.out.Why = strings.TrimPrefix(r.out.Why+"; "+s.Fun+nobody, "; ")
		}
		return
	}
	if why := c.whyHeld(targets); why != "" && r.out != nil {
		r.out.Why += "; " + why
	}
	s.Status = StepRunning
	r.waiting, r.ended, r.left, r.stopped = map[string]bool{}, map[string]reactors.MinionResult{}, targets, false
	if r.recorded {
		s.Targets = targets
	}
	c.fill(r)
	c.settle(r)
}

// fill begins as many targets as may be under way at once. It reports whether some wait for jobs of other decisions.
func (c *Core) fill(r *openRun) (joined bool) {
	s := r.step()
	c.withoutKey(r)
	n := len(r.left)
	if o := s.Options; o != nil && o.Batch != nil {
		n = min(n, max(o.Batch.Of(len(s.Targets)), 1)-len(r.waiting))
	}
	if n <= 0 {
		return false
	}
	targets := r.left[:n]
	r.left = r.left[n:]
	j := job.Job{JID: s.JID, Fun: s.Fun, Args: s.Args, Rule: r.Rule, Step: s.Step, Causes: r.Causes, Depth: r.Depth}
	j.Args.Timeout = s.Timeout
	ttl := ruleTTL
	if o := s.Options; o != nil {
		j.Retry, j.Fragile, j.Ignore = o.Retry, o.DeadLetter, o.IgnoreFailure
		if o.Retry != nil {
			ttl = cmp.Or(o.Retry.Timeout, ttl)
		}
	}
	if r.recorded {
		j.Runs = []string{r.ID}
		for _, t := range targets {
			r.waiting[t] = true
		}
	}
	var out Verdict
	r.busy = true
	others := c.open(j, targets, ttl, cmp.Or(r.out, &out), r.refused)
	r.busy = false
	if !r.recorded || len(others) == 0 {
		return false
	}
	if s.Joined == nil {
		s.Joined = map[string]string{}
	}
	maps.Copy(s.Joined, others)
	return true
}

// withoutKey ends the targets that were not begun and whose key is gone meanwhile: nobody would ever answer for them.
func (c *Core) withoutKey(r *openRun) {
	r.left = slices.DeleteFunc(slices.Clone(r.left), func(t string) bool {
		if m := c.minions[t]; t == event.Master || m != nil && m.key != "" {
			return false
		}
		r.ended[t] = reactors.MinionResult{Error: "the key of " + t + " was rejected or deleted"}
		return true
	})
}

// targetDone takes the end of a job that a run waits for.
func (c *Core) targetDone(id string, j *openJob) {
	r := c.runs[id]
	if r == nil || r.At >= len(r.Steps) || !r.waiting[j.Target] {
		return
	}
	if s := r.step(); s.JID != j.JID && s.Joined[j.Target] != j.JID {
		return
	}
	delete(r.waiting, j.Target)
	r.ended[j.Target] = r.minionResult(j.Job, j.result)
	c.settle(r)
	if s := r.stepOrNil(); s != nil && s.Status.ended() && !r.busy {
		c.advance(r)
	}
}

func (r *openRun) stepOrNil() *RunStep {
	if r.At >= len(r.Steps) {
		return nil
	}
	return r.step()
}

func (s StepStatus) ended() bool { return s != "" && s != StepRunning && s != StepWaiting }

// settle looks at a step under way after something has ended: the next batch begins, too many failures stop the rest, and when nothing is
// under way any more the step is over.
func (c *Core) settle(r *openRun) {
	s := r.step()
	if r.busy || !r.recorded || s.Status != StepRunning {
		return
	}
	for {
		c.limitFailures(r, s)
		if r.stopped || len(r.left) == 0 {
			break
		}
		before := len(r.left)
		if c.fill(r) {
			c.saveRun(r)
		}
		if len(r.left) == before {
			break // as many as may be are under way
		}
	}
	if len(r.waiting) == 0 && (r.stopped || len(r.left) == 0) {
		c.stepOver(r, s)
	}
}

func (r *openRun) failures() int {
	n := 0
	for _, m := range r.ended {
		if !m.OK {
			n++
		}
	}
	return n
}

// limitFailures cancels what was not begun when more have failed than the step puts up with.
func (c *Core) limitFailures(r *openRun, s *RunStep) {
	if r.stopped || s.Options == nil || s.Options.MaxFailures == nil || r.failures() <= s.Options.MaxFailures.Of(len(s.Targets)) {
		return
	}
	r.stopped = true
	why := fmt.Sprintf("%d of %d failed, which is more than max_failures: %s", r.failures(), len(s.Targets), s.Options.MaxFailures)
	r.busy = true
	for _, t := range slices.Sorted(maps.Keys(r.waiting)) {
		j := c.jobs[jobKey{cmp.Or(s.Joined[t], s.JID), t}]
		if j != nil && j.stage != sent && j.alone() { // one that others wait for as well goes on
			c.cancel(j, why, "")
		}
	}
	r.busy = false
	s.Why = why
	if n := len(r.left); n > 0 {
		s.Why += fmt.Sprintf("; %d were not begun", n)
	}
}

// stepOver sums a step up.
func (c *Core) stepOver(r *openRun, s *RunStep) {
	failed := r.failures()
	most := 0
	if s.Options != nil && s.Options.MaxFailures != nil {
		most = s.Options.MaxFailures.Of(len(s.Targets))
	}
	s.Result = r.sumUp(s, failed)
	status, why := StepSucceeded, s.Why
	if r.stopped || failed > most {
		status = StepFailed
		if why == "" && len(s.Targets) == 1 {
			why = s.Result.Error
		} else if why == "" {
			why = fmt.Sprintf("%d of %d failed: %s", failed, len(s.Targets), s.Result.Error)
		}
	} else if failed > 0 {
		why = fmt.Sprintf("%d of %d failed, and max_failures is %s", failed, len(s.Targets), s.Options.MaxFailures)
	}
	if jid := s.Joined[s.Targets[0]]; jid != "" && len(s.Joined) == len(s.Targets) {
		s.JID = jid // there is no job of its own
	}
	s.end(status, why)
	s.Joined = nil
	r.waiting, r.ended, r.left = nil, nil, nil
}

// askApproval begins to wait for an operator.
func (c *Core) askApproval(r *openRun, s *RunStep) {
	until := c.now.Add(s.Options.Approval.Within)
	s.JID, s.Until, s.Status = job.JID(r.Event, r.Rule, s.Step), &until, StepWaiting
	c.timers.add(until, timer{kind: timerApprove, run: r})
	c.own(ownEvent{tag: "brine/reactor/" + r.Rule + "/waiting", causes: r.Causes, depth: r.Depth, data: s.asked(r)})
}

// ApprovalAsked is the data of brine/reactor/<rule>/waiting, and with what was answered of approved, denied and timed-out.
type ApprovalAsked struct {
	ID      string    `json:"id"` // for `brine reactor approve`
	Rule    string    `json:"rule"`
	Run     string    `json:"run"`
	Step    int       `json:"step"`
	Event   string    `json:"event"`
	Text    string    `json:"text"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	Timeout string    `json:"on_timeout"` // stop or continue
	By      string    `json:"by,omitempty"`
	Why     string    `json:"why,omitempty"` // what who answered said
}

func (s *RunStep) asked(r *openRun) ApprovalAsked {
	a := ApprovalAsked{ID: s.JID, Rule: r.Rule, Run: r.ID, Step: s.Step, Event: r.Event.String(), Text: s.Text,
		Since: s.Until.Add(-s.Options.Approval.Within), Until: *s.Until, Timeout: "stop"}
	if s.Options.Approval.GoOn {
		a.Timeout = "continue"
	}
	return a
}

// approval takes an operator's answer.
func (c *Core) approval(in Approval) {
	for _, r := range c.runs {
		s := r.stepOrNil()
		if s == nil || s.Status != StepWaiting || s.JID != in.ID {
			continue
		}
		a := s.asked(r)
		a.By, a.Why = in.By, clip(in.Why)
		c.answered(r, a, in.Deny)
		c.emit(Reply{Ref: in.Ref, Value: a})
		return
	}
	c.emit(Reply{Ref: in.Ref, Err: fmt.Errorf("approval %q: %w", in.ID, ErrUnknown)})
}

func (c *Core) answered(r *openRun, a ApprovalAsked, deny bool) {
	s := r.step()
	what, status, why := "approved", StepSucceeded, "approved by "+a.By
	if deny {
		what, status, why = "denied", StepStopped, "denied by "+a.By
	}
	if a.Why != "" {
		why += ": " + a.Why
	}
	c.own(ownEvent{tag: "brine/reactor/" + r.Rule + "/" + what, by: a.By, causes: r.Causes, depth: r.Depth, data: a})
	s.Result = &reactors.StepResult{By: a.By}
	s.end(status, why)
	c.advance(r)
}

func (c *Core) approvalOver(r *openRun, at time.Time) {
	s := r.stepOrNil()
	if c.runs[r.ID] != r || s == nil || s.Status != StepWaiting || s.Until.After(c.now) {
		return
	}
	status, why := StepStopped, "nobody approved in time"
	if s.Options.Approval.GoOn {
		status, why = StepSucceeded, "nobody answered in time: it goes on"
	}
	c.own(ownEvent{tag: "brine/reactor/" + r.Rule + "/timed-out", causes: r.Causes, depth: r.Depth, data: s.asked(r)})
	s.end(status, why)
	c.advance(r)
}
