package api

import (
	"context"
	"net/url"
	"strconv"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
)

// Status says how the master is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.get(ctx, "/v1/status", nil, &s)
}

// MinionStatus says how the minion is, on the minion's own socket.
func (c *Client) MinionStatus(ctx context.Context) (MinionStatus, error) {
	var s MinionStatus
	return s, c.get(ctx, "/v1/status", nil, &s)
}

// Event finds one event by its id or its position.
func (c *Client) Event(ctx context.Context, name string) (event.Event, error) {
	var e event.Event
	return e, c.get(ctx, "/v1/events/"+name, nil, &e)
}

// Trace finds the tree that an event stands in, by the event's id or its position.
func (c *Client) Trace(ctx context.Context, name string) (Traced, error) {
	var t Traced
	return t, c.get(ctx, "/v1/events/"+name+"/trace", nil, &t)
}

// Fire makes an event durable, on a master or on a minion.
func (c *Client) Fire(ctx context.Context, tag string, data event.Data) (Fired, error) {
	var f Fired
	return f, c.post(ctx, "/v1/events", Fire{Tag: tag, Data: data}, &f)
}

// Keys lists the keys whose id matches a glob, or the one with a fingerprint; empty for all.
func (c *Client) Keys(ctx context.Context, match string) ([]identity.Record, error) {
	var keys []identity.Record
	return keys, c.get(ctx, "/v1/keys", values("match", match), &keys)
}

// AcceptKeys lets keys in, named by id or fingerprint, and gives the records that changed.
func (c *Client) AcceptKeys(ctx context.Context, who ...string) ([]identity.Record, error) {
	return c.actOnKeys(ctx, "accept", who)
}

// RejectKeys shuts keys out. Their sessions end at once.
func (c *Client) RejectKeys(ctx context.Context, who ...string) ([]identity.Record, error) {
	return c.actOnKeys(ctx, "reject", who)
}

// DeleteKeys forgets keys. Their sessions end at once; they may ask again.
func (c *Client) DeleteKeys(ctx context.Context, who ...string) ([]identity.Record, error) {
	return c.actOnKeys(ctx, "delete", who)
}

func (c *Client) actOnKeys(ctx context.Context, act string, who []string) ([]identity.Record, error) {
	var keys []identity.Record
	return keys, c.post(ctx, "/v1/keys/"+act, Who{Who: who}, &keys)
}

// NewToken makes a join token.
func (c *Client) NewToken(ctx context.Context, t NewToken) (TokenMade, error) {
	var made TokenMade
	return made, c.post(ctx, "/v1/tokens", t, &made)
}

// Tokens lists the join tokens, without their secrets.
func (c *Client) Tokens(ctx context.Context) ([]identity.Token, error) {
	var tokens []identity.Token
	return tokens, c.get(ctx, "/v1/tokens", nil, &tokens)
}

// Fingerprint is the master's own.
func (c *Client) Fingerprint(ctx context.Context) (identity.Fingerprint, error) {
	var f struct {
		Fingerprint identity.Fingerprint `json:"fingerprint"`
	}
	return f.Fingerprint, c.get(ctx, "/v1/fingerprint", nil, &f)
}

// Minions lists the accepted minions that match.
func (c *Client) Minions(ctx context.Context, tgt, tgtType string) ([]Minion, error) {
	var minions []Minion
	return minions, c.get(ctx, "/v1/minions", values("tgt", tgt, "tgt_type", tgtType), &minions)
}

// Submit opens a job.
func (c *Client) Submit(ctx context.Context, s Submit) (Submitted, error) {
	var done Submitted
	return done, c.post(ctx, "/v1/jobs", s, &done)
}

// JobQuery says which jobs to list. Its zero value is all of them, oldest first.
type JobQuery struct {
	Open    bool
	Dead    bool   // what rules decided and was given up
	Target  string // glob
	Limit   int
	Reverse bool
}

// Jobs lists jobs: a record for each target.
func (c *Client) Jobs(ctx context.Context, q JobQuery) ([]job.Job, error) {
	var jobs []job.Job
	return jobs, c.get(ctx, "/v1/jobs", values(
		"open", flag(q.Open), "dead", flag(q.Dead), "target", q.Target, "limit", number(uint64(q.Limit)), "reverse", flag(q.Reverse)), &jobs)
}

// Job is one job: a record for each target.
func (c *Client) Job(ctx context.Context, jid string) ([]job.Job, error) {
	var jobs []job.Job
	return jobs, c.get(ctx, "/v1/jobs/"+jid, nil, &jobs)
}

// Rules are the rules in force.
func (c *Client) Rules(ctx context.Context) (Rules, error) {
	var r Rules
	return r, c.get(ctx, "/v1/rules", nil, &r)
}

// Reload makes the master read its rules again.
func (c *Client) Reload(ctx context.Context) (Rules, error) {
	var r Rules
	return r, c.post(ctx, "/v1/reload", struct{}{}, &r)
}

// values makes a query of names and their values, without the empty ones.
func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

func flag(b bool) string {
	if b {
		return "true"
	}
	return ""
}

func number(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
