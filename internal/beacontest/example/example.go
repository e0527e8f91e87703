// Package example is the beacon that docs/writing-beacons.md explains: it watches how many file handles the host has open. It owns
// nothing that is shipped, and a test sees that the page shows this code.
package example

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "handles".
func Module() beacons.Module {
	return beacons.Module{
		Name:        "handles",
		Sample:      sample,
		Data:        Data{},
		Config:      func() beacons.Config { return &Config{} },
		Interval:    10 * time.Second,
		AtStart:     true,
		Purpose:     "Watches the share of the host's file handles that is in use.",
		Tags:        tags(),
		Cost:        "One read of /proc/sys/fs/file-nr an interval.",
		Permissions: "None.",
		Blind:       "What comes and goes between two samples, and which process holds the handles.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Value float64 `json:"value"` // percent of the handles that are in use
	Used  int64   `json:"used"`  // handles
	Most  int64   `json:"most"`  // handles that the kernel gives
	Since string  `json:"since"` // with high: since when the value has been above the limit; RFC 3339
}

func tags() []beacons.Tag {
	return []beacons.Tag{
		{Tail: "high", When: "the threshold high is entered", Data: Data{Value: 91.5, Used: 915, Most: 1000, Since: "2026-03-01T10:00:00Z"}},
		{Tail: "normal", When: "the threshold high is left", Data: Data{Value: 40, Used: 400, Most: 1000}},
	}
}

// Config is what stands below "handles:".
type Config struct {
	High *beacons.Threshold `yaml:"high,required"` // percent of the handles in use
}

// Validate tells what is wrong with the configuration.
func (c *Config) Validate() error { return c.High.Check("high", beacons.Percent, 100) }

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{c, env} }

type beacon struct {
	config *Config
	env    beacons.Env
}

// Run implements beacons.Beacon: read, parse, evaluate, fire.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	levels, err := b.config.High.Levels(b.env.Baseline, "high/", b.env.AtStart)
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	return b.env.Every(ctx, func(now time.Time) error {
		text, err := os.ReadFile(b.env.Path("/proc/sys/fs/file-nr"))
		if err != nil {
			return err
		}
		used, most, err := parse(text)
		if err != nil {
			return err
		}
		value := 100 * float64(used) / float64(most)
		cross := levels.Step("", now, value)
		if cross.Crossing == beacons.Stays {
			return nil
		}
		signal := beacons.Signal{Tag: "normal", Time: now, Data: Data{Value: value, Used: used, Most: most}, Set: []beacons.KV{cross.Set}}
		if cross.Crossing == beacons.Entered {
			signal.Tag = "high"
			signal.Data = Data{Value: value, Used: used, Most: most, Since: cross.Since.UTC().Format(time.RFC3339Nano)}
		}
		if fire(ctx, signal) == nil { // else it is tried again at the next sample
			levels.Keep(cross)
		}
		return nil
	})
}

// parse reads /proc/sys/fs/file-nr: handles allocated, allocated and not in use, and the most that there can be. See proc(5).
func parse(text []byte) (used, most int64, err error) {
	var unused int64
	if _, err := fmt.Fscan(bytes.NewReader(text), &used, &unused, &most); err != nil {
		return 0, 0, fmt.Errorf("/proc/sys/fs/file-nr: %q: %w", text[:min(len(text), 64)], err)
	}
	if used -= unused; used < 0 || most <= 0 {
		return 0, 0, fmt.Errorf("/proc/sys/fs/file-nr: %q makes no sense", text[:min(len(text), 64)])
	}
	return used, most, nil
}
