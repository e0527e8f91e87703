// Package cpu is the beacon that watches what the processors spend their time on. It samples /proc/stat; it must never know what is
// done about it.
package cpu

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "cpu".
func Module() beacons.Module {
	return beacons.Module{
		Name:        "cpu",
		Sample:      sample,
		Data:        Data{},
		Config:      func() beacons.Config { return &Config{Limits: defaults()} },
		Interval:    5 * time.Second,
		AtStart:     true,
		Purpose:     "Watches the use of the processors, all together or each core, by mode, and names the processes behind it.",
		Tags:        tags(),
		Cost:        "One read of /proc/stat an interval. While a value is beyond its limit, /proc/<pid>/stat of every process is read too: some 10 µs each.",
		Permissions: "None. Other users' command lines are told unless /proc is mounted with hidepid.",
		Blind:       "Bursts shorter than the interval, but for what they add to its average. The processes named are those of the last interval before the event.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Limit     string    `json:"limit"`               // the name of the limit
	State     string    `json:"state"`               // "entered" or "left"
	Mode      string    `json:"mode"`                // what the time was spent on: used, user, system, iowait, steal, ...
	Core      *int64    `json:"core,omitempty"`      // the number of the core; null: all together
	Value     float64   `json:"value"`               // percent of the last interval
	Threshold float64   `json:"threshold"`           // percent: the limit itself
	Worst     float64   `json:"worst"`               // percent: the value furthest beyond the limit
	Since     time.Time `json:"since"`               // since when the value has been, or had been, beyond the limit
	Lasted    float64   `json:"lasted"`              // seconds since then
	Processes []Process `json:"processes,omitempty"` // the busiest of the last interval, with "entered"
}

// Process is one of the busiest processes.
type Process struct {
	PID     int64   `json:"pid"`
	PPID    int64   `json:"ppid"`
	Comm    string  `json:"comm"`    // the short name
	Cmdline string  `json:"cmdline"` // at most 256 bytes
	UID     int64   `json:"uid"`
	CPU     float64 `json:"cpu"` // percent of one core in the last interval
	RSS     int64   `json:"rss"` // resident bytes
}

func tags() []beacons.Tag {
	core := int64(3)
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	return []beacons.Tag{
		{Tail: "<limit>", When: "a value has been beyond the limit for as long as it says", Data: Data{Limit: "high", State: "entered", Mode: "used", Value: 97.5,
			Threshold: 90, Worst: 99.1, Since: since, Lasted: 30, Processes: []Process{{PID: 4711, PPID: 1, Comm: "ffmpeg", Cmdline: "ffmpeg -i in.mov out.mp4", UID: 1000, CPU: 388.5, RSS: 734003200}}}},
		{Tail: "<limit>/cleared", When: "it has left the limit", Data: Data{Limit: "core", State: "left", Mode: "used", Core: &core, Value: 12,
			Threshold: 95, Worst: 100, Since: since, Lasted: 412.5}},
	}
}

// Bounds.
const (
	maxTop     = 20
	maxCmdline = 256
	maxCores   = 4096
)

// Config is what stands below "cpu:": limits under names of the operator's own.
type Config struct {
	Limits map[string]Limit `yaml:",rest"` // a limit; naming one takes away the defaults
}

// Limit is one limit.
type Limit struct {
	beacons.Threshold
	Mode string `yaml:"mode"` // used (all but idle, iowait and steal), user, nice, system, irq, softirq, iowait, steal, idle
	Core string `yaml:"core"` // all: their average; each: every core by itself; or the number of one
	Top  int    `yaml:"top"`  // how many of the busiest processes are told
}

const defaultTop = 5

func defaults() map[string]Limit {
	return map[string]Limit{"high": {Threshold: beacons.Threshold{
		Above: beacons.Of(90, beacons.Percent), For: 30 * time.Second, Clear: beacons.Of(70, beacons.Percent)}}}
}

func (l Limit) mode() string {
	if l.Mode == "" {
		return "used"
	}
	return l.Mode
}

// Validate checks what needs no name; the rest is Config.Validate's.
func (l *Limit) Validate() error { return nil }

func (l Limit) check(name string) error {
	var faults []error
	if !slices.Contains(linux.CPUModes(), l.mode()) {
		faults = append(faults, fmt.Errorf("%s: mode: %q is none of %s", name, l.Mode, strings.Join(linux.CPUModes(), ", ")))
	}
	if n, err := strconv.Atoi(l.Core); l.Core != "" && l.Core != "all" && l.Core != "each" && (err != nil || n < 0 || n >= maxCores) {
		faults = append(faults, fmt.Errorf("%s: core: %q; want all, each, or a number from 0", name, l.Core))
	}
	if l.Top < 0 || l.Top > maxTop {
		faults = append(faults, fmt.Errorf("%s: top: %d; want 0 to %d", name, l.Top, maxTop))
	}
	return errors.Join(append(faults, l.Threshold.Check(name, beacons.Percent, 100))...)
}

// Validate tells what is wrong with the limits.
func (c *Config) Validate() error {
	return beacons.CheckLimits(c.Limits, func(name string, l Limit) error { return l.check(name) })
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{config: c, env: env} }

// percent rounds a share to a tenth of a percent.
func percent(share float64) float64 { return math.Round(share*1000) / 10 }

type beacon struct {
	config *Config
	env    beacons.Env

	limits    *beacons.Limits
	before    *linux.CPUTimes // of the last sample
	last      []value         // what it came to
	processes []linux.Process // of the last sample, while a value is beyond a limit
	at        time.Time       // of processes
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	var err error
	if b.limits, err = beacons.NewLimits(b.env, fire, beacons.Thresholds(b.config.Limits, func(l *Limit) *beacons.Threshold { return &l.Threshold })); err != nil {
		return err
	}
	return b.env.Every(ctx, func(now time.Time) error { return b.sample(ctx, now) })
}
