package file

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"brine/beacons"
)

type beacon struct {
	config *Config
	env    beacons.Env
	orders orders
}

// run is one life of the beacon. Only its own goroutine touches it, but for the inbox.
type run struct {
	ctx      context.Context
	env      beacons.Env
	log      *slog.Logger
	fire     beacons.Fire
	host     *host
	owners   *owners
	inbox    *inbox
	roots    map[string]*root
	tick     time.Time        // of the next periodic comparison
	fresh    []*root          // whose baseline is not complete yet
	items    map[string]*item // what is to be looked at
	order    []*item          // the same, oldest first
	extra    []beacons.Signal // signals that belong to no file
	set      []beacons.KV     // baselines that belong to no signal
	texts    int              // bytes of text in set
	retry    time.Time        // when extra and set are tried again
	fails    int              // of extra and set, in a row
	reading  *item            // a big file is being read
	scanning bool             // not everything that is there has been found yet
	digests  chan digest
}

// Run implements beacons.Beacon.
//
// Each path is watched first, then compared with what was last seen of it, so that nothing falls between.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	r, err := b.start(ctx, fire)
	if err != nil {
		return err
	}
	defer r.close()
	for _, p := range b.config.sorted() {
		r.watch(r.roots[p])
	}
	if err := r.load(); err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	for _, p := range b.config.sorted() {
		if err := r.scan(r.roots[p], p, true); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		if c := b.orders.take(); c != nil {
			if err := r.adjust(c); err != nil {
				return err
			}
		}
		if err := r.notes(); err != nil {
			return err
		}
		if err := r.periodic(); err != nil {
			return err
		}
		r.work()
		r.wait(b.orders.wake)
	}
	return nil
}

func (b *beacon) start(ctx context.Context, fire beacons.Fire) (*run, error) {
	if b.env.Now == nil {
		b.env.Now = time.Now
	}
	if b.env.Log == nil {
		b.env.Log = slog.New(slog.DiscardHandler)
	}
	h, err := openHost(b.env.Root)
	if err != nil {
		return nil, err
	}
	r := &run{
		ctx: ctx, env: b.env, log: b.env.Log, fire: fire, host: h,
		owners:  &owners{host: h},
		inbox:   newInbox(b.env.Now),
		roots:   map[string]*root{},
		items:   map[string]*item{},
		digests: make(chan digest, 1),
	}
	for p, o := range b.config.Paths {
		t := newRoot(p, o)
		r.roots[p], r.fresh = t, append(r.fresh, t)
	}
	return r, nil
}

func (r *run) close() {
	for _, t := range r.roots {
		if t.stop != nil {
			t.stop()
		}
	}
	if r.reading != nil {
		<-r.digests // it has seen the end of the context
	}
	r.host.close()
}

// notes turns what was noted into items, and compares what must be.
func (r *run) notes() error {
	why := map[string]string{}
	for _, n := range r.inbox.take() {
		if r.roots[n.root.path] != n.root {
			continue // it is watched no more
		}
		if n.Lost == "" && r.rest(n.root) {
			continue
		}
		if n.Lost != "" {
			if p, had := why[n.Lost]; had && p != n.root.path {
				why[n.Lost] = "/" // the same for several paths
			} else {
				why[n.Lost] = n.root.path
			}
		}
		if n.Rescan {
			if err := r.scan(n.root, n.Path, false); err != nil {
				return err
			}
		}
		if r.owner(n.Path) == n.root && r.counts(n.root, n.Path) {
			it := r.touch(n.root, n.Path, false)
			if it.noted.IsZero() {
				it.noted, it.since = n.at, n.due
			}
		}
	}
	for lost, p := range why {
		r.extra = append(r.extra, beacons.Signal{Tag: Rescan, Data: Data{Path: text(p), Change: Rescan, Reason: lost}})
	}
	return nil
}

// counts reports whether a path is told, or is a folder that is followed for what is in it.
func (r *run) counts(t *root, p string) bool {
	if t.included(p) || t.entries[p].Kind == directory {
		return true
	}
	st, err := r.host.stat(p, false)
	return err == nil && kindOf(st.Mode) == directory
}

// periodic compares what is due for it.
func (r *run) periodic() error {
	now := time.Now()
	if now.Before(r.tick) {
		return nil
	}
	r.tick = now.Add(DefaultEvery)
	for _, t := range r.roots {
		if t.resting() {
			if err := r.rested(t, now); err != nil {
				return err
			}
			if t.resting() {
				r.tick = earlier(r.tick, t.wakes)
			}
			continue
		}
		if t.options.every() == 0 && t.stop != nil {
			continue
		}
		if now.Before(t.next) {
			r.tick = earlier(r.tick, t.next)
			continue
		}
		t.next = now.Add(t.interval())
		r.tick = earlier(r.tick, t.next)
		if t.stop == nil {
			r.watch(t)
		}
		if err := r.scan(t, t.path, false); err != nil {
			return err
		}
	}
	return nil
}

// interval is that of the periodic comparison; a path that the kernel does not tell of is compared in any case.
func (t *root) interval() time.Duration {
	if every := t.options.every(); every != 0 {
		return every
	}
	return DefaultEvery
}

// wait returns when there is something to do.
func (r *run) wait(orders <-chan struct{}) {
	if d := time.Until(r.next()); d > 0 && d < time.Millisecond {
		// Go's timers have a resolution of a millisecond where nothing else goes on; who finishes writing a file does it sooner.
		ts := unix.NsecToTimespec(int64(min(d, firstLook)))
		_ = unix.Nanosleep(&ts, nil)
		return
	}
	timer := time.NewTimer(time.Until(r.next()))
	defer timer.Stop()
	select {
	case <-r.ctx.Done():
	case <-r.inbox.wake:
	case <-orders:
	case <-timer.C:
	case d := <-r.digests:
		r.reading.known, r.reading.due = d, time.Now()
		r.reading = nil
	}
}

// next is when something is due.
func (r *run) next() time.Time {
	next := r.tick
	for _, it := range r.items {
		next = earlier(next, it.due)
	}
	if len(r.extra)+len(r.set) > 0 {
		next = earlier(next, r.retry)
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
