package minion

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"brine/internal/converge"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/outbox"
	"brine/internal/wire"
	"brine/states"
)

// Bounds of what runs keep on disk.
const (
	maxKeptBytes = 256 << 20 // of what writes have pushed aside
	maxKeptFiles = 1024
)

func (m *Minion) openRunner(modules []states.Module) error {
	var err error
	m.expect = converge.NewExpectations(converge.DefaultExpectations)
	if err := m.recallExpected(); err != nil {
		return fmt.Errorf("what runs have made: %w", err)
	}
	m.cache, err = converge.OpenCache(filepath.Join(m.cfg.DataDir, "content"), converge.CacheOptions{Get: m.get, Log: m.log})
	if err != nil {
		return fmt.Errorf("content cache: %w", err)
	}
	m.keeper, err = converge.OpenQuarantine(filepath.Join(m.cfg.DataDir, "quarantine"), maxKeptBytes, maxKeptFiles, time.Now)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	m.runner = &converge.Runner{
		Root: m.cfg.Root, Modules: modules, Content: m.cache, Expectations: m.expect, Quarantine: m.keeper,
		Allow: &m.cfg.Allow, Log: m.log,
	}
	m.enforcer = newEnforcer(m)
	m.holds.ended, m.holds.news = m.enforcer.freed, make(chan struct{}, 1)
	if m.applied, _, err = m.outbox.Applied(); err != nil {
		m.log.Error("what was applied last is lost: nothing is enforced until states are applied again", "error", err)
		m.applied = job.LowState{}
	}
	m.cache.Pin(m.needs(&m.applied))
	m.enforcer.set(m.applied)
	return nil
}

// permit is the one place that decides whether this minion does what it is asked.
func (m *Minion) permit(j *wire.Job) error {
	err := m.cfg.Allow.Permits(j.Fun)
	switch {
	case err != nil:
	case j.Low != nil:
		err = m.cfg.Allow.PermitsLow(*j.Low)
	case j.Fun == job.CmdRun:
		if c, bad := commandOf(j); bad == nil {
			err = m.cfg.Allow.PermitsCommand(c)
		} // else the run says what is wrong
	}
	return err
}

// run carries out one job and makes its result durable, as an event.
func (m *Minion) run(ctx context.Context, in Run) error {
	j := in.Job
	m.depths.set(j.Cause, j.Depth)
	r := job.Result{JID: j.JID, Attempt: j.Attempt, Fun: j.Fun, Test: j.Test, Rule: j.Rule, Started: time.Now()}
	if m.functions[j.Fun].exclusive {
		defer m.enforcer.apply(false)
	}
	applied := m.call(ctx, in, &r)
	if ctx.Err() != nil {
		return nil // the minion stops: the job was not finished, and comes again
	}
	r.Took = time.Since(r.Started)
	return m.finish(ctx, j, r, applied)
}

// converge runs a low state: one at a time, whoever asks.
func (m *Minion) converge(ctx context.Context, low job.LowState, test bool, cause event.ID) []job.StateResult {
	defer m.tellDropped(ctx)
	m.running.Lock()
	defer m.running.Unlock()
	if !test {
		defer m.super.Runs().Begin(causeText(cause))()
	}
	return m.runner.Run(ctx, low, test, cause)
}

// causeText is an event's id as beacons are told it; empty for none.
func causeText(cause event.ID) string {
	if cause == (event.ID{}) {
		return ""
	}
	return cause.String()
}

