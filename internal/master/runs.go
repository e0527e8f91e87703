package master

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/reactors"
)

// Bounds of runs. What meets one is a dead letter at once.
const (
	maxRuns      = 10_000    // under way
	maxRunBytes  = 1 << 20   // of one record, when it begins
	maxRunsBytes = 256 << 20 // of all records
	maxJobRuns   = 16        // runs that wait for one job; a further decision gets a job of its own
)

// Run is the steps of a rule that are done one after the other, from when it fired until the last has ended. A rule with one step has
// none, nor have steps that are over at once: nobody waits for them. It is stored when a step begins and when one ends; what happens
// in between is known from the jobs.
type Run struct {
	ID      string         `json:"id"`
	Rule    string         `json:"rule"`
	Event   event.ID       `json:"event"` // what the rule decided about
	Minion  string         `json:"minion,omitempty"`
	Causes  []event.ID     `json:"causes,omitempty"` // the event and what was held back before it
	Depth   uint8          `json:"depth"`            // of the events that come of it
	Created time.Time      `json:"created"`
	Updated time.Time      `json:"updated"`
	At      int            `json:"at"`        // the step under way, in Steps
	Failed  int            `json:"failed_at"` // 1 more than the place of the step that failed; 0 for none
	Steps   []RunStep      `json:"steps"`     // those of on_failure last
	Plan    *reactors.Plan `json:"plan,omitempty"`
}

// StepStatus is where a step of a run stands.
type StepStatus string

// The statuses of a step; empty is not begun.
const (
	StepPending   StepStatus = "pending" // not begun, as it is told
	StepRunning   StepStatus = "running"
	StepWaiting   StepStatus = "waiting" // for an approval
	StepSucceeded StepStatus = "succeeded"
	StepFailed    StepStatus = "failed"
	StepIgnored   StepStatus = "ignored" // it failed, and says that it may
	StepSkipped   StepStatus = "skipped"
	StepStopped   StepStatus = "stopped" // it ended the run, and that is no failure
)

// RunStep is one step of a run.
type RunStep struct {
	reactors.Decision
	Status  StepStatus           `json:"status,omitempty"`
	Why     string               `json:"why,omitempty"`
	JID     string               `json:"jid,omitempty"`     // or the id of what is to be approved, or of the event that was fired
	Targets []string             `json:"targets,omitempty"` // all that it is for
	Joined  map[string]string    `json:"joined,omitempty"`  // by target: the job that it waits for instead of one of its own
	Until   *time.Time           `json:"until,omitempty"`   // of an approval
	Result  *reactors.StepResult `json:"result,omitempty"`
}

// openRun is a run under way.
type openRun struct {
	Run
	out      *Verdict // of the decision, while that is carried out
	recorded bool     // it is stored, or will be
	refused  string   // why nothing of it can be carried out
	size     int      // of the record
	busy     bool     // targets are begun or cancelled: what ends meanwhile is looked at afterwards

	waiting map[string]bool                  // targets of the step under way
	left    []string                         // those that were not begun
	ended   map[string]reactors.MinionResult // the others
	stopped bool                             // too many have failed: no other begins
}

func (r *openRun) step() *RunStep { return &r.Steps[r.At] }

// carryOut does what a verdict decided: ordered steps one after the other, all else each by itself.
func (c *Core) carryOut(e event.Event, v reactors.Verdict, out *Verdict) {
	var ordered []reactors.Decision
	for i, d := range v.Decisions {
		if d.Ordered {
			ordered = append(ordered, d)
			continue
		}
		c.startRun(e, v, i+1, []reactors.Decision{d}, out)
	}
	if len(ordered) > 0 {
		c.startRun(e, v, 0, ordered, out)
	}
}

