package beacons

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	snapshotBatch = 256                   // signals in one transaction
	wokenSettle   = 20 * time.Millisecond // what the kernel tells in one go
	snapshotAgain = time.Second           // until what could not be kept is tried again
)

// Differences compares how things are, each under a key, with the baselines under a prefix, and gives the signals of what differs: what tell makes of
// it, with the baseline that goes with it. Of what is not there was or is are nil. At the very first look there is nothing to compare with:
// everything is kept and nothing told. What is fired and not kept still differs at the next look.
func (e Env) Differences(prefix string, is map[string][]byte, tell func(key string, was, is []byte) []Signal) (signals []Signal, err error) {
	mark := "looked/" + prefix
	before, err := e.Baseline.Get(mark)
	if err != nil {
		return nil, err
	}
	was := map[string][]byte{}
	if err := e.Baseline.Each(prefix, func(key string, value []byte) error {
		was[key[len(prefix):]] = bytes.Clone(value)
		return nil
	}); err != nil {
		return nil, err
	}
	keys := slices.AppendSeq(slices.Collect(maps.Keys(is)), maps.Keys(was))
	for _, key := range slices.Compact(slices.Sorted(slices.Values(keys))) {
		if w, had := was[key]; had && bytes.Equal(w, is[key]) {
			continue
		}
		set := []KV{{Key: prefix + key, Value: is[key]}}
		var told []Signal
		if before != nil {
			told = tell(key, was[key], is[key])
		}
		if len(told) == 0 {
			told = []Signal{{}}
		}
		told[len(told)-1].Set = set
		signals = append(signals, told...)
	}
	if before == nil {
		signals = append(signals, Signal{Set: []KV{{Key: mark, Value: []byte{1}}}})
	}
	return signals, nil
}

// WhenChanged calls look at once, and whenever one of the files may have changed, until ctx ends. settle is how long changes are let come
// together. What look gives is fired; what cannot be kept makes it called again soon.
func (e Env) WhenChanged(ctx context.Context, fire Fire, files []string, settle time.Duration, look func(ctx context.Context) ([]Signal, error)) error {
	changed := make(chan struct{}, 1)
	for _, file := range files {
		stop, err := e.Files.Watch(e.Path(file), false, func(Note) {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
		if err != nil {
			return err
		}
		defer stop()
	}
	return e.follow(ctx, fire, changed, nil, settle, look)
}

// WhenWoken calls look at once, whenever wait calls wake, and once an interval, until ctx ends. wait runs beside it, until its own context ends or
// it has nothing to wait for.
func (e Env) WhenWoken(ctx context.Context, fire Fire, wait func(ctx context.Context, wake func()), look func(ctx context.Context) ([]Signal, error)) error {
	changed := make(chan struct{}, 1)
	var one sync.WaitGroup
	defer one.Wait()
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	one.Go(func() {
		wait(waiting, func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	})
	ticks := time.NewTicker(max(e.Interval, time.Millisecond))
	defer ticks.Stop()
	return e.follow(ctx, fire, changed, ticks.C, wokenSettle, look)
}

// follow looks at once, and then whenever it is told to.
func (e Env) follow(ctx context.Context, fire Fire, changed <-chan struct{}, ticks <-chan time.Time, settle time.Duration, look func(ctx context.Context) ([]Signal, error)) error {
	for {
		signals, err := look(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		var retry <-chan time.Time
		for len(signals) > 0 && retry == nil {
			n := min(len(signals), snapshotBatch)
			if fire(ctx, signals[:n]...) != nil {
				retry = time.After(snapshotAgain)
			}
			signals = signals[n:]
		}
		select {
		case <-ctx.Done():
			return nil
		case <-retry:
			continue
		case <-ticks:
			continue
		case <-changed:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(settle):
		}
	}
}
