package api

import (
	"context"
	"time"

	"brine/internal/event"
)

// Window is what a rule remembers for one value of its by: GET /v1/windows. It is of its condition over several events, or of its throttle.
type Window struct {
	Rule    string     `json:"rule"`
	Kind    string     `json:"kind"` // count, all, sequence, absent; once_within, once_after, accumulate_within
	By      []string   `json:"by"`   // the expressions
	Key     string     `json:"key"`  // their values, as a JSON list
	Seen    int        `json:"seen"` // events that count so far
	Want    int        `json:"want"` // of how many; 0 where their number does not matter
	Missing []string   `json:"missing"`
	Held    int        `json:"held"`   // states that run once more when it ends
	Until   *time.Time `json:"until"`  // when it ends; of count, all and sequence, when the first of the events stops counting. Null: with the next event
	Waits   string     `json:"waits"`  // for what, in a few words
	Events  []event.ID `json:"events"` // the last of those seen or held back
}

// Windows are the open windows of the rules.
type Windows struct {
	Windows []Window    `json:"windows"`
	More    int         `json:"more"` // that are not listed
	Stats   WindowStats `json:"stats"`
}

// WindowStats are counts since the master has started, but for the first five, which are of now and of all rules.
type WindowStats struct {
	Windows     int    `json:"windows"`     // of throttles
	Holding     int    `json:"holding"`     // of these, that hold or collect something
	Waiting     int    `json:"waiting"`     // windows of conditions
	Kept        int    `json:"kept"`        // events that windows keep
	Bytes       int    `json:"bytes"`       // that all of it takes, about
	HeldBack    uint64 `json:"held_back"`   // events that a throttle held back
	Unthrottled uint64 `json:"unthrottled"` // what a throttle had no room for, most of which fired at once
	Uncounted   uint64 `json:"uncounted"`   // what a condition had no room for
	Late        uint64 `json:"late"`        // events that came too late to count
}

// Windows lists the open windows of one rule, or of all with an empty name.
func (c *Client) Windows(ctx context.Context, rule string) (Windows, error) {
	var w Windows
	return w, c.get(ctx, "/v1/windows", values("rule", rule), &w)
}
