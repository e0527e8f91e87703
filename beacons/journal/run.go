package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"brine/beacons"
)

// How long it is waited until journalctl is run again after its end: twice as long each time that it gave no record.
const (
	firstWait = 100 * time.Millisecond
	maxWait   = time.Minute
	lazy      = 1000            // records that are read without the cursor being kept
	maxTick   = 5 * time.Second // between looks at a rate that something is counted for
)

const cursorKey = "cursor"

type beacon struct {
	env     beacons.Env
	program string
	watches []*watcher

	fire   beacons.Fire
	limits *beacons.Limits
	cursor string    // everything up to it has been told
	unkept int       // records since a cursor was kept
	began  time.Time // with no cursor: what is older is not told
}

// Run implements beacons.Beacon: recall the cursor, follow the journal, and again when journalctl ends.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) (err error) {
	b.fire, b.began = fire, b.env.Now()
	thresholds := map[string]*beacons.Threshold{}
	for _, w := range b.watches {
		if w.hasRate() {
			thresholds[w.limit] = &w.Rate.Threshold
		}
		if err := w.recall(b.env.Baseline); err != nil {
			return err
		}
	}
	if b.limits, err = beacons.NewLimits(b.env, fire, thresholds); err != nil {
		return err
	}
	cursor, err := b.env.Baseline.Get(cursorKey)
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	b.cursor = string(cursor)
	for wait, said := firstWait, ""; ctx.Err() == nil; {
		some, why, err := b.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		if some {
			wait = firstWait
		}
		if why != said {
			said = why
			b.env.Log.Debug("journalctl ended; it is run again", "reason", why, "after", wait)
		}
		if err := b.rest(ctx, wait); err != nil && ctx.Err() == nil {
			return err
		}
		wait = min(2*wait, maxWait)
	}
	return nil
}

// rest waits, and tells what time alone brings about meanwhile.
func (b *beacon) rest(ctx context.Context, wait time.Duration) error {
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		tick, stop := b.timer()
		select {
		case <-ctx.Done():
			stop()
			return nil
		case <-over.C:
			stop()
			return nil
		case <-tick:
		}
		if err := b.tell(ctx, nil, b.env.Now()); err != nil {
			return err
		}
	}
}

// timer is when time alone may bring something about; a nil channel: never.
func (b *beacon) timer() (<-chan time.Time, func()) {
	now := b.env.Now()
	at := b.due(now)
	if at.IsZero() {
		return nil, func() {}
	}
	t := time.NewTimer(max(at.Sub(now), time.Millisecond))
	return t.C, func() { t.Stop() }
}

// follow runs journalctl once. some: it gave records; why: its end. An error is that something could not be kept.
func (b *beacon) follow(ctx context.Context) (some bool, why string, err error) {
	p, err := start(ctx, b.program, b.env.Root, b.cursor)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, "there is none: the journal is not seen", nil
		}
		return false, err.Error(), nil
	}
	for err == nil {
		tick, stop := b.timer()
		var list []record
		open := true
		select {
		case r, ok := <-p.records:
			if open = ok; ok {
				list = p.more(r)
			}
		case <-tick:
		}
		stop()
		if !open {
			break
		}
		some = some || len(list) > 0
		err = b.tell(ctx, list, b.env.Now())
	}
	complaint, end := p.end()
	if err != nil || ctx.Err() != nil {
		return some, "", err
	}
	if !some && b.cursor != "" && strings.Contains(complaint, "cursor") { // it is damaged, or another program's
		reason := "the journal cannot be read on from where it was read to: " + clean(strings.TrimSpace(complaint), maxGroup)
		err := b.fire(ctx, beacons.Signal{Tag: Lost, Data: Data{Change: Lost, Reason: reason}, Set: []beacons.KV{{Key: cursorKey}}})
		if err != nil {
			return some, "", err
		}
		b.cursor, b.began = "", b.env.Now()
	}
	return some, strings.TrimSpace(fmt.Sprintf("%v %s", end, clean(complaint, maxStderr))), nil
}

// more takes what else is there already.
func (p *process) more(first record) []record {
	list := []record{first}
	for len(list) < batch {
		select {
		case r, ok := <-p.records:
			if !ok {
				return list
			}
			list = append(list, r)
		default:
			return list
		}
	}
	return list
}
