// Package heartbeat is the beacon that tells at each interval that the host lives, and how it is. It must never know who listens for it.
package heartbeat

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "heartbeat".
func Module() beacons.Module {
	return beacons.Module{
		Name:        "heartbeat",
		Sample:      sample,
		Data:        Data{},
		Config:      func() beacons.Config { return &Config{Load: true} },
		Interval:    time.Minute,
		AtStart:     true,
		Purpose:     "Tells at each interval that the host lives, with its uptime and load.",
		Tags:        tags(),
		Cost:        "Two short reads of /proc and one event an interval; an event is some 150 bytes in the master's log, so 80 MB a year for a host that tells each minute.",
		Permissions: "None.",
		Blind:       "Nothing: it looks at nothing else. That it is missing is for a rule on the master to see; brine/minion/<id>/offline tells within seconds that a minion's connection has ended.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Count    int64   `json:"count"`    // of the events since the host was started
	Uptime   float64 `json:"uptime"`   // seconds since then
	Interval float64 `json:"interval"` // seconds until the next one
	Load1    float64 `json:"load1"`    // processes that run or wait for a disk, over a minute
	Load5    float64 `json:"load5"`    // over five minutes
	Load15   float64 `json:"load15"`   // over fifteen minutes
	Booted   bool    `json:"booted"`   // it is the first since the host was started
}

func tags() []beacons.Tag {
	return []beacons.Tag{{Tail: "beat", When: "the interval is over", Data: Data{Count: 4711, Uptime: 282660, Interval: 60, Load1: 0.4, Load5: 0.7, Load15: 0.5}}}
}

// Config is what stands below "heartbeat:".
type Config struct {
	Load bool `yaml:"load"` // tell the load too
}

// Validate implements beacons.Config.
func (c *Config) Validate() error { return nil }

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{c, env} }

type beacon struct {
	config *Config
	env    beacons.Env
}

// beat is the last one, kept over a restart.
type beat struct {
	Count  int64   `json:"count"`
	Uptime float64 `json:"uptime"` // seconds
}

const key = "beat"

// Run implements beacons.Beacon. A restart of the minion within half an interval tells nothing; a clock that steps does not matter.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	value, err := b.env.Baseline.Get(key)
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	var last beat
	known := value != nil && json.Unmarshal(value, &last) == nil
	told := !b.env.AtStart
	return b.env.Every(ctx, func(now time.Time) error {
		d, err := b.look()
		if err != nil {
			return err
		}
		passed := d.Uptime - last.Uptime
		if known && told && passed >= 0 && passed < b.env.Interval.Seconds()/2 {
			return nil
		}
		d.Booted = known && passed < 0
		if d.Count = last.Count + 1; passed < 0 {
			d.Count = 1
		}
		next := beat{d.Count, d.Uptime}
		value, _ := json.Marshal(next) // numbers
		s := beacons.Signal{Tag: "beat", Time: now, Data: d, Set: []beacons.KV{{Key: key, Value: value}}}
		if !known && told { // the very first look
			s = beacons.Signal{Set: s.Set}
		}
		if fire(ctx, s) == nil {
			last, known, told = next, true, true
		}
		return nil
	})
}

func (b *beacon) look() (d Data, err error) {
	proc, err := linux.OpenProc(b.env.Root)
	if err != nil {
		return d, err
	}
	up, err := proc.Uptime()
	if err != nil {
		return d, err
	}
	var load linux.Load
	if b.config.Load {
		if load, err = proc.Load(); err != nil {
			return d, err
		}
	}
	return Data{Uptime: math.Round(up.Seconds()), Interval: b.env.Interval.Seconds(), Load1: load.One, Load5: load.Five, Load15: load.Fifteen}, nil
}
