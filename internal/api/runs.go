package api

import (
	"context"
	"time"

	"brine/internal/event"
)

// Run is the steps of a rule that fired, which are done one after the other: GET /v1/runs/{id}, and the data of brine/reactor/<rule>/ended.
type Run struct {
	Run    string        `json:"run"`
	Rule   string        `json:"rule"`
	Event  string        `json:"event"`  // what the rule decided about
	Status string        `json:"status"` // running, succeeded, failed, stopped, cancelled
	Why    string        `json:"why,omitempty"`
	Took   time.Duration `json:"took_ns"`
	Steps  []RunStep     `json:"steps"`
}

// RunStep is one step of it.
type RunStep struct {
	Step      int    `json:"step"` // the place in the rule's do list, from 0; in on_failure from 10000
	Name      string `json:"name,omitempty"`
	Fun       string `json:"fun"`
	OnFailure bool   `json:"on_failure,omitempty"`
	Status    string `json:"status"` // pending, running, waiting, succeeded, failed, ignored, skipped, stopped
	Why       string `json:"why,omitempty"`
	JID       string `json:"jid,omitempty"`
	Targets   int    `json:"targets,omitempty"`
	Failed    int    `json:"failed,omitempty"` // of the targets
}

// FailureStep is the Step of a rule's first on_failure step.
const FailureStep = 10_000

// Run finds a run under way by its id, and one that has ended when the event is known that its rule had decided about.
func (c *Client) Run(ctx context.Context, id string, cause event.ID) (Run, error) {
	text := ""
	if !cause.IsZero() {
		text = cause.String()
	}
	var r Run
	return r, c.get(ctx, "/v1/runs/"+id, values("event", text), &r)
}

// Approval is a step that waits for an operator: GET /v1/approvals.
type Approval struct {
	ID      string    `json:"id"`
	Rule    string    `json:"rule"`
	Run     string    `json:"run"`
	Step    int       `json:"step"`
	Event   string    `json:"event"` // what the rule decided about
	Text    string    `json:"text"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	Timeout string    `json:"on_timeout"`    // stop or continue
	By      string    `json:"by,omitempty"`  // who answered
	Why     string    `json:"why,omitempty"` // what they said
}

// Approvals lists what waits for an operator, oldest first.
func (c *Client) Approvals(ctx context.Context) ([]Approval, error) {
	var list []Approval
	return list, c.get(ctx, "/v1/approvals", nil, &list)
}

// Answer answers an approval: POST /v1/approvals/{id}.
type Answer struct {
	Deny bool   `json:"deny,omitempty"`
	Why  string `json:"why,omitempty"`
}

// Approve answers an approval.
func (c *Client) Approve(ctx context.Context, id string, a Answer) (Approval, error) {
	var done Approval
	return done, c.post(ctx, "/v1/approvals/"+id, a, &done)
}

// JobAct names the target of a job to act on: POST /v1/jobs/{jid}/retry, cancel. Empty is all.
type JobAct struct {
	Target string `json:"target,omitempty"`
}

// JobActed answers JobAct.
type JobActed struct {
	JID     string   `json:"jid"`
	Run     string   `json:"run,omitempty"` // a run of steps that was cancelled
	Targets []string `json:"targets"`       // of the jobs that were acted on
}

// RetryJob lets a job that came to no good end begin anew, on one target or on all on which it did.
func (c *Client) RetryJob(ctx context.Context, jid, target string) (JobActed, error) {
	var done JobActed
	return done, c.post(ctx, "/v1/jobs/"+jid+"/retry", JobAct{Target: target}, &done)
}

// CancelJob ends the open jobs of a jid, on one target or on all; or a run of steps by its id.
func (c *Client) CancelJob(ctx context.Context, jid, target string) (JobActed, error) {
	var done JobActed
	return done, c.post(ctx, "/v1/jobs/"+jid+"/cancel", JobAct{Target: target}, &done)
}
