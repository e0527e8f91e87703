package main

import (
	"context"
	"fmt"
	"time"

	"brine/internal/api"
	"brine/internal/rig"
)

// What is decided in one go.
const (
	firedEvents  = 100_000 // each answered with an event
	fleet        = 20      // minions
	fleetRounds  = 100     // events, each answered with a state on every minion
	decideRules  = "each:\n  on: app/request/*\n  from: '*'\n  max_rate: 10000000/1s\n  do: {event.fire: {tag: 'answered/${data.n}'}}\n"
	fleetRule    = "fleet:\n  on: bench/fleet\n  max_rate: 10000000/1s\n  do: {state.apply: same, tgt: '*'}\n"
	fleetSLS     = "%s:\n  file.managed:\n    - contents: same\n"
	answeredTags = "answered/*"
	resultTags   = "brine/job/*/ret/*"
)

// decide takes the time of durable decisions: from the first event taken in to the last answer in the log.
func decide(ctx context.Context, r *rig.Rig, o options) (table, error) {
	t := table{head: []string{"decision", "carried out", "took", "a second"}}
	if err := r.Write("reactors/bench.yaml", decideRules+fleetRule); err != nil {
		return t, err
	}
	if err := r.Write("states/same.sls", fmt.Sprintf(fleetSLS, r.Path("same"))); err != nil {
		return t, err
	}
	if err := r.StartMaster(ctx); err != nil {
		return t, err
	}
	o.events = firedEvents
	m, err := r.NewMinion("web0", "outbox: 2GiB\n")
	if err != nil {
		return t, err
	}
	if err := fill(m, o); err != nil {
		return t, err
	}
	if err := enlist(ctx, r, m); err != nil {
		return t, err
	}
	if err := drained(ctx, r, []*rig.Minion{m}); err != nil {
		return t, err
	}
	first, err := received(ctx, r, "app/request/*", false)
	if err != nil {
		return t, err
	}
	last, err := received(ctx, r, answeredTags, true)
	if err != nil {
		return t, err
	}
	addRate(&t, "`event.fire`", o.events, last.Sub(first))
	for i := 1; i < fleet; i++ {
		m, err := r.NewMinion(fmt.Sprintf("web%d", i), "")
		if err != nil {
			return t, err
		}
		if err := enlist(ctx, r, m); err != nil {
			return t, err
		}
	}
	n, took, err := applyEverywhere(ctx, r)
	if err != nil {
		return t, err
	}
	addRate(&t, fmt.Sprintf("`state.apply` without changes, %d minions", fleet), n, took)
	return t, nil
}

func addRate(t *table, what string, n int, took time.Duration) {
	t.add(what, fmt.Sprint(n), seconds(took), fmt.Sprintf("%.0f", float64(n)/took.Seconds()))
}

// enlist starts a minion and lets it in.
func enlist(ctx context.Context, r *rig.Rig, m *rig.Minion) error {
	if err := r.Start(m); err != nil {
		return err
	}
	if err := r.Accept(ctx, m.ID); err != nil {
		return err
	}
	return r.Online(ctx, m.ID)
}

// received is when the first or the last event with a tag was taken in.
func received(ctx context.Context, r *rig.Rig, tag string, last bool) (at time.Time, err error) {
	for line, err := range r.Client.Events(ctx, api.Query{Tag: tag, Reverse: last, Limit: 1}) {
		if err != nil {
			return at, err
		}
		if line.Event != nil {
			at = line.Event.Received
		}
	}
	return at, nil
}

// applyEverywhere fires events one after the other, each when the states of the one before are done on every minion: else those that wait
// would be merged. It counts the states that were applied.
func applyEverywhere(ctx context.Context, r *rig.Rig) (n int, took time.Duration, err error) {
	status, err := r.Client.Status(ctx)
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	if _, err := r.Client.Fire(ctx, "bench/fleet", nil); err != nil {
		return 0, 0, err
	}
	for line, err := range r.Client.Events(ctx, api.Query{Tag: resultTags, From: status.Last + 1, Follow: true}) {
		if err != nil {
			return n, 0, err
		}
		if line.Event == nil {
			continue
		}
		if n++; n == fleet*fleetRounds {
			break
		}
		if n%fleet == 0 {
			if _, err := r.Client.Fire(ctx, "bench/fleet", nil); err != nil {
				return n, 0, err
			}
		}
	}
	return n, time.Since(began), nil
}
