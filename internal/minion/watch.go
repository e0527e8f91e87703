package minion

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"brine/beacons"
	"brine/internal/event"
	"brine/internal/outbox"
	"brine/internal/wire"
)

// watch runs one beacon for as long as the minion lives. One that fails is told, and started again after a while; it
// stops no other.
func (m *Minion) watch(ctx context.Context, b instance) error {
	wait := beaconRestart
	for {
		started := time.Now()
		err := m.runBeacon(ctx, b)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("it ended by itself")
		}
		if time.Since(started) > beaconRestartMax {
			wait = beaconRestart
		}
		m.log.Error("beacon failed", "beacon", b.name, "error", err, "restart_in", wait)
		m.notify(ctx, "brine/minion/"+m.cfg.ID+"/beacon/"+b.name+"/failed", map[string]string{"error": err.Error()})
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, beaconRestartMax)
	}
}

func (m *Minion) runBeacon(ctx context.Context, b instance) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
			m.log.Error("beacon panicked", "beacon", b.name, "stack", string(debug.Stack()))
		}
	}()
	bucket := "beacon/" + b.name
	env := beacons.Env{
		Root: m.cfg.Root, Log: m.log.With("beacon", b.name), Files: m.files, Own: m.expect.Own,
		Baseline: m.outbox.Baseline(bucket), Now: time.Now,
	}
	return b.config.Beacon(env).Run(ctx, func(ctx context.Context, signals ...beacons.Signal) error {
		return m.signal(ctx, b.name, bucket, signals)
	})
}

// signal makes a beacon's signals durable together with the baselines they set.
func (m *Minion) signal(ctx context.Context, name, bucket string, signals []beacons.Signal) error {
	var tx outbox.Tx
	for _, s := range signals {
		for _, kv := range s.Set {
			tx.Baselines = append(tx.Baselines, outbox.KV{Bucket: bucket, Key: kv.Key, Value: kv.Value})
		}
		if s.Tag == "" {
			continue
		}
		e, err := m.beaconEvent(name, s)
		if err != nil {
			return err
		}
		tx.Events = append(tx.Events, e)
	}
	_, err := m.commit(ctx, tx)
	return err
}

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
