package net

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

// again is how long what could not be kept waits to be told.
const again = time.Second

// burst is how long changes are let come together: a device that goes up has its addresses a moment later.
const burst = 50 * time.Millisecond

type beacon struct {
	config  *Config
	env     beacons.Env
	devices func() ([]linux.Interface, error)
	limits  *beacons.Limits
	last    map[string]linux.Traffic
	at      time.Time
}

func newBeacon(c *Config, env beacons.Env) *beacon {
	return &beacon{config: c, env: env, devices: linux.Interfaces}
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) (err error) {
	b.limits, err = beacons.NewLimits(b.env, fire, beacons.Thresholds(b.config.Limits, func(l *Throughput) *beacons.Threshold { return &l.Threshold }))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	changed, ended := b.listen(ctx)
	defer func() { cancel(); <-ended }()
	ticks := time.NewTicker(max(b.env.Interval, time.Millisecond))
	defer ticks.Stop()
	for {
		kept, err := b.compare(ctx, fire)
		if err != nil {
			return err
		}
		var retry <-chan time.Time
		if !kept {
			retry = time.After(again)
		}
		select {
		case <-retry:
		case <-ctx.Done():
			return nil
		case <-changed:
			select {
			case <-time.After(burst):
			case <-ctx.Done():
				return nil
			}
		case <-ticks.C: // the net, for what was not told
			if err := b.measure(ctx); err != nil {
				return err
			}
		}
	}
}