// startRun begins the steps. Where nobody needs to wait for any of them there is no record. nth tells the runs of one verdict apart, for
// several of its decisions may be of one step.
func (c *Core) startRun(e event.Event, v reactors.Verdict, nth int, ds []reactors.Decision, out *Verdict) {
	r := &openRun{out: out, Run: Run{
		Rule: v.Rule, Event: e.ID, Minion: e.Minion, Causes: append([]event.ID{e.ID}, v.Causes...),
		Depth: e.Depth + 1, Created: c.now, Steps: make([]RunStep, len(ds)), Plan: v.Plan,
	}}
	for i, d := range ds {
		r.Steps[i].Decision = d
	}
	if r.recorded = r.needsRecord(); r.recorded {
		r.ID = job.JID(e.ID, v.Rule, -1-nth)
		if c.runs[r.ID] != nil {
			return // decided already: a replay
		}
		out.Run = r.ID
		r.size = len(r.encode())
		switch {
		case len(c.runs) >= maxRuns:
			r.refused = fmt.Sprintf("%d runs of rules are under way already", maxRuns)
		case r.size > maxRunBytes:
			r.refused = fmt.Sprintf("its steps have %d bytes; at most %d", r.size, maxRunBytes)
		case c.runBytes+r.size > maxRunsBytes:
			r.refused = fmt.Sprintf("the runs of rules have %d bytes already", maxRunsBytes)
		}
		if r.refused != "" {
			r.recorded = false
			c.tellFailed(e, reactors.Verdict{Rule: v.Rule, Outcome: reactors.Error, Why: "its steps are not carried out: " + r.refused})
		}
		c.runBytes += r.size
		c.runs[r.ID] = r
	}
	c.advance(r)
	r.out = nil
}

// needsRecord reports whether something must wait for a step.
func (r *openRun) needsRecord() bool {
	for i := range r.Steps {
		s := &r.Steps[i]
		switch {
		case s.Fun == job.EventFire && !s.Late:
		case s.Fun == reactors.Fail && !s.OnFailure && !s.ignores(), s.Fun == reactors.Stop:
			return r.hasOnFailure()
		default:
			return i < len(r.Steps)-1 || s.Fun == reactors.Approve || s.Options != nil && (s.Options.Batch != nil || s.Options.MaxFailures != nil)
		}
	}
	return false
}

func (r *openRun) hasOnFailure() bool {
	return slices.ContainsFunc(r.Steps, func(s RunStep) bool { return s.OnFailure })
}

func (s *RunStep) ignores() bool { return s.Options != nil && s.Options.IgnoreFailure }

// advance begins steps until one has to be waited for.
func (c *Core) advance(r *openRun) {
	for r.At < len(r.Steps) {
		s := r.step()
		if s.OnFailure && r.Failed == 0 {
			break
		}
		if s.Status == "" {
			c.beginStep(r)
		}
		if s.Status == StepRunning && !r.recorded {
			break // the last one, and nobody waits for it
		}
		if s.Status == StepRunning || s.Status == StepWaiting {
			c.saveRun(r)
			return
		}
		r.next()
	}
	c.endRun(r)
}

// next goes to the step that follows one that has ended.
func (r *openRun) next() {
	s := r.step()
	switch {
	case s.Status == StepStopped:
		r.skip(r.At+1, len(r.Steps), s.label()+" stopped the rest")
		r.At = len(r.Steps)
	case s.Status != StepFailed:
		r.At++
	case r.Failed > 0: // in on_failure
		r.skip(r.At+1, len(r.Steps), s.label()+" failed")
		r.At = len(r.Steps)
	default:
		r.Failed = r.At + 1
		first := slices.IndexFunc(r.Steps, func(s RunStep) bool { return s.OnFailure })
		if first < 0 {
			first = len(r.Steps)
		}
		r.skip(r.At+1, first, s.label()+" failed")
		r.At = first
	}
}

func (r *openRun) skip(from, to int, why string) {
	for i := from; i < to; i++ {
		r.Steps[i].Status, r.Steps[i].Why = StepSkipped, why
	}
}

// label names a step to people.
func (s *RunStep) label() string {
	if s.Name != "" {
		return "step " + s.Name
	}
	if s.OnFailure {
		return fmt.Sprintf("on_failure step %d", s.Step-reactors.FailureStep+1)
	}
	return fmt.Sprintf("step %d", s.Step+1)
}

