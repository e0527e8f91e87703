package minion

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"brine/beacons"
	"brine/internal/event"
	"brine/internal/outbox"
	"brine/internal/wire"
)

// fileBeacon is the kind that watches for enforced states.
const fileBeacon = "file"

// watchAll runs all beacons. The file beacon watches what its configuration names and what enforced states want watched;
// when that changes it is started anew, and goes on from its baselines, so that nothing is missed.
func (m *Minion) watchAll(ctx context.Context) error {
	var g sync.WaitGroup
	defer g.Wait()
	var files beacons.Extended
	for _, b := range m.cfg.beacons {
		if x, ok := b.config.(beacons.Extended); ok && b.name == fileBeacon {
			files = x
			continue
		}
		g.Go(func() { m.watch(ctx, b) })
	}
	if files == nil {
		files = m.emptyFileBeacon()
	}
	for files != nil && ctx.Err() == nil {
		watches := m.enforcer.watched()
		once, cancel := context.WithCancel(ctx)
		var one sync.WaitGroup
		one.Go(func() { m.watch(once, instance{name: fileBeacon, config: files.Extend(watches)}) })
		select {
		case <-m.enforcer.changed:
		case <-ctx.Done():
		}
		cancel()
		one.Wait()
	}
	return nil
}

// emptyFileBeacon is the file beacon of a minion whose configuration has none.
func (m *Minion) emptyFileBeacon() beacons.Extended {
	for _, module := range m.modules {
		if module.Name == fileBeacon {
			x, _ := module.Config().(beacons.Extended)
			return x
		}
	}
	return nil
}

// watch runs one beacon for as long as the minion lives. One that fails is told, and started again after a while; it
// stops no other.
func (m *Minion) watch(ctx context.Context, b instance) {
	wait := beaconRestart
	for {
		started := time.Now()
		err := m.runBeacon(ctx, b)
		if ctx.Err() != nil {
			return
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
			return
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
		Root: m.cfg.Root, Log: m.log.With("beacon", b.name), Files: m.files, Own: m.expect.Own, OwnTold: m.expect.Told,
		Baseline: m.outbox.Baseline(bucket), Now: time.Now, Actor: m.files.Actors(), Interval: b.interval,
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
		if s.Own && name == fileBeacon {
			tx.Baselines = append(tx.Baselines, told(s.Tag))
		}
		e, err := m.beaconEvent(name, s)
		if err != nil {
			return err
		}
		tx.Events = append(tx.Events, e)
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
