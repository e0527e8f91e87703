package master

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"brine/internal/event"
	"brine/internal/eventlog"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/target"
)

// ErrUnknown is returned when no event, job or minion has that name.
var ErrUnknown = errors.New("not found")

// ErrStopping is returned for what was asked when the master had begun to stop.
var ErrStopping = errStopping

// Fire appends an operator's event and returns it as stored.
func (m *Master) Fire(ctx context.Context, tag string, data event.Data, by string) (event.Event, error) {
	if err := event.CheckTag(tag); err != nil {
		return event.Event{}, err
	}
	if err := data.Valid(); err != nil {
		return event.Event{}, err
	}
	return ask[event.Event](ctx, m, func(ref Ref) Input { return FireEvent{Ref: ref, Tag: tag, Data: data, By: by} })
}

// Keys lists the keys that match a glob, or one fingerprint; empty for all.
func (m *Master) Keys(glob string) ([]identity.Record, error) {
	if glob == "" {
		return m.registry.List(), nil
	}
	return m.registry.Match(glob)
}

// ActOnKeys accepts, rejects or deletes keys, by id or fingerprint, and returns the records that changed.
func (m *Master) ActOnKeys(ctx context.Context, act KeyAct, who []string, by string) ([]identity.Record, error) {
	switch act {
	case KeyAccept, KeyReject, KeyDelete:
	default:
		return nil, fmt.Errorf("unknown act %q on keys", act)
	}
	return ask[[]identity.Record](ctx, m, func(ref Ref) Input { return KeyCommand{Ref: ref, Act: act, Who: who, By: by} })
}

// NewToken makes a join token and returns its text, which is shown this once.
func (m *Master) NewToken(ctx context.Context, opt identity.TokenOptions, by string) (string, identity.Token, error) {
	opt.By = by
	text, token, err := identity.NewToken(m.key.Fingerprint(), opt, time.Now(), rand.Reader)
	if err != nil {
		return "", identity.Token{}, err
	}
	_, err = ask[struct{}](ctx, m, func(ref Ref) Input { return TokenCommand{Ref: ref, Token: token, By: by} })
	return text, token, err
}

// Tokens lists the join tokens, without their secrets.
func (m *Master) Tokens() []identity.Token { return m.registry.Tokens() }

// Minions lists the accepted minions that match, by id.
func (m *Master) Minions(match target.Target) []MinionInfo {
	m.minions.mu.RLock()
	defer m.minions.mu.RUnlock()
	var list []MinionInfo
	for _, r := range m.registry.List() {
		if r.Status != identity.Accepted {
			continue
		}
		info, ok := m.minions.of[r.ID]
		if !ok {
			info = MinionInfo{ID: r.ID, Since: r.Updated}
		}
		if match.Match(r.ID, info.grainsMap) {
			list = append(list, info)
		}
	}
	slices.SortFunc(list, func(a, b MinionInfo) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Submit asks minions to do something and returns the job at once. Results are events brine/job/<jid>/ret/<id>.
func (m *Master) Submit(ctx context.Context, t target.Target, fun string, args job.Args, ttl time.Duration, by string) (Submitted, error) {
	return ask[Submitted](ctx, m, func(ref Ref) Input {
		return Submit{Ref: ref, Fun: fun, Args: args, Match: t.Match, TTL: ttl, By: by}
	})
}

// Jobs lists jobs.
func (m *Master) Jobs(q eventlog.JobQuery) iter.Seq2[job.Job, error] { return m.store.Jobs(q) }

// Job is what is known of one job: a record for each target.
func (m *Master) Job(jid string) ([]job.Job, error) {
	jobs, err := m.store.Job(jid)
	if err == nil && len(jobs) == 0 {
		return nil, fmt.Errorf("job %q: %w", jid, ErrUnknown)
	}
	return jobs, err
}

// Events reads the log.
func (m *Master) Events(ctx context.Context, q eventlog.Query) iter.Seq2[event.Event, error] {
	return m.store.Scan(ctx, q)
}

// Head is the first and last position of the log.
func (m *Master) Head() (first, last uint64) { return m.store.Head() }

// News is closed when the next events have been stored.
func (m *Master) News() <-chan struct{} { return m.news.wait() }

// Event finds one event by its id, or by its position.
func (m *Master) Event(name string) (event.Event, error) {
	if pos, err := strconv.ParseUint(name, 10, 64); err == nil {
		return m.store.Get(pos)
	}
	id, err := event.ParseID(name)
	if err != nil {
		return event.Event{}, err
	}
	return m.event(id)
}

func (m *Master) event(id event.ID) (event.Event, error) {
	pos, ok, err := m.store.Find(id)
	if err != nil {
		return event.Event{}, err
	}
	if !ok {
		return event.Event{}, fmt.Errorf("event %s: %w", id, ErrUnknown)
	}
	return m.store.Get(pos)
}

// Verdicts are what the rules said of the event at a position.
func (m *Master) Verdicts(pos uint64) ([]Verdict, error) {
	blob, err := m.store.Verdicts(pos)
	if errors.Is(err, eventlog.ErrNotFound) {
		return nil, nil // no rule's pattern matched
	}
	if err != nil || len(blob) == 0 {
		return nil, err
	}
	var v []Verdict
	return v, json.Unmarshal(blob, &v)
}

// Status is what `brine doctor` and the demo look at.
type Status struct {
	Version     string               `json:"version"`
	Fingerprint identity.Fingerprint `json:"fingerprint"`
	Listen      []string             `json:"listen"`
	First       uint64               `json:"first"` // position held
	Last        uint64               `json:"last"`
	Rules       int                  `json:"rules"`
	RuleFaults  string               `json:"rule_faults,omitempty"`
	NoSpace     string               `json:"no_space,omitempty"` // why nothing is taken in
}

// Status says how the master is.
func (m *Master) Status() Status {
	s := Status{Version: m.version, Fingerprint: m.key.Fingerprint()}
	select {
	case <-m.ready: // the API may be asked sooner
		for _, a := range m.addrs {
			s.Listen = append(s.Listen, "tcp://"+a.String())
		}
	default:
	}
	s.First, s.Last = m.store.Head()
	rules, faults := m.Rules()
	s.Rules = len(rules)
	if faults != nil {
		s.RuleFaults = faults.Error()
	}
	s.NoSpace, _ = m.full.Load().(string)
	return s
}