// listen says when the kernel has told of a change; where it does not, the interval alone is kept.
func (b *beacon) listen(ctx context.Context) (changed, ended chan struct{}) {
	changed, ended = make(chan struct{}, 1), make(chan struct{})
	events, err := linux.OpenLinkEvents()
	if err != nil {
		b.env.Log.Debug("changes of devices are found once an interval", "reason", err)
		close(ended)
		return changed, ended
	}
	go func() {
		defer close(ended)
		defer events.Close()
		for events.Wait(ctx) == nil {
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}()
	return changed, ended
}

// device is what is remembered of one: a baseline, so that what changes during a stop is told after it.
type device struct {
	Up    bool     `json:"up"`
	Addrs []string `json:"addrs,omitempty"`
}

// looked stands among the baselines once the devices have been looked at.
const looked = "looked"

// compare looks at all devices and tells what differs from the baselines. What is not kept still differs at the next look.
func (b *beacon) compare(ctx context.Context, fire beacons.Fire) (kept bool, err error) {
	if !b.config.Links && !b.config.Addresses {
		return true, nil
	}
	devices, err := b.devices()
	if err != nil {
		return false, err
	}
	known := map[string]device{}
	err = b.env.Baseline.Each("device/", func(key string, value []byte) error {
		var d device
		if json.Unmarshal(value, &d) == nil { // what cannot be read is as if it were new
			known[key[len("device/"):]] = d
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	before, err := b.env.Baseline.Get(looked)
	if err != nil {
		return false, err
	}
	news := before != nil || b.env.AtStart
	now := b.env.Now()
	var signals []beacons.Signal
	if before == nil {
		signals = append(signals, beacons.Signal{Set: []beacons.KV{{Key: looked, Value: []byte{1}}}})
	}
	there := map[string]bool{}
	for _, i := range devices {
		if !b.config.meant(i.Name) {
			continue
		}
		there[i.Name] = true
		was, had := known[i.Name]
		is := device{i.Up && i.Running, i.Addrs}
		if had && was.Up == is.Up && slices.Equal(was.Addrs, is.Addrs) {
			continue
		}
		told := b.changes(i, was, is, had)
		if !news {
			told = nil
		}
		value, _ := json.Marshal(is) // a bool and texts
		signals = append(signals, signalsOf(i.Name, told, now, value)...)
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if there[name] {
			continue
		}
		var told []Data
		if b.config.Links && b.config.meant(name) {
			told = []Data{{Device: name, Change: Removed, Addresses: known[name].Addrs}}
		}
		signals = append(signals, signalsOf(name, told, now, nil)...)
	}
	return len(signals) == 0 || fire(ctx, signals...) == nil, nil
}

// changes lists what is told of one device.
func (b *beacon) changes(i linux.Interface, was, is device, had bool) (list []Data) {
	one := Data{Device: i.Name, Up: is.Up, MAC: i.MAC, MTU: int64(i.MTU), Addresses: i.Addrs}
	tell := func(change string, f func(*Data)) {
		d := one
		d.Change = change
		if f != nil {
			f(&d)
		}
		list = append(list, d)
	}
	if b.config.Links {
		switch {
		case !had:
			tell(Added, nil)
		case is.Up && !was.Up:
			tell(Up, nil)
		case was.Up && !is.Up:
			tell(Down, nil)
		}
	}
	if b.config.Addresses && !slices.Equal(was.Addrs, is.Addrs) {
		tell(Address, func(d *Data) {
			d.Came = without(is.Addrs, was.Addrs)
			d.Went = without(was.Addrs, is.Addrs)
		})
	}
	return list
}

func without(list, others []string) (rest []string) {
	for _, s := range list {
		if !slices.Contains(others, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

// signalsOf are what is told of one device; the last of them sets its baseline.
func signalsOf(name string, told []Data, now time.Time, value []byte) (list []beacons.Signal) {
	for _, d := range told {
		list = append(list, beacons.Signal{Tag: tagOf(name) + "/" + d.Change, Time: now, Data: d})
	}
	if len(list) == 0 {
		list = []beacons.Signal{{}}
	}
	list[len(list)-1].Set = []beacons.KV{{Key: "device/" + name, Value: value}}
	return list
}

// tagOf makes a device's name a segment of a tag: the kernel allows all but a slash and blanks.
func tagOf(name string) string {
	return strings.NewReplacer("%", "%25", "*", "%2A", "/", "%2F").Replace(strings.ToValidUTF8(name, "?"))
}

// measure compares the traffic since the last time with every limit.
func (b *beacon) measure(ctx context.Context) error {
	if len(b.config.Limits) == 0 {
		return nil
	}
	proc, err := linux.OpenProc(b.env.Root)
	if err != nil {
		return err
	}
	traffic, err := proc.Traffic()
	if err != nil {
		return err
	}
	now := b.env.Now()
	last, seconds := b.last, now.Sub(b.at).Seconds()
	b.last, b.at = traffic, now
	if last == nil || seconds <= 0 {
		return nil
	}
	for name, l := range b.config.Limits {
		for _, dev := range slices.Sorted(maps.Keys(traffic)) {
			was, had := last[dev]
			if !had || !b.config.meant(dev) {
				continue
			}
			if value, ok := l.speed(was, traffic[dev], seconds); ok {
				b.limits.Step(ctx, name, dev, now, value, func(r beacons.Reading) any { return l.data(r) })
			}
		}
		b.limits.Gone(ctx, name, now, func(dev string) bool { _, ok := traffic[dev]; return ok }, func(r beacons.Reading) any { return l.data(r) })
	}
	return nil
}

func (l Throughput) data(r beacons.Reading) Data {
	return Data{Device: r.Key, Change: Limit, Limit: r.Limit, State: r.State(), Of: l.Of, Value: r.Value, Threshold: l.Threshold.Limit(), Worst: r.Worst, Since: r.Since,
		Lasted: r.Lasted()}
}

// speed is what passed in a second; false when the counters went back, for the device was made anew.
func (l Throughput) speed(was, is linux.Traffic, seconds float64) (float64, bool) {
	of := func(t linux.Traffic) uint64 {
		switch l.Of {
		case "rx":
			return t.RxBytes
		case "tx":
			return t.TxBytes
		case "packets":
			return t.RxPackets + t.TxPackets
		case "errors":
			return t.RxErrors + t.TxErrors
		}
		return t.RxDropped + t.TxDropped
	}
	a, z := of(was), of(is)
	if z < a {
		return 0, false
	}
	return float64(z-a) / seconds, true
}
