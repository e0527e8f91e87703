// Package load is the beacon that watches the load averages. It samples /proc/loadavg; it must never know what is done about it.
package load

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "load".
func Module() beacons.Module {
	return beacons.Module{
		Name:        "load",
		Sample:      sample,
		Data:        Data{},
		Config:      func() beacons.Config { return &Config{Limits: defaults()} },
		Interval:    10 * time.Second,
		AtStart:     true,
		Purpose:     "Watches the load averages: how many processes run, or wait for a disk, over one, five or fifteen minutes.",
		Tags:        tags(),
		Cost:        "One read of /proc/loadavg an interval, and of /proc/stat where a limit counts by core.",
		Permissions: "None.",
		Blind:       "What the processes wait for: the beacons cpu and pressure tell. In a container the numbers are the host's.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Limit     string    `json:"limit"`     // the name of the limit
	State     string    `json:"state"`     // "entered" or "left"
	Value     float64   `json:"value"`     // the average; for each core where the limit says so
	Threshold float64   `json:"threshold"` // the limit itself
	Worst     float64   `json:"worst"`     // the value furthest beyond the limit
	Since     time.Time `json:"since"`     // since when the value has been, or had been, beyond the limit
	Lasted    float64   `json:"lasted"`    // seconds since then
	One       float64   `json:"one"`       // the average over one minute, of all cores
	Five      float64   `json:"five"`      // over five
	Fifteen   float64   `json:"fifteen"`   // over fifteen
	Cores     int64     `json:"cores"`     // 0: not counted, for no limit asks
}

func tags() []beacons.Tag {
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	return []beacons.Tag{
		{Tail: "<limit>", When: "an average has been beyond the limit for as long as it says", Data: Data{Limit: "high", State: "entered", Value: 2.4, Threshold: 2,
			Worst: 2.5, Since: since, Lasted: 60, One: 10.2, Five: 9.6, Fifteen: 4.1, Cores: 4}},
		{Tail: "<limit>/cleared", When: "it has left the limit", Data: Data{Limit: "high", State: "left", Value: 0.5, Threshold: 2, Worst: 3.1, Since: since, Lasted: 900,
			One: 1, Five: 2, Fifteen: 3.5, Cores: 4}},
	}
}

// Config is what stands below "load:".
type Config struct {
	Limits map[string]Limit `yaml:",rest"` // a limit; naming one takes away the default
}

// Limit is one limit.
type Limit struct {
	beacons.Threshold
	Minutes int  `yaml:"minutes"`  // 1, 5 or 15: over how many the average goes; 5 when nothing is said
	PerCore bool `yaml:"per_core"` // the average is divided by the number of cores
}

func defaults() map[string]Limit {
	return map[string]Limit{"high": {PerCore: true, Threshold: beacons.Threshold{Above: beacons.Of(2, beacons.Plain), For: time.Minute, Clear: beacons.Of(1, beacons.Plain)}}}
}

// Validate tells what is wrong with the limits.
func (c *Config) Validate() error {
	return beacons.CheckLimits(c.Limits, func(name string, l Limit) error {
		var err error
		if l.Minutes != 0 && l.Minutes != 1 && l.Minutes != 5 && l.Minutes != 15 {
			err = fmt.Errorf("%s: minutes: %d; want 1, 5 or 15", name, l.Minutes)
		}
		return errors.Join(err, l.Threshold.Check(name, beacons.Plain, 0))
	})
}

// Validate leaves everything to Config.Validate, which knows the name.
func (l *Limit) Validate() error { return nil }

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
	load, err := proc.Load()
	if err != nil {
		return err
	}
	var cores int
	for _, l := range b.config.Limits {
		if l.PerCore && cores == 0 {
			times, err := proc.CPU()
			if err != nil {
				return err
			}
			cores = len(times.Core)
		}
	}
	for name, l := range b.config.Limits {
		limits.Step(ctx, name, "", now, l.of(load, cores), func(r beacons.Reading) any {
			return Data{Limit: r.Limit, State: r.State(), Value: r.Value, Threshold: l.Threshold.Limit(), Worst: r.Worst, Since: r.Since, Lasted: r.Lasted(),
				One: load.One, Five: load.Five, Fifteen: load.Fifteen, Cores: int64(cores)}
		})
	}
	return nil
}

// of is the average that the limit looks at.
func (l Limit) of(load linux.Load, cores int) float64 {
	v := load.Five
	switch l.Minutes {
	case 1:
		v = load.One
	case 15:
		v = load.Fifteen
	}
	if l.PerCore {
		v /= float64(max(cores, 1))
	}
	return v
}
