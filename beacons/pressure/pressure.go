// Package pressure is the beacon that watches for how long programs wait for a processor, memory or a disk. The kernel wakes it; it must
// never know what is done about it.
package pressure

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "pressure".
func Module() beacons.Module {
	return beacons.Module{
		Name:    "pressure",
		Sample:  sample,
		Data:    Data{},
		Config:  func() beacons.Config { return &Config{Limits: defaults()} },
		AtStart: true,
		Purpose: "Watches the kernel's pressure stall information: the share of the time that programs wait for a processor, for memory or for a disk.",
		Tags:    tags(),
		Cost: "Nothing while there is no pressure: the kernel wakes the beacon. Under pressure, and where the kernel takes no trigger, one read of /proc/pressure " +
			"a window for each resource.",
		Permissions: "None for windows that are a multiple of 2s; for others CAP_SYS_RESOURCE, or the beacon reads once a window.",
		Blind:       "Kernels before 4.20, and those started with psi=0: there it sees nothing and says nothing. Who waits: the beacons cpu and memory name processes.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Limit     string    `json:"limit"`     // the name of the limit
	State     string    `json:"state"`     // "entered" or "left"
	Resource  string    `json:"resource"`  // cpu, memory or io
	Kind      string    `json:"kind"`      // some: at least one program waited; full: all of them did
	Value     float64   `json:"value"`     // percent of the window that was lost
	Threshold float64   `json:"threshold"` // percent: the limit itself
	Worst     float64   `json:"worst"`     // percent: the value furthest beyond the limit
	Since     time.Time `json:"since"`     // since when the value has been, or had been, beyond the limit
	Lasted    float64   `json:"lasted"`    // seconds since then
	Avg10     float64   `json:"avg10"`     // percent over ten seconds, as the kernel counts it
	Avg60     float64   `json:"avg60"`     // over a minute
	Avg300    float64   `json:"avg300"`    // over five minutes
}

func tags() []beacons.Tag {
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	return []beacons.Tag{
		{Tail: "<limit>", When: "the share has been beyond the limit for as long as it says", Data: Data{Limit: "memory", State: "entered", Resource: "memory", Kind: "some",
			Value: 34.5, Threshold: 10, Worst: 41.2, Since: since, Lasted: 6, Avg10: 28.1, Avg60: 7.3, Avg300: 1.6}},
		{Tail: "<limit>/cleared", When: "it has left the limit", Data: Data{Limit: "memory", State: "left", Resource: "memory", Kind: "some",
			Threshold: 10, Worst: 60.2, Since: since, Lasted: 48, Avg10: 3.4, Avg60: 21, Avg300: 9}},
	}
}

// Bounds of a window, the kernel's own.
const (
	minWindow     = 500 * time.Millisecond
	maxWindow     = 10 * time.Second
	defaultWindow = 2 * time.Second
)

// Config is what stands below "pressure:".
type Config struct {
	Limits map[string]Limit `yaml:",rest"` // a limit; naming one takes away the defaults
}

// Limit is one limit.
type Limit struct {
	beacons.Threshold
	Resource string        `yaml:"resource"` // cpu, memory or io; the limit's own name when nothing is said
	Kind     string        `yaml:"kind"`     // some or full; some when nothing is said
	Window   time.Duration `yaml:"window"`   // over which the share is counted: 500ms to 10s; 2s when nothing is said
}

func defaults() map[string]Limit {
	return map[string]Limit{
		"memory": {Threshold: beacons.Threshold{Above: beacons.Of(10, beacons.Percent), For: 4 * time.Second, Clear: beacons.Of(2, beacons.Percent), ClearFor: 10 * time.Second}},
		"io":     {Threshold: beacons.Threshold{Above: beacons.Of(50, beacons.Percent), For: 30 * time.Second, Clear: beacons.Of(20, beacons.Percent), ClearFor: 10 * time.Second}},
		"cpu":    {Threshold: beacons.Threshold{Above: beacons.Of(80, beacons.Percent), For: time.Minute, Clear: beacons.Of(50, beacons.Percent), ClearFor: 10 * time.Second}},
	}
}

var resources = []string{"cpu", "memory", "io"}

// filled is the limit with what is meant where nothing is said.
func (l Limit) filled(name string) Limit {
	if l.Resource == "" {
		l.Resource = name
	}
	if l.Kind == "" {
		l.Kind = "some"
	}
	if l.Window == 0 {
		l.Window = defaultWindow
	}
	return l
}

// Validate leaves everything to Config.Validate, which knows the name.
func (l *Limit) Validate() error { return nil }

// Validate tells what is wrong with the limits.
func (c *Config) Validate() error {
	return beacons.CheckLimits(c.Limits, func(name string, l Limit) error {
		l = l.filled(name)
		var faults []error
		if !slices.Contains(resources, l.Resource) {
			faults = append(faults, fmt.Errorf("%s: resource: %q; want one of %s", name, l.Resource, strings.Join(resources, ", ")))
		}
		if l.Kind != "some" && l.Kind != "full" {
			faults = append(faults, fmt.Errorf("%s: kind: %q; want some or full", name, l.Kind))
		}
		if l.Window < minWindow || l.Window > maxWindow {
			faults = append(faults, fmt.Errorf("%s: window: %s; want %s to %s", name, l.Window, minWindow, maxWindow))
		}
		if l.Below != nil {
			faults = append(faults, fmt.Errorf("%s: below: the kernel tells of too much only; want above", name))
		}
		return errors.Join(append(faults, l.Threshold.Check(name, beacons.Percent, 100))...)
	})
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{config: c, env: env} }

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	var err error
	b.limits, err = beacons.NewLimits(b.env, fire, beacons.Thresholds(b.config.Limits, func(l *Limit) *beacons.Threshold { return &l.Threshold }))
	if err != nil {
		return err
	}
	b.window = maxWindow
	for name, l := range b.config.Limits {
		b.window = min(b.window, l.filled(name).Window)
	}
	return b.watch(ctx)
}
