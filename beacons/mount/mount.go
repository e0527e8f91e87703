// Package mount is the beacon that watches what is mounted. The kernel wakes it; it must never know what is done about it.
package mount

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

// Module describes the beacon "mount".
func Module() beacons.Module {
	one := Data{Path: "/srv", Change: Mounted, Source: "/dev/sdb1", Type: "xfs", Options: "rw,relatime"}
	gone, other := one, one
	gone.Change = Unmounted
	other.Change, other.Options, other.Was = Remounted, "ro,relatime", "/dev/sdb1 xfs rw,relatime"
	return beacons.Module{
		Name:   "mount",
		Sample: sample,
		Data:   Data{},
		Config: func() beacons.Config {
			return &Config{Types: []string{"*", "!cgroup*", "!overlay", "!nsfs", "!autofs", "!squashfs"}}
		},
		Interval: 30 * time.Second,
		Purpose:  "Watches file systems that are mounted, unmounted, or mounted with other options, such as one that the kernel made read-only.",
		Tags: []beacons.Tag{
			{Tail: "mounted", When: "a file system is mounted where there was none", Data: one},
			{Tail: "unmounted", When: "it no longer is", Data: gone},
			{Tail: "remounted", When: "another one, or the same with other options, is mounted there", Data: other},
		},
		Cost:        "One read of /proc/self/mountinfo when the kernel says that it has changed, and one an interval.",
		Permissions: "None.",
		Blind:       "Mount namespaces other than the minion's: containers, and services with mounts of their own.",
	}
}

// The values of Data.Change.
const (
	Mounted   = "mounted"
	Unmounted = "unmounted"
	Remounted = "remounted"
)

// Data is what the beacon's events carry.
type Data struct {
	Path    string `json:"path"`          // where it is mounted
	Change  string `json:"change"`        // mounted, unmounted, remounted
	Source  string `json:"source"`        // what: a device, a server and its folder
	Type    string `json:"type"`          // ext4, nfs4, tmpfs, ...
	Options string `json:"options"`       // of the mount, such as rw,relatime
	Was     string `json:"was,omitempty"` // with remounted: source, type and options before
}

// Config is what stands below "mount:".
type Config struct {
	Types []string `yaml:"types"` // of file systems, '*' as in a shell; with a '!' those that are not meant. The last that matches decides
}

// Validate tells what is wrong with the configuration.
func (c *Config) Validate() error { return beacons.CheckMeans("types", c.Types) }

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

// wait calls wake whenever something was mounted or unmounted, until ctx ends.
func (b *beacon) wait(ctx context.Context, wake func()) {
	events, err := linux.OpenMountEvents(b.env.Root)
	if err != nil {
		if !errors.Is(err, linux.ErrAbsent) {
			b.env.Log.Debug("mounts are found once an interval", "reason", err)
		}
		return
	}
	defer events.Close()
	for {
		if changed, err := events.Wait(ctx); err != nil || !changed {
			return
		}
		wake()
	}
}

func (b *beacon) look(context.Context) ([]beacons.Signal, error) {
	proc, err := linux.OpenProc(b.env.Root)
	if err != nil {
		return nil, err
	}
	mounts, err := proc.Mounts()
	if errors.Is(err, linux.ErrAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	is := make(map[string][]byte, len(mounts))
	for _, m := range mounts {
		if beacons.Means(b.config.Types, m.Type) {
			is[m.Path], _ = json.Marshal(Data{Path: m.Path, Change: Mounted, Source: m.Source, Type: m.Type, Options: m.Options}) // texts
		}
	}
	now := b.env.Now()
	return b.env.Differences("mount/", is, func(_ string, was, is []byte) []beacons.Signal {
		var before, d Data
		if was != nil && json.Unmarshal(was, &before) != nil || is != nil && json.Unmarshal(is, &d) != nil {
			return nil
		}
		switch {
		case is == nil:
			d = before
			d.Change = Unmounted
		case was != nil:
			d.Change, d.Was = Remounted, before.Source+" "+before.Type+" "+before.Options
		}
		return []beacons.Signal{{Tag: d.Change, Time: now, Data: d}}
	})
}
