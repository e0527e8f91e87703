package api

import (
	"context"
	"time"
)

// MaxPauseWhy bounds the reason of a pause, in bytes.
const MaxPauseWhy = 300

// MaxPause is for how long a pause can be asked.
const MaxPause = 366 * 24 * time.Hour

// Guards is what does not act at present: GET /v1/guards. It answers Pause and Resume too: what they have changed.
type Guards struct {
	Rules []Guard `json:"rules"`
	Holds []Hold  `json:"holds"`
}

// Guard is why a rule does not act.
type Guard struct {
	Rule    string    `json:"rule"`
	Outcome string    `json:"outcome"` // paused, or suspended: it fired too often
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"` // suspended: the earliest, if it is quiet until then
	Why     string    `json:"why"`
	By      string    `json:"by,omitempty"`
	Missed  int       `json:"missed"` // times that it would have fired since
	Held    int       `json:"held"`   // decisions that run when it ends
}

// The kinds of holds.
const (
	HoldPause       = "pause"       // an operator's, on the minions of a target
	HoldMaintenance = "maintenance" // a window of the configuration's
	HoldFrozen      = "frozen"      // a state, by blast_radius
)

// Hold keeps minions, or one state everywhere, from being put right.
type Hold struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Tgt     string    `json:"tgt,omitempty"`
	TgtType string    `json:"tgt_type,omitempty"`
	State   string    `json:"state,omitempty"` // frozen: which
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until,omitzero"` // zero: until somebody resumes it
	Why     string    `json:"why"`
	By      string    `json:"by,omitempty"`
	Minions []string  `json:"minions,omitempty"` // frozen: the first that drifted
	Count   int       `json:"count,omitempty"`   // frozen: how many drifted
	Of      int       `json:"of,omitempty"`      // frozen: how many enforce the state
	Content string    `json:"content,omitempty"` // frozen: tells what they drifted to from anything else
	Over    time.Time `json:"over,omitzero"`     // when it was ended before its time
}

// Pause asks that rules decide nothing, or that minions are left as they are: POST /v1/guards/pause. It names rules, or a target.
type Pause struct {
	Rules   []string `json:"rules,omitempty"`
	Tgt     string   `json:"tgt,omitempty"`
	TgtType string   `json:"tgt_type,omitempty"` // glob when empty
	For     Duration `json:"for"`
	Why     string   `json:"why"`
}

// Resume ends what Pause asked for, and suspensions: POST /v1/guards/resume. It names rules, a target as it was paused, a frozen state, or all
// rules and targets.
type Resume struct {
	Rules   []string `json:"rules,omitempty"`
	Tgt     string   `json:"tgt,omitempty"`
	TgtType string   `json:"tgt_type,omitempty"`
	State   string   `json:"state,omitempty"`
	All     bool     `json:"all,omitempty"`
}

// Guards says what does not act at present.
func (c *Client) Guards(ctx context.Context) (Guards, error) {
	var g Guards
	return g, c.get(ctx, "/v1/guards", nil, &g)
}

// Pause pauses.
func (c *Client) Pause(ctx context.Context, p Pause) (Guards, error) {
	var g Guards
	return g, c.post(ctx, "/v1/guards/pause", p, &g)
}

// Resume resumes.
func (c *Client) Resume(ctx context.Context, r Resume) (Guards, error) {
	var g Guards
	return g, c.post(ctx, "/v1/guards/resume", r, &g)
}
