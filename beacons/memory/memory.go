// Package memory is the beacon that watches how the memory is used. It samples /proc/meminfo; it must never know what is done about it.
package memory

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "memory".
func Module() beacons.Module {
	return beacons.Module{
		Name:        "memory",
		Sample:      sample,
		Data:        Data{},
		Config:      func() beacons.Config { return &Config{Limits: defaults()} },
		Interval:    10 * time.Second,
		AtStart:     true,
		Purpose:     "Watches how much of the memory is in use, or still available to programs.",
		Tags:        tags(),
		Cost:        "One read of /proc/meminfo an interval. When a limit is entered, /proc/<pid>/stat of every process is read once.",
		Permissions: "None.",
		Blind:       "Limits of control groups: in a container the numbers are the host's. What a process shares with others is counted with each of them.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Limit     string    `json:"limit"`               // the name of the limit
	State     string    `json:"state"`               // "entered" or "left"
	Of        string    `json:"of"`                  // what is measured: used, available, free
	Value     float64   `json:"value"`               // percent of all memory, or bytes, as the limit is written
	Threshold float64   `json:"threshold"`           // the limit itself
	Worst     float64   `json:"worst"`               // the value furthest beyond the limit
	Since     time.Time `json:"since"`               // since when the value has been, or had been, beyond the limit
	Lasted    float64   `json:"lasted"`              // seconds since then
	Total     int64     `json:"total"`               // bytes
	Available int64     `json:"available"`           // bytes that programs can have without swapping
	Free      int64     `json:"free"`                // bytes that nothing uses
	Cached    int64     `json:"cached"`              // bytes of files, most of which can be had back
	Processes []Process `json:"processes,omitempty"` // those that hold most, with "entered"
}

// Process is one of those that hold most.
type Process struct {
	PID     int64  `json:"pid"`
	Comm    string `json:"comm"`    // the short name
	Cmdline string `json:"cmdline"` // at most 256 bytes
	UID     int64  `json:"uid"`
	RSS     int64  `json:"rss"` // resident bytes
}

func tags() []beacons.Tag {
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	return []beacons.Tag{
		{Tail: "<limit>", When: "the value has been beyond the limit for as long as it says", Data: Data{Limit: "high", State: "entered", Of: "used", Value: 93.1,
			Threshold: 90, Worst: 94, Since: since, Lasted: 60, Total: 8589934592, Available: 592705486, Free: 104857600, Cached: 524288000,
			Processes: []Process{{PID: 4711, Comm: "java", Cmdline: "java -jar app.jar", UID: 1000, RSS: 6442450944}}}},
		{Tail: "<limit>/cleared", When: "it has left the limit", Data: Data{Limit: "high", State: "left", Of: "used", Value: 41, Threshold: 90, Worst: 97.2, Since: since,
			Lasted: 120, Total: 8589934592, Available: 5067861409, Free: 4294967296, Cached: 524288000}},
	}
}

// Bounds.
const (
	maxTop     = 20
	defaultTop = 5
	maxCmdline = 256
)

// Config is what stands below "memory:".
type Config struct {
	Limits map[string]Limit `yaml:",rest"` // a limit; naming one takes away the default
}

// Limit is one limit, in percent of all memory or in bytes.
type Limit struct {
	beacons.Threshold
	Of  string `yaml:"of"`  // used (all but available; when nothing is said), available, free
	Top int    `yaml:"top"` // how many of the processes that hold most are told; 5 when nothing is said
}

func defaults() map[string]Limit {
	return map[string]Limit{"high": {Threshold: beacons.Threshold{
		Above: beacons.Of(90, beacons.Percent), For: time.Minute, Clear: beacons.Of(80, beacons.Percent)}}}
}

// Validate leaves everything to Config.Validate, which knows the name.
func (l *Limit) Validate() error { return nil }

// Validate tells what is wrong with the limits.
func (c *Config) Validate() error {
	return beacons.CheckLimits(c.Limits, func(name string, l Limit) error {
		var faults []error
		if _, ok := l.bytes(linux.Memory{}); !ok {
			faults = append(faults, fmt.Errorf("%s: of: %q; want used, available or free", name, l.Of))
		}
		if l.Top < 0 || l.Top > maxTop {
			faults = append(faults, fmt.Errorf("%s: top: %d; want 0 to %d", name, l.Top, maxTop))
		}
		unit, most := beacons.Percent, 100.0
		if l.inBytes() {
			unit, most = beacons.Bytes, 0
		}
		return errors.Join(append(faults, l.Threshold.Check(name, unit, most))...)
	})
}

func (l Limit) inBytes() bool { return l.Threshold.Unit() == beacons.Bytes }

// bytes is what the limit looks at.
func (l Limit) bytes(m linux.Memory) (int64, bool) {
	switch l.Of {
	case "", "used":
		return m.Total - m.Available, true
	case "available":
		return m.Available, true
	case "free":
		return m.Free, true
	}
	return 0, false
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{c, env} }

type beacon struct {
	config *Config
	env    beacons.Env
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	limits, err := beacons.NewLimits(b.env, fire, beacons.Thresholds(b.config.Limits, func(l *Limit) *beacons.Threshold { return &l.Threshold }))
	if err != nil {
		return err
	}
	return b.env.Every(ctx, func(now time.Time) error { return b.sample(ctx, now, limits) })
}

func (b *beacon) sample(ctx context.Context, now time.Time, limits *beacons.Limits) error {
	proc, err := linux.OpenProc(b.env.Root)
	if err != nil {
		return err
	}
	m, err := proc.Memory()
	if err != nil {
		return err
	}
	for name, l := range b.config.Limits {
		bytes, _ := l.bytes(m)
		value := float64(bytes)
		if !l.inBytes() {
			value = math.Round(1000*float64(bytes)/float64(m.Total)) / 10
		}
		limits.Step(ctx, name, "", now, value, func(r beacons.Reading) any {
			d := Data{Limit: r.Limit, State: r.State(), Of: l.Of, Value: r.Value, Threshold: l.Threshold.Limit(), Worst: r.Worst, Since: r.Since, Lasted: r.Lasted(),
				Total: m.Total, Available: m.Available, Free: m.Free, Cached: m.Cached}
			if d.Of == "" {
				d.Of = "used"
			}
			if r.Entered {
				d.Processes = largest(proc, l.Top)
			}
			return d
		})
	}
	return nil
}

func largest(proc linux.Proc, n int) (out []Process) {
	if n == 0 {
		n = defaultTop
	}
	list, err := proc.Processes()
	if err != nil {
		return nil // the event matters more than who
	}
	for _, p := range linux.Largest(list, n) {
		out = append(out, Process{PID: int64(p.PID), Comm: p.Comm, Cmdline: proc.Cmdline(p.PID, maxCmdline), UID: int64(p.UID), RSS: p.RSS})
	}
	return out
}
