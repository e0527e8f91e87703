// Package kmod is the beacon that watches which kernel modules are loaded. The kernel wakes it; it must never know what is done about
// them.
package kmod

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "kmod".
func Module() beacons.Module {
	return beacons.Module{
		Name:     "kmod",
		Sample:   sample,
		Data:     Data{},
		Config:   func() beacons.Config { return &Config{Modules: []string{"*"}} },
		Interval: 30 * time.Second,
		Purpose:  "Watches kernel modules: loaded and unloaded.",
		Tags: []beacons.Tag{
			{Tail: "loaded", When: "a module is there that was not", Data: Data{Module: "dummy", Change: Loaded, Size: 16384, Taint: "OE"}},
			{Tail: "unloaded", When: "it is no longer there", Data: Data{Module: "dummy", Change: Unloaded, Size: 16384}},
		},
		Cost:        "One read of /proc/modules when the kernel says that a module came or went, and one an interval.",
		Permissions: "None.",
		Blind:       "Who loaded it. A module that hides itself. In a network namespace other than the first the kernel wakes nobody: there it looks once an interval.",
	}
}

// The values of Data.Change.
const (
	Loaded   = "loaded"
	Unloaded = "unloaded"
)

// Data is what the beacon's events carry.
type Data struct {
	Module string `json:"module"`
	Change string `json:"change"`          // loaded or unloaded
	Size   int64  `json:"size"`            // bytes
	Taint  string `json:"taint,omitempty"` // letters, as the kernel has them: O not of its tree, E not signed, P proprietary
}

// Config is what stands below "kmod:".
type Config struct {
	Modules []string `yaml:"modules"` // names, '*' as in a shell; with a '!' those that are not meant. The last that matches decides
}

// Validate tells what is wrong with the configuration.
func (c *Config) Validate() error { return beacons.CheckMeans("modules", c.Modules) }

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{c, env} }

type beacon struct {
	config *Config
	env    beacons.Env
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	return b.env.WhenWoken(ctx, fire, b.wait, b.look)
}

// wait calls wake whenever the kernel tells of a module, until ctx ends.
func (b *beacon) wait(ctx context.Context, wake func()) {
	events, err := linux.OpenDeviceEvents()
	if err != nil {
		b.env.Log.Debug("modules are found once an interval", "reason", err)
		return
	}
	defer events.Close()
	for events.Wait(ctx, "module") == nil {
		wake()
	}
}

func (b *beacon) look(context.Context) ([]beacons.Signal, error) {
	proc, err := linux.OpenProc(b.env.Root)
	if err != nil {
		return nil, err
	}
	modules, err := proc.Modules()
	if errors.Is(err, linux.ErrAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	is := make(map[string][]byte, len(modules))
	for _, m := range modules {
		if beacons.Means(b.config.Modules, m.Name) {
			is[m.Name], _ = json.Marshal(Data{Module: m.Name, Change: Loaded, Size: m.Size, Taint: m.Taint}) // texts and a number
		}
	}
	now := b.env.Now()
	return b.env.Differences("module/", is, func(_ string, was, is []byte) []beacons.Signal {
		var d Data
		switch {
		case was == nil && json.Unmarshal(is, &d) == nil:
		case is == nil && json.Unmarshal(was, &d) == nil:
			d.Change = Unloaded
		default:
			return nil // the same name with another size: unloaded and loaded between two looks
		}
		return []beacons.Signal{{Tag: d.Change, Time: now, Data: d}}
	})
}