// enforce runs states that each answer an event of their own; look: it only says how they differ.
// What nobody wants any more by its turn is left out: wanted is the rest.
func (m *Minion) enforce(ctx context.Context, tasks []task, look bool) (wanted []task, results []job.StateResult) {
	defer m.tellDropped(ctx)
	m.running.Lock()
	defer m.running.Unlock()
	var low job.LowState
	for _, t := range tasks {
		if !m.enforcer.stale(t) {
			wanted, low.States = append(wanted, t), append(low.States, t.low)
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	cause := func(i int) (cause event.ID) {
		if len(wanted[i].causes) > 0 {
			cause = wanted[i].causes[0]
		}
		return cause
	}
	if !look {
		defer m.super.Runs().Begin(causeText(cause(0)))()
	}
	runner := *m.runner
	runner.Timeout = enforceTimeout
	return wanted, runner.RunEach(ctx, low, look, cause)
}

// verdict sums up the states: all well, or the first that failed.
func verdict(results []job.StateResult) (bool, string) {
	for _, s := range results {
		if !s.OK {
			return false, s.Fun + ": " + s.Name + ": " + s.Comment
		}
	}
	return true, ""
}

func (m *Minion) refuse(ctx context.Context, in Refuse) error {
	m.log.Warn("job refused", "jid", in.Job.JID, "fun", in.Job.Fun, "reason", in.Reason)
	return m.finish(ctx, in.Job, job.Result{
		JID: in.Job.JID, Attempt: in.Job.Attempt, Fun: in.Job.Fun, Test: in.Job.Test, Rule: in.Job.Rule,
		Refused: true, Error: in.Reason, Started: time.Now()}, nil)
}

// finish commits a result: as the event that tells it, and as done, so that the job is not started again.
func (m *Minion) finish(ctx context.Context, j *wire.Job, r job.Result, applied *job.LowState) error {
	data, err := encodeResult(r)
	if err != nil {
		return err
	}
	return m.tell(ctx, j.JID, j.Attempt, outcome{Cause: j.Cause, Depth: j.Depth, Data: data}, applied)
}

// encodeResult drops what a result can do without until it fits an event: first diffs, then the states that are as wanted.
func encodeResult(r job.Result) (event.Data, error) {
	data, err := event.Encode(r)
	if err == nil {
		return data, nil
	}
	kept := r.States[:0:0]
	for _, s := range r.States {
		for i := range s.Changes {
			s.Changes[i].Diff = ""
		}
		if !s.OK || len(s.Changes) > 0 {
			kept = append(kept, s)
		}
	}
	r.States = kept
	if data, err = event.Encode(r); err == nil {
		return data, nil
	}
	r.Error = strings.TrimSpace(fmt.Sprintf("%s (the results of %d states do not fit an event)", r.Error, len(r.States)))
	r.States = nil
	return event.Encode(r)
}

// outcome is all that is needed to tell the result of a job again.
type outcome struct {
	Cause event.ID   `json:"cause"`
	Depth uint8      `json:"depth"`
	Data  event.Data `json:"data"` // of the event
}

func (m *Minion) tell(ctx context.Context, jid string, attempt int, o outcome, applied *job.LowState) error {
	tx := reserveTx(wire.Event{Tag: "brine/job/" + jid + "/ret/" + m.cfg.ID, Causes: []event.ID{o.Cause}, Depth: o.Depth, Data: o.Data})
	kept, err := event.Encode(o)
	if err != nil { // it fits the event and not the record: only that it was done is remembered
		m.log.Warn("the result cannot be told a second time", "jid", jid, "error", err)
	}
	tx.Done, tx.Applied = &outbox.Done{JID: jid, Attempt: attempt, Result: kept}, applied
	tx.Baselines = append(tx.Baselines, m.expected()...)
	seq, err := m.commitAll(ctx, tx)
	if err != nil {
		return fmt.Errorf("result of job %s: %w", jid, err)
	}
	if applied != nil {
		m.applied = *applied
		m.cache.Pin(m.needs(applied))
		for _, l := range m.enforcer.set(*applied) {
			m.enforcer.release(ctx, l)
		}
		m.tellEnforcing(ctx, applied)
	}
	m.input(ctx, Finished{JID: jid, Done: Done{Attempt: attempt, Inc: m.outbox.State().Inc, Seq: seq}})
	return nil
}

// recall tells a result again, or where it is no longer kept, that it is gone: the master must not wait for it.
func (m *Minion) recall(ctx context.Context, j *wire.Job) error {
	d, ok, err := m.outbox.Done(j.JID)
	var o outcome
	if err == nil && ok {
		err = event.Data(d.Result).Decode(&o)
	}
	if err != nil || !ok || o.Cause.IsZero() {
		m.log.Warn("the result of a finished job is gone", "jid", j.JID, "error", err)
		return m.finish(ctx, j, job.Result{
			JID: j.JID, Attempt: j.Attempt, Fun: j.Fun, Test: j.Test, Rule: j.Rule,
			Error: "it was finished before, and how it went is no longer known", Started: time.Now()}, nil)
	}
	return m.tell(ctx, j.JID, d.Attempt, o, nil)
}

// reserveTx may use what the outbox keeps back for results.
func reserveTx(e wire.Event) outbox.Tx { return outbox.Tx{Events: []wire.Event{e}, Reserve: true} }

// needs is the content that a low state is brought about with.
func (m *Minion) needs(low *job.LowState) []string {
	var list []string
	for _, l := range low.States {
		named, err := m.runner.Named(l)
		if err != nil {
			m.log.Debug("what a state needs is not all known", "state", l.Key(), "error", err) // it is fetched when it is run
		}
		for _, c := range slices.Concat(l.Content, named) {
			list = append(list, c.Hash)
		}
	}
	return list
}

// chunks hands arriving content to the one who waits for it. One piece is asked for at a time.
type chunks struct {
	one  sync.Mutex // held by the one who asks
	mu   sync.Mutex
	want wire.Get
	got  chan chunkOrError
}

type chunkOrError struct {
	chunk *wire.Chunk
	err   error
}

func (c *chunks) deliver(chunk *wire.Chunk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.got != nil && c.want.Hash == chunk.Hash && c.want.Offset == chunk.Offset {
		c.got <- chunkOrError{chunk: chunk}
		c.got = nil
	}
}

func (c *chunks) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.got != nil {
		c.got <- chunkOrError{err: err}
		c.got = nil
	}
}

func (c *chunks) expect(get wire.Get) chan chunkOrError {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.want, c.got = get, make(chan chunkOrError, 1)
	return c.got
}

// chunkTimeout is how long a piece of content may take.
const chunkTimeout = 30 * time.Second

// A piece of content is asked for again when it does not come: the session may have broken, and in a new one the master
// names the content again only with the job.
const (
	maxGets = 6
	getWait = 500 * time.Millisecond // doubles while the content is not named: the master may have a large tree to compile first
)

var errNotNamed = errors.New(wire.NotNamed)

// get fetches one piece of content from the master.
func (m *Minion) get(ctx context.Context, hash string, offset int64) (data []byte, size int64, err error) {
	m.chunks.one.Lock()
	defer m.chunks.one.Unlock()
	for try := 1; ; try++ {
		data, size, err = m.getOnce(ctx, hash, offset)
		if err == nil || try == maxGets || ctx.Err() != nil {
			return data, size, err
		}
		if err := m.conn.waitUp(ctx, chunkTimeout); err != nil {
			return nil, 0, err
		}
		wait := getWait
		if errors.Is(err, errNotNamed) {
			wait <<= try - 1
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

func (m *Minion) getOnce(ctx context.Context, hash string, offset int64) (data []byte, size int64, err error) {
	get := wire.Get{Hash: hash, Offset: offset}
	got := m.chunks.expect(get)
	if err := m.conn.sendUp(&get); err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, chunkTimeout)
	defer cancel()
	select {
	case r := <-got:
		switch {
		case r.err != nil:
			return nil, 0, fmt.Errorf("the session ended: %w", r.err)
		case r.chunk.Error == wire.NotNamed:
			return nil, 0, errNotNamed
		case r.chunk.Error != "":
			return nil, 0, errors.New(r.chunk.Error)
		}
		return r.chunk.Data, r.chunk.Size, nil
	case <-ctx.Done():
		m.chunks.fail(ctx.Err())
		return nil, 0, fmt.Errorf("the master did not send it: %w", ctx.Err())
	}
}
