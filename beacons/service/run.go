package service

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"

	"brine/beacons"
)

const (
	maxUnits = 4096        // that are watched; more are passed over
	again    = time.Second // until what could not be kept, or a bus that went away, is tried again; then twice as long each time
	seldom   = time.Minute // the longest until a bus that is not there is tried again
	prefix   = "unit/"     // of the baselines
	looked   = "looked"    // the baseline that says that there was a first look
)

type beacon struct {
	config  *Config
	env     beacons.Env
	units   map[string]*unit
	before  map[string]kept // baselines of units that are not in units
	news    bool            // what is there for the first time is to be told
	started bool            // that there was a first look is kept
	backlog beacons.Backlog
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	if err := b.recall(); err != nil {
		return err
	}
	appeared := make(chan struct{}, 1)
	stop, err := b.env.Files.Watch(b.env.Path(socket), false, func(beacons.Note) {
		select {
		case appeared <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer stop()
	for wait := again; ctx.Err() == nil; wait = min(2*wait, seldom) {
		conn, err := connect(ctx, b.env.Path(socket))
		if conn != nil {
			wait = again
			err = errors.Join(b.follow(ctx, conn, err == nil, fire), conn.conn.Close())
		}
		b.env.Log.Debug("no word from systemd", "reason", err)
		select {
		case <-ctx.Done():
		case <-appeared: // it is bound, and listened on in a moment
			wait = again / 32
		case <-time.After(wait):
		}
	}
	return nil
}

// recall reads what was kept at the last stop.
func (b *beacon) recall() error {
	b.units, b.before = map[string]*unit{}, map[string]kept{}
	mark, err := b.env.Baseline.Get(looked)
	if err != nil {
		return err
	}
	b.started = mark != nil
	b.news = b.started || b.env.AtStart
	return b.env.Baseline.Each(prefix, func(key string, value []byte) error {
		var k kept
		if json.Unmarshal(value, &k) == nil && !b.env.AtStart { // what cannot be read is as if it were new
			b.before[key[len(prefix):]] = k
		}
		return nil
	})
}

// follow takes in what systemd tells, until ctx or the connection ends.
func (b *beacon) follow(ctx context.Context, conn *bus, there bool, fire beacons.Fire) error {
	if there {
		if err := b.look(ctx, conn); err != nil {
			return err
		}
	}
	for {
		var retry <-chan time.Time
		if !b.backlog.Flush(ctx, fire, nil) {
			retry = time.After(again)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-conn.conn.Context().Done():
			return conn.conn.Context().Err()
		case <-retry:
		case s, open := <-conn.signals:
			if !open {
				return errors.New("the bus has closed the connection")
			}
			if err := b.take(ctx, conn, s); err != nil {
				return err
			}
		}
	}
}

// look compares all units with what was last known of them.
func (b *beacon) look(ctx context.Context, conn *bus) error {
	list, err := conn.list(ctx, b.config.meant)
	if err != nil {
		return err
	}
	now := b.env.Now()
	for _, name := range slices.Sorted(maps.Keys(b.units)) {
		b.before[name] = b.units[name].kept
	}
	b.units = list
	for _, name := range slices.Sorted(maps.Keys(b.before)) { // what is no longer loaded is inactive
		if list[name] == nil && b.config.meant(name) {
			b.tell(&unit{name: name, state: Inactive, sub: "dead", kept: b.before[name]}, now)
			delete(b.before, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		b.adopt(list[name])
		b.tell(list[name], now)
	}
	if !b.started {
		b.started = true
		b.backlog.Put(beacons.Signal{Set: []beacons.KV{{Key: looked, Value: []byte{1}}}})
	}
	b.news = true
	return nil
}

// adopt gives a unit what was last kept of it. One without was inactive: none is kept of those.
func (b *beacon) adopt(u *unit) {
	k, had := b.before[u.name]
	if delete(b.before, u.name); !had {
		k.Restarts = u.restarts // of before our time
		if b.started {
			k.State = Inactive
		}
	}
	u.kept = k
}

func (b *beacon) tell(u *unit, now time.Time) {
	tell := b.config.Tell
	if !b.news {
		tell = nil
	}
	for _, s := range u.news(tell, now) {
		b.backlog.Put(s)
	}
}

// take takes in one signal.
func (b *beacon) take(ctx context.Context, conn *bus, s *dbus.Signal) error {
	c := read(s)
	switch {
	case c.came:
		ctx, cancel := context.WithTimeout(ctx, patient)
		defer cancel()
		if err := conn.call(ctx, managerPath, manager+".Subscribe").Err; err != nil {
			return err
		}
		return b.look(ctx, conn)
	case c.unit == "" || !b.config.meant(c.unit):
		return nil
	}
	u := b.units[c.unit]
	if u == nil {
		if len(b.units) >= maxUnits || c.unloaded {
			return nil
		}
		u = &unit{name: c.unit, state: Inactive}
		b.adopt(u)
		b.units[c.unit] = u
	}
	if c.unloaded {
		u.state, u.sub = Inactive, "dead"
		delete(b.units, c.unit)
	}
	u.set(c.properties)
	if _, said := c.properties["ActiveState"]; said || c.unloaded { // what is told of the service by itself comes just before
		b.tell(u, b.env.Now())
	}
	return nil
}
