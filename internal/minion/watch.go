package minion

import (
	"context"
	"fmt"
	"time"

	"brine/beacons"
	"brine/internal/beaconset"
	"brine/internal/event"
	"brine/internal/outbox"
	"brine/internal/supervise"
	"brine/internal/wire"
)

// watchAll runs the beacons that are wanted, and looks again at what is wanted whenever that has changed.
func (m *Minion) watchAll(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- m.super.Run(ctx) }()
	for {
		m.putInForce()
		m.tellRefused(ctx)
		if !m.wantedChanged(ctx, m.super.Ended()) {
			return <-done
		}
	}
}

// wantedChanged waits until something else is wanted; false: ctx has ended. What belonged to what is wanted no more is forgotten once that
// has ended.
func (m *Minion) wantedChanged(ctx context.Context, ended <-chan struct{}) bool {
	for {
		select {
		case <-m.enforcer.changed:
			return true
		case <-m.sets.changed:
			return true
		case <-ended:
			m.forgetRemoved()
			ended = nil
		case <-ctx.Done():
			return false
		}
	}
}

// beaconHost is the minion as its beacons' supervisor needs it.
type beaconHost struct{ m *Minion }

// Env implements supervise.Host.
func (h beaconHost) Env(in beaconset.Instance) beacons.Env {
	m := h.m
	env := beacons.Env{
		Root: m.cfg.Root, Files: m.files, Own: m.expect.Own, OwnTold: m.expect.Told,
		Baseline: m.outbox.Baseline(bucketOf(in)), Now: time.Now, Pace: m.enforcer.pace,
	}
	if in.Module.Owns {
		files := beaconFiles{m.files}
		env.Files, env.Actor = files, files.actor
	}
	return env
}

// Changes implements supervise.Host.
func (h beaconHost) Changes(in beaconset.Instance) beacons.Baseline {
	return h.m.outbox.Baseline(changesOf(in))
}

// Tell implements supervise.Host.
func (h beaconHost) Tell(ctx context.Context, name, what string, data any) {
	h.m.notify(ctx, "brine/minion/"+h.m.cfg.ID+"/beacon/"+name+"/"+what, data)
}

// bucketOf is where the outbox keeps an instance's baselines. Those of another kind are none of its own.
func bucketOf(in beaconset.Instance) string {
	if in.Name == in.Module.Name {
		return bucketBeacons + in.Name
	}
	return bucketBeacons + in.Name + "/" + in.Module.Name
}

func changesOf(in beaconset.Instance) string { return bucketChanges + in.Name + "/" + in.Module.Name }

// Commit implements supervise.Host: it makes signals durable together with the baselines they set.
func (h beaconHost) Commit(_ context.Context, in beaconset.Instance, signals []beacons.Signal, changes []beacons.KV) error {
	m := h.m
	var tx outbox.Tx
	for _, s := range signals {
		for _, kv := range s.Set {
			tx.Baselines = append(tx.Baselines, outbox.KV{Bucket: bucketOf(in), Key: kv.Key, Value: kv.Value})
		}
		if s.Tag == "" {
			continue
		}
		if s.Own && in.Name == fileBeacon {
			tx.Baselines = append(tx.Baselines, told(s.Tag))
		}
		e, err := m.beaconEvent(in.Name, s)
		if err != nil {
			return err
		}
		tx.Events = append(tx.Events, e)
	}
	for _, kv := range changes {
		tx.Baselines = append(tx.Baselines, outbox.KV{Bucket: changesOf(in), Key: kv.Key, Value: kv.Value})
	}
	first, err := m.commit(tx)
	if err != nil {
		return err
	}
	inc := m.outbox.State().Inc
	for i, e := range tx.Events {
		id := event.ID{Origin: m.cfg.ID, Inc: inc, Seq: first + uint64(i)}
		m.enforcer.noticed(e.Tag[len(m.cfg.prefix()):], e.Own, id, time.Now())
	}
	return nil
}

var _ supervise.Host = beaconHost{}

func (m *Minion) beaconEvent(name string, s beacons.Signal) (wire.Event, error) {
	e := wire.Event{Tag: m.cfg.prefix() + name + "/" + s.Tag, Own: s.Own}
	if !s.Time.IsZero() {
		e.Time = s.Time.UnixNano()
	}
	if s.Own && s.Cause != "" {
		cause, err := event.ParseID(s.Cause)
		if err != nil {
			return e, fmt.Errorf("beacon %s: cause: %w", name, err)
		}
		e.Causes, e.Depth = []event.ID{cause}, m.depths.get(s.Cause)
	}
	if err := event.CheckTag(e.Tag); err != nil {
		return e, fmt.Errorf("beacon %s: %w", name, err)
	}
	var err error
	e.Data, err = event.Encode(s.Data)
	return e, err
}
