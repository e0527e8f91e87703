package api

import (
	"context"

	"brine/internal/event"
)

// Explained is an event and what each rule made of it: GET /v1/events/{id}/explain.
type Explained struct {
	Event    event.Event `json:"event"`
	Verdicts []Verdict   `json:"verdicts"`
	Passed   []Passed    `json:"passed,omitempty"` // the rule that was asked for, where the event passed it by
}

// Passed is a rule that has no verdict on an event.
type Passed struct {
	Rule string   `json:"rule"`
	Why  []string `json:"why"` // for each of its patterns, as the rule stands now
}

// Explain says what the rules made of an event; with a rule, what that one did, and why it was not asked if it was not.
func (c *Client) Explain(ctx context.Context, name, rule string) (Explained, error) {
	var e Explained
	return e, c.get(ctx, "/v1/events/"+name+"/explain", values("rule", rule), &e)
}

// RuleFile is the text of a rule file, as it is in force: GET /v1/rules/files.
type RuleFile struct {
	Name string `json:"name"` // its path on the master's host
	Text string `json:"text"`
}

// RuleFiles are the texts of the rules in force.
func (c *Client) RuleFiles(ctx context.Context) ([]RuleFile, error) {
	var files []RuleFile
	return files, c.get(ctx, "/v1/rules/files", nil, &files)
}
