// Package diskio is the beacon that watches how busy block devices are. It samples /proc/diskstats; it must never know what is done about
// it.
package diskio

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "diskio".
func Module() beacons.Module {
	return beacons.Module{
		Name:   "diskio",
		Sample: sample,
		Data:   Data{},
		Config: func() beacons.Config {
			return &Config{Devices: []string{"*", "!loop*", "!ram*", "!zram*"}, Limits: defaults()}
		},
		Interval:    10 * time.Second,
		AtStart:     true,
		Purpose:     "Watches how busy each block device is: bytes and requests a second, the share of the time it is busy, and how long a request takes.",
		Tags:        tags(),
		Cost:        "One read of /proc/diskstats an interval.",
		Permissions: "None.",
		Blind: "Which process does it. On devices that work at many requests at once, such as NVMe, busy says little: wait says more. A partition is told beside its disk " +
			"where a pattern means both.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Limit     string    `json:"limit"`     // the name of the limit
	State     string    `json:"state"`     // "entered" or "left"
	Device    string    `json:"device"`    // sda, nvme0n1, dm-0, ...
	Of        string    `json:"of"`        // what is measured: read, write, reads, writes, busy, wait
	Value     float64   `json:"value"`     // read and write: bytes a second; reads and writes: requests a second; busy: percent; wait: seconds
	Threshold float64   `json:"threshold"` // the limit itself
	Worst     float64   `json:"worst"`     // the value furthest beyond the limit
	Since     time.Time `json:"since"`     // since when the value has been, or had been, beyond the limit
	Lasted    float64   `json:"lasted"`    // seconds since then
	Read      float64   `json:"read"`      // bytes a second, over the last interval
	Write     float64   `json:"write"`     // bytes a second
	Reads     float64   `json:"reads"`     // requests a second
	Writes    float64   `json:"writes"`    // requests a second
	Busy      float64   `json:"busy"`      // percent
	Wait      float64   `json:"wait"`      // seconds that a request took, on average
}

func tags() []beacons.Tag {
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	return []beacons.Tag{
		{Tail: "<limit>", When: "a device has been beyond the limit for as long as it says", Data: Data{Limit: "slow", State: "entered", Device: "sda", Of: "wait", Value: 0.31,
			Threshold: 0.2, Worst: 0.31, Since: since, Lasted: 60, Read: 1048576, Write: 52428800, Reads: 12, Writes: 398, Busy: 100, Wait: 0.31}},
		{Tail: "<limit>/cleared", When: "it has left the limit, or is no longer there", Data: Data{Limit: "slow", State: "left", Device: "sda", Of: "wait", Value: 0.004,
			Threshold: 0.2, Worst: 0.52, Since: since, Lasted: 340, Read: 4096, Write: 8192, Reads: 1, Writes: 2, Busy: 0.7, Wait: 0.004}},
	}
}

// Config is what stands below "diskio:".
type Config struct {
	Devices []string         `yaml:"devices"` // names, '*' as in a shell; with a '!' those that are not meant. The last that matches decides
	Limits  map[string]Limit `yaml:",rest"`   // a limit on each device; naming one takes away the default
}

// Limit is one limit.
type Limit struct {
	beacons.Threshold
	Of string `yaml:"of"` // read or write (such as 100MB/s), reads or writes (such as 500/s), busy (such as 95%), wait (such as 200ms)
}

func defaults() map[string]Limit {
	return map[string]Limit{"slow": {Of: "wait", Threshold: beacons.Threshold{Above: beacons.Of(0.2, beacons.Seconds), For: time.Minute, Clear: beacons.Of(0.1, beacons.Seconds)}}}
}

// Validate leaves everything to Config.Validate, which knows the name.
func (l *Limit) Validate() error { return nil }

var units = map[string]beacons.Unit{
	"read": beacons.BytesPerSecond, "write": beacons.BytesPerSecond, "reads": beacons.PerSecond, "writes": beacons.PerSecond,
	"busy": beacons.Percent, "wait": beacons.Seconds,
}

// Validate tells what is wrong with the configuration.
func (c *Config) Validate() error {
	return errors.Join(beacons.CheckMeans("devices", c.Devices), beacons.CheckLimits(c.Limits, func(name string, l Limit) error {
		unit, ok := units[l.Of]
		if !ok {
			return fmt.Errorf("%s: of: %q; want read, write, reads, writes, busy or wait", name, l.Of)
		}
		most := 0.0
		if unit == beacons.Percent {
			most = 100
		}
		return l.Threshold.Check(name, unit, most)
	}))
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{config: c, env: env} }

type beacon struct {
	config *Config
	env    beacons.Env
	limits *beacons.Limits
	last   map[string]linux.DiskIO
	at     time.Time
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) (err error) {
	b.limits, err = beacons.NewLimits(b.env, fire, beacons.Thresholds(b.config.Limits, func(l *Limit) *beacons.Threshold { return &l.Threshold }))
	if err != nil {
		return err
	}
	return b.env.Every(ctx, func(now time.Time) error { return b.sample(ctx, now) })
}

func (b *beacon) sample(ctx context.Context, now time.Time) error {
	proc, err := linux.OpenProc(b.env.Root)
	if err != nil {
		return err
	}
	devices, err := proc.DiskIO()
	if errors.Is(err, linux.ErrAbsent) {
		return nil // a host without block devices may have no such file
	}
	if err != nil {
		return err
	}
	last, seconds := b.last, now.Sub(b.at).Seconds()
	b.last, b.at = devices, now
	if last == nil || seconds <= 0 {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(b.config.Limits)) {
		l := b.config.Limits[name]
		for _, dev := range slices.Sorted(maps.Keys(devices)) {
			was, had := last[dev]
			if !had || !beacons.Means(b.config.Devices, dev) {
				continue
			}
			d, ok := speed(was, devices[dev], seconds)
			if !ok {
				continue // the counters went back: another device under the same name
			}
			b.limits.Step(ctx, name, dev, now, l.value(d), func(r beacons.Reading) any { return l.data(r, d) })
		}
		b.limits.Gone(ctx, name, now, func(dev string) bool { _, ok := devices[dev]; return ok }, func(r beacons.Reading) any { return l.data(r, Data{}) })
	}
	return nil
}

// speed is what a device did in a second between two readings.
func speed(was, is linux.DiskIO, seconds float64) (Data, bool) {
	if is.Reads < was.Reads || is.Writes < was.Writes || is.ReadBytes < was.ReadBytes || is.WriteBytes < was.WriteBytes {
		return Data{}, false
	}
	requests := float64(is.Reads - was.Reads + is.Writes - was.Writes)
	d := Data{
		Read: math.Round(float64(is.ReadBytes-was.ReadBytes) / seconds), Write: math.Round(float64(is.WriteBytes-was.WriteBytes) / seconds),
		Reads:  math.Round(10*float64(is.Reads-was.Reads)/seconds) / 10,
		Writes: math.Round(10*float64(is.Writes-was.Writes)/seconds) / 10,
		Busy:   math.Round(1000*min(max((is.Busy-was.Busy).Seconds(), 0)/seconds, 1)) / 10,
	}
	if requests > 0 {
		d.Wait = math.Round(1e5*max((is.Waited-was.Waited).Seconds(), 0)/requests) / 1e5
	}
	return d, true
}

// value is what the limit looks at.
func (l Limit) value(d Data) float64 {
	switch l.Of {
	case "read":
		return d.Read
	case "write":
		return d.Write
	case "reads":
		return d.Reads
	case "writes":
		return d.Writes
	case "busy":
		return d.Busy
	}
	return d.Wait
}

func (l Limit) data(r beacons.Reading, d Data) Data {
	d.Limit, d.State, d.Device, d.Of, d.Value, d.Threshold = r.Limit, r.State(), r.Key, l.Of, r.Value, l.Threshold.Limit()
	d.Worst, d.Since, d.Lasted = r.Worst, r.Since, r.Lasted()
	return d
}
