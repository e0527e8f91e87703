// Package swap is the beacon that watches how much of the swap space is in use. It samples /proc/meminfo; it must never know what is
// done about it.
package swap

import (
	"context"
	_ "embed"
	"math"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "swap".
func Module() beacons.Module {
	return beacons.Module{
		Name:        "swap",
		Sample:      sample,
		Data:        Data{},
		Config:      func() beacons.Config { return &Config{Limits: defaults()} },
		Interval:    10 * time.Second,
		AtStart:     true,
		Purpose:     "Watches how much of the swap space is in use.",
		Tags:        tags(),
		Cost:        "One read of /proc/meminfo an interval.",
		Permissions: "None.",
		Blind:       "Whether the host is busy swapping: the beacon pressure tells. A host without swap space has nothing to see.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Limit     string    `json:"limit"`     // the name of the limit
	State     string    `json:"state"`     // "entered" or "left"
	Value     float64   `json:"value"`     // percent in use, or bytes, as the limit is written
	Threshold float64   `json:"threshold"` // the limit itself
	Worst     float64   `json:"worst"`     // the value furthest beyond the limit
	Since     time.Time `json:"since"`     // since when the value has been, or had been, beyond the limit
	Lasted    float64   `json:"lasted"`    // seconds since then
	Total     int64     `json:"total"`     // bytes
	Used      int64     `json:"used"`      // bytes
}

func tags() []beacons.Tag {
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	return []beacons.Tag{
		{Tail: "<limit>", When: "the use has been beyond the limit for as long as it says", Data: Data{Limit: "high", State: "entered", Value: 61.5, Threshold: 50, Worst: 61.5,
			Since: since, Lasted: 60, Total: 2147483648, Used: 1320702443}},
		{Tail: "<limit>/cleared", When: "it has left the limit, or the swap space was taken away", Data: Data{Limit: "high", State: "left", Value: 12, Threshold: 50, Worst: 70,
			Since: since, Lasted: 600, Total: 2147483648, Used: 257698037}},
	}
}

// Config is what stands below "swap:".
type Config struct {
	Limits map[string]beacons.Threshold `yaml:",rest"` // a limit, in percent of the space or in bytes in use; naming one takes away the default
}

func defaults() map[string]beacons.Threshold {
	return map[string]beacons.Threshold{"high": {Above: beacons.Of(50, beacons.Percent), For: time.Minute, Clear: beacons.Of(30, beacons.Percent)}}
}

// Validate tells what is wrong with the limits.
func (c *Config) Validate() error {
	return beacons.CheckLimits(c.Limits, func(name string, t beacons.Threshold) error {
		if t.Unit() == beacons.Bytes {
			return t.Check(name, beacons.Bytes, 0)
		}
		return t.Check(name, beacons.Percent, 100)
	})
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{c, env} }

type beacon struct {
	config *Config
	env    beacons.Env
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	limits, err := beacons.NewLimits(b.env, fire, beacons.Thresholds(b.config.Limits, func(t *beacons.Threshold) *beacons.Threshold { return t }))
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
	used := m.SwapTotal - m.SwapFree
	for name, t := range b.config.Limits {
		data := func(r beacons.Reading) any {
			return Data{Limit: r.Limit, State: r.State(), Value: r.Value, Threshold: t.Limit(), Worst: r.Worst, Since: r.Since, Lasted: r.Lasted(), Total: m.SwapTotal, Used: used}
		}
		if m.SwapTotal == 0 {
			limits.Gone(ctx, name, now, func(string) bool { return false }, data)
			continue
		}
		value := float64(used)
		if t.Unit() != beacons.Bytes {
			value = math.Round(1000*value/float64(m.SwapTotal)) / 10
		}
		limits.Step(ctx, name, "", now, value, data)
	}
	return nil
}
