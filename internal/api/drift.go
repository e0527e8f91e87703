package api

import (
	"context"
	"time"

	"brine/internal/event"
)

// DriftOK is the status of a state that was out of line and is right again.
const DriftOK = "ok"

// Drift is how an enforced state of a minion stands: GET /v1/drift. Only states that were out of line once are told of.
type Drift struct {
	Minion    string    `json:"minion"`
	ID        string    `json:"id"` // the state's id in the SLS file
	SLS       string    `json:"sls"`
	Fun       string    `json:"fun"`
	Name      string    `json:"name"`
	Status    string    `json:"status"`     // ok, drifted (it is only told of), failed (it could not be put right), contested
	Since     time.Time `json:"since"`      // when it got out of line; when it was put right, if it is right. By the master's clock
	Corrected uint64    `json:"corrected"`  // times, ever
	Last      time.Time `json:"last"`       // when it was last told of
	LastEvent event.ID  `json:"last_event"` // which told it
	Why       string    `json:"why"`        // in a few words
}

// OutOfLine reports whether the state is not as it is wanted.
func (d Drift) OutOfLine() bool { return d.Status != DriftOK }

// Drift lists the states that are out of line, those first, and those corrected within the last 24 hours; with all every state that
// was ever told of. An empty target is all minions.
func (c *Client) Drift(ctx context.Context, tgt, tgtType string, all bool) ([]Drift, error) {
	var list []Drift
	return list, c.get(ctx, "/v1/drift", values("tgt", tgt, "tgt_type", tgtType, "all", flag(all)), &list)
}
