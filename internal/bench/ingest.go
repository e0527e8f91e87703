package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/outbox"
	"brine/internal/rig"
	"brine/internal/wire"
)

// senders is how many minions send at once.
const senders = 8

// ingest fills the outboxes of eight minions, starts them all against one master, and takes the time until the last event
// is synced there and acknowledged.
func ingest(ctx context.Context, r *rig.Rig, o options) (table, error) {
	t := table{head: []string{"events", "bytes each", "first to last taken in", "events a second", "processor time an event, all nine daemons"}}
	if err := r.StartMaster(ctx); err != nil {
		return t, err
	}
	var minions []*rig.Minion
	for i := range senders {
		m, err := r.NewMinion(fmt.Sprintf("web%d", i), "outbox: 2GiB\n")
		if err != nil {
			return t, err
		}
		if err := fill(m, o); err != nil {
			return t, err
		}
		minions = append(minions, m)
	}
	for _, m := range minions { // enrol them first, so that only events are measured
		if err := r.Start(m); err != nil {
			return t, err
		}
	}
	for _, m := range minions {
		if err := r.Wait(ctx, "the key of "+m.ID+" arrives", func() (bool, error) {
			keys, err := r.Client.Keys(ctx, m.ID)
			return len(keys) == 1, err
		}); err != nil {
			return t, err
		}
	}
	if _, err := r.Client.AcceptKeys(ctx, ids(minions)...); err != nil {
		return t, err
	}
	total := senders * o.events
	var cpu [2]time.Duration
	cpu[0] = processorTime(r)
	err := r.Wait(ctx, "every event is acknowledged", func() (bool, error) {
		s, err := r.Client.Status(ctx)
		return s.Last >= uint64(total), err
	})
	if err != nil {
		return t, err
	}
	if err := drained(ctx, r, minions); err != nil {
		return t, err
	}
	cpu[1] = processorTime(r)
	first, last, err := span(ctx, r)
	if err != nil {
		return t, err
	}
	took := last.Sub(first)
	t.add(fmt.Sprint(total), fmt.Sprint(o.size), seconds(took), fmt.Sprintf("%.0f", float64(total)/took.Seconds()),
		fmt.Sprintf("%.1f µs", float64((cpu[1]-cpu[0]).Microseconds())/float64(total)))
	return t, nil
}

func ids(minions []*rig.Minion) (list []string) {
	for _, m := range minions {
		list = append(list, m.ID)
	}
	return list
}

// fill puts events into a minion's outbox before it starts.
func fill(m *rig.Minion, o options) error {
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return err
	}
	box, err := outbox.Open(filepath.Join(m.Dir, "outbox.db"), outbox.Options{MaxBytes: 2 << 30})
	if err != nil {
		return err
	}
	defer box.Close()
	junk := make([]byte, o.size)
	if _, err := rand.Read(junk); err != nil {
		return err
	}
	const batch = 1000
	for n := 0; n < o.events; n += batch {
		var tx outbox.Tx
		for i := range min(batch, o.events-n) {
			e, err := sized(n+i, junk, o.size)
			if err != nil {
				return err
			}
			tx.Events = append(tx.Events, e)
		}
		if _, err := box.Commit(tx); err != nil {
			return err
		}
	}
	return nil
}

// sized makes an event that has about size bytes when it is encoded.
func sized(n int, junk []byte, size int) (wire.Event, error) {
	e := wire.Event{Tag: fmt.Sprintf("app/request/%d", n%100), Time: time.Now().UnixNano(), Seq: 1 << 20}
	text := fmt.Sprintf("%x", junk)
	pad := size - len(wire.EncodeEvent(e)) - 40
	var err error
	e.Data, err = event.Encode(map[string]any{"n": n, "text": text[:max(0, min(pad, len(text)))]})
	e.Seq = 0
	return e, err
}

// drained waits until every minion's outbox is empty: all was acknowledged.
func drained(ctx context.Context, r *rig.Rig, minions []*rig.Minion) error {
	for _, m := range minions {
		client := api.New(m.Socket)
		defer client.Close()
		if err := r.Wait(ctx, m.ID+" has nothing left to send", func() (bool, error) {
			s, err := client.MinionStatus(ctx)
			return s.Unsent == 0, err
		}); err != nil {
			return err
		}
	}
	return nil
}

// span is when the first and the last of the minions' events were taken in.
func span(ctx context.Context, r *rig.Rig) (first, last time.Time, err error) {
	for _, reverse := range []bool{false, true} {
		for line, err := range r.Client.Events(ctx, api.Query{Tag: "app/request/*", Reverse: reverse, Limit: 1}) {
			if err != nil {
				return first, last, err
			}
			if line.Event != nil && reverse {
				last = line.Event.Received
			} else if line.Event != nil {
				first = line.Event.Received
			}
		}
	}
	return first, last, nil
}