func (r *openRun) encode() []byte {
	b, err := json.Marshal(&r.Run)
	if err != nil {
		panic(err) // plain values only
	}
	return b
}

// DecodeRun reads what PutRun keeps.
func DecodeRun(b []byte) (Run, error) {
	var r Run
	err := json.Unmarshal(b, &r)
	if err == nil && (r.ID == "" || r.At < 0 || r.At >= len(r.Steps)) {
		err = fmt.Errorf("run %q is at step %d of %d", r.ID, r.At+1, len(r.Steps))
	}
	return r, err
}

func (c *Core) saveRun(r *openRun) {
	if !r.recorded {
		return
	}
	r.Updated = c.now
	b := r.encode()
	c.runBytes += len(b) - r.size
	r.size = len(b)
	c.emit(PutRun{ID: r.ID, Value: b})
}

// RunEnded is the data of brine/reactor/<rule>/ended, and what the API says of a run under way.
type RunEnded struct {
	Run    string        `json:"run"`
	Rule   string        `json:"rule"`
	Event  string        `json:"event"`
	Status string        `json:"status"` // running, succeeded, failed, stopped, cancelled
	Why    string        `json:"why,omitempty"`
	Took   time.Duration `json:"took_ns"`
	Steps  []StepEnded   `json:"steps"`
}

// StepEnded is one of its steps.
type StepEnded struct {
	Step      int        `json:"step"`
	Name      string     `json:"name,omitempty"`
	Fun       string     `json:"fun"`
	OnFailure bool       `json:"on_failure,omitempty"`
	Status    StepStatus `json:"status"`
	Why       string     `json:"why,omitempty"`
	JID       string     `json:"jid,omitempty"`
	Targets   int        `json:"targets,omitempty"`
	Failed    int        `json:"failed,omitempty"` // of the targets
}

// endRun forgets a run and says how it went.
func (c *Core) endRun(r *openRun) {
	status, why := "succeeded", ""
	if i := slices.IndexFunc(r.Steps, func(s RunStep) bool { return s.Status == StepStopped }); i >= 0 {
		status, why = "stopped", r.Steps[i].Why
	}
	if r.Failed > 0 {
		status, why = "failed", r.Steps[r.Failed-1].label()+": "+r.Steps[r.Failed-1].Why
	}
	c.closeRun(r, status, why, "")
}

func (c *Core) closeRun(r *openRun, status, why, by string) {
	delete(c.runs, r.ID)
	c.runBytes -= r.size
	if !r.recorded {
		if r.out != nil && why != "" {
			r.out.Why += "; " + status + ": " + why
		}
		return
	}
	if r.out == nil || !r.Updated.IsZero() { // it was stored
		c.emit(PutRun{ID: r.ID})
	}
	ended := r.view(status, why, c.now)
	c.own(ownEvent{tag: "brine/reactor/" + r.Rule + "/ended", by: by, causes: r.Causes, depth: r.Depth + 1, data: ended})
}

// view is a run as it is told.
func (r *Run) view(status, why string, now time.Time) RunEnded {
	ended := RunEnded{Run: r.ID, Rule: r.Rule, Event: r.Event.String(), Status: status, Why: clip(why), Took: now.Sub(r.Created)}
	for i := range r.Steps {
		s := &r.Steps[i]
		e := StepEnded{Step: s.Step, Name: s.Name, Fun: s.Fun, OnFailure: s.OnFailure, Status: s.Status, Why: clip(s.Why), JID: s.JID, Targets: len(s.Targets)}
		if s.Result != nil {
			e.Failed = s.Result.Failed
		}
		switch {
		case s.Status == StepWaiting:
			e.Why = s.Text
		case s.Status != "":
		case status != "running":
			e.Status, e.Why = StepSkipped, "nothing failed" // those of on_failure
		default:
			e.Status = StepPending
		}
		ended.Steps = append(ended.Steps, e)
	}
	return ended
}
