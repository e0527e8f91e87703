package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"brine/internal/event"
	"brine/internal/eventlog"

	"golang.org/x/sync/errgroup"
)

// commit is one synced batch and what is to be done once it is on disk.
type commit struct {
	batch  *eventlog.Batch
	synced bool // something in it must be on disk before anybody is told
	events []event.Event
	after  []Output
	inputs int
}

// decide drives the core. While a commit is on its way to disk, what happens meanwhile is collected for the next: group
// commit, and no event waits for more than one sync before its own.
func (m *Master) decide(ctx context.Context) error {
	defer close(m.commits)
	timer := time.NewTimer(0)
	defer timer.Stop()
	next := m.newCommit()
	m.step(ctx, next, Started{})
	if first, last := m.store.Lost(); last > 0 { // the first commit moves past them, so that it is told once
		m.step(ctx, next, Note{Tag: "brine/master/lost", Data: lostData{First: first, Last: last}})
	}
	next.after, next.inputs, m.early = append(m.early, next.after...), next.inputs+1, nil
	for {
		var out chan *commit
		if next.inputs > 0 {
			out = m.commits
		}
		in := m.inputs
		if next.inputs >= maxStepInputs || next.batch.Size() >= maxStepBytes || next.batch.Len() >= maxStepEvents {
			in = nil // full: wait for the disk, and let the senders wait
		}
		if at := m.core.Wake(); !at.IsZero() {
			timer.Reset(time.Until(at))
		}
		select {
		case i := <-in:
			m.step(ctx, next, i)
			continue // take what has come before looking at the disk again
		default:
		}
		select {
		case i := <-in:
			m.step(ctx, next, i)
		case <-timer.C:
			m.step(ctx, next, Tick{})
		case out <- next:
			next = m.newCommit()
		case <-ctx.Done():
			next.batch.Discard()
			return ctx.Err()
		}
	}
}

// lostData is the data of brine/master/lost: positions at the end of the log that had been synced and were gone at the start.
type lostData struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

func (m *Master) newCommit() *commit { return &commit{batch: m.store.NewBatch()} }

// step lets the core take one input and sorts what it wants: into the batch, or behind it.
func (m *Master) step(ctx context.Context, c *commit, in Input) {
	outs := m.core.Step(time.Now(), in)
	if len(outs) > 0 {
		c.inputs++
	}
	for _, out := range outs {
		if compile, ok := out.(Compile); ok {
			go m.compile(ctx, compile) // it only reads: it need not wait for the commit; one for each minion at most
			continue
		}
		if !m.stage(c, out) {
			c.after = append(c.after, out)
		}
	}
}

// stage puts what stores into the batch.
func (m *Master) stage(c *commit, out Output) bool {
	b := c.batch
	switch out := out.(type) {
	case Append:
		b.Append(out.Event, out.Raw)
		c.events = append(c.events, out.Event)
		c.synced = true
	case HighWater:
		if out.Drop {
			b.DeleteHighWater(out.Minion, out.Inc)
		} else {
			b.SetHighWater(eventlog.HighWater{Minion: out.Minion, Inc: out.Inc, Seq: out.Seq, Sum: out.Sum, Updated: out.Updated})
		}
		c.synced = true
	case PutJob:
		b.PutJob(out.Job)
		c.synced = c.synced || out.Sync
	case PutRun:
		b.PutRecord(bucketRuns, out.ID, out.Value)
	case PutVerdict:
		blob, err := json.Marshal(out.Verdicts)
		if err != nil {
			m.log.Error("verdicts not kept", "pos", out.Pos, "error", err)
			break
		}
		b.PutVerdicts(out.Pos, blob)
	case PutReactor:
		b.PutReactor(out.KV.Key, out.KV.Value)
	case PutKey:
		bucket, key, value, ok, err := out.Change.Put()
		switch {
		case err != nil:
			m.log.Error("key not kept", "id", out.Change.Record.ID, "error", err)
		case ok && value == nil:
			b.DeleteRecord(bucket, key)
		case ok:
			b.PutRecord(bucket, key, value)
		}
		c.synced = true
	case PutMinion:
		m.minions.put(out.Minion)
		blob, err := event.Encode(out.Minion)
		if err != nil {
			m.log.Error("minion not kept", "id", out.Minion.ID, "error", err)
			break
		}
		b.PutRecord(bucketMinions, out.Minion.ID, blob)
	case PutDrift:
		m.putDrift(b, out)
	case PutRecord:
		if out.Value == nil {
			b.DeleteRecord(out.Bucket, out.Key)
		} else {
			b.PutRecord(out.Bucket, out.Key, out.Value)
		}
	case Cursor:
		b.SetCursor(out.Pos)
	default:
		return false
	}
	return true
}

// spaceWait is how often a full disk is tried again.
const spaceWait = time.Second

// persist makes one commit after the other durable, and then does what waits for it.
func (m *Master) persist(ctx context.Context, g *errgroup.Group) error {
	for c := range m.commits {
		if err := m.commitOne(ctx, c); err != nil {
			return err
		}
		for _, out := range c.after {
			m.act(ctx, g, out)
		}
		if len(c.events) > 0 {
			m.publish(c.events)
			m.news.wake()
		}
	}
	return nil
}

// commitOne writes one commit. Without space it waits, and with it everybody who sends: nothing is acknowledged.
func (m *Master) commitOne(ctx context.Context, c *commit) error {
	write := m.store.CommitNoSync
	if c.synced {
		write = m.store.Commit
	}
	for told := false; ; told = true {
		err := write(c.batch)
		if !errors.Is(err, eventlog.ErrNoSpace) {
			if told {
				m.full.Store("")
				m.log.Info("there is space on the disk again: going on")
			}
			if err != nil {
				return fmt.Errorf("event log: %w", err)
			}
			return nil
		}
		if !told {
			m.full.Store(err.Error())
			m.log.Error("the disk is nearly full: nothing is taken in until there is space", "error", err)
		}
		select {
		case <-time.After(spaceWait):
		case <-ctx.Done():
			c.batch.Discard()
			return ctx.Err()
		}
	}
}

// publish shows stored events to whoever follows the tap.
func (m *Master) publish(events []event.Event) {
	if !m.tap.Wanted() {
		return
	}
	for i := range events {
		body, err := json.Marshal(events[i])
		if err != nil {
			m.log.Error("event not shown on the tap", "id", events[i].ID, "error", err)
			continue
		}
		m.tap.Publish(events[i].Tag, body)
	}
}

// input hands the core an input, unless the master is stopping.
func (m *Master) input(ctx context.Context, in Input) error {
	select {
	case m.inputs <- in:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
