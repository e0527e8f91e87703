// Package disk is the beacon that watches how full file systems are. It asks statfs(2); it must never know what is done about it.
package disk

import (
	_ "embed"
	"errors"
	"fmt"
	"path"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "disk".
func Module() beacons.Module {
	return beacons.Module{
		Name:        "disk",
		Sample:      sample,
		Data:        Data{},
		Config:      func() beacons.Config { return &Config{Limits: defaults()} },
		Interval:    30 * time.Second,
		AtStart:     true,
		Purpose:     "Watches how full each mounted file system is, in space and in inodes, and how long it will last.",
		Tags:        tags(),
		Cost:        "One read of /proc/self/mountinfo and one statfs for each file system an interval.",
		Permissions: "None, for file systems that the minion may reach.",
		Blind: "File systems over the network, unless a limit names their type: asking one whose server is away hangs, and the beacon with it. " +
			"Quotas. What fills and empties within one interval.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Limit     string    `json:"limit"`             // the name of the limit
	State     string    `json:"state"`             // "entered" or "left"
	Mount     string    `json:"mount"`             // where the file system is mounted
	Device    string    `json:"device"`            // what is mounted: /dev/sda1
	Type      string    `json:"type"`              // ext4, xfs, ...
	Of        string    `json:"of"`                // what is measured: used, free, inodes, full_in
	Value     float64   `json:"value"`             // percent, bytes, or with full_in seconds
	Threshold float64   `json:"threshold"`         // the limit itself
	Worst     float64   `json:"worst"`             // the value furthest beyond the limit
	Since     time.Time `json:"since"`             // since when the value has been, or had been, beyond the limit
	Lasted    float64   `json:"lasted"`            // seconds since then
	Size      int64     `json:"size"`              // bytes that users can have
	Used      int64     `json:"used"`              // bytes
	Free      int64     `json:"free"`              // bytes left to users, as df shows them
	Inodes    int64     `json:"inodes"`            // how many there are; 0: not counted
	InodesIn  int64     `json:"inodes_used"`       // in use
	FullIn    *float64  `json:"full_in,omitempty"` // seconds until it is full, at the speed of the last half hour; null: it does not fill
}

func tags() []beacons.Tag {
	since, left := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), 5400.0
	return []beacons.Tag{
		{Tail: "<limit>", When: "a file system has been beyond the limit for as long as it says", Data: Data{Limit: "full", State: "entered", Mount: "/var", Device: "/dev/sda3",
			Type: "ext4", Of: "used", Value: 91.2, Threshold: 90, Worst: 91.2, Since: since, Lasted: 60, Size: 107374182400, Used: 97925254348, Free: 9448928052,
			Inodes: 6553600, InodesIn: 812345, FullIn: &left}},
		{Tail: "<limit>/cleared", When: "it has left the limit, or was unmounted", Data: Data{Limit: "full", State: "left", Mount: "/var", Device: "/dev/sda3",
			Type: "ext4", Of: "used", Value: 61, Threshold: 90, Worst: 97, Since: since, Lasted: 7200, Size: 107374182400, Used: 65498251264, Free: 41875931136,
			Inodes: 6553600, InodesIn: 512345}},
	}
}

// maxList bounds the patterns of a limit.
const maxList = 64

// Config is what stands below "disk:".
type Config struct {
	Limits map[string]Limit `yaml:",rest"` // a limit; naming one takes away the defaults
}

// Limit is one limit.
type Limit struct {
	beacons.Threshold
	Of     string   `yaml:"of"`     // used (percent or bytes; when nothing is said), free (percent or bytes), inodes (percent in use), full_in (a duration)
	Mounts []string `yaml:"mounts"` // where they are mounted; '*' crosses no slash, ** does; all when nothing is said
	Types  []string `yaml:"types"`  // only these types; when nothing is said, all that stand on a disk of this host
}

func defaults() map[string]Limit {
	full := beacons.Threshold{Above: beacons.Of(90, beacons.Percent), For: time.Minute, Clear: beacons.Of(85, beacons.Percent)}
	return map[string]Limit{"full": {Threshold: full}, "inodes": {Of: "inodes", Threshold: full}}
}

// Validate leaves everything to Config.Validate, which knows the name.
func (l *Limit) Validate() error { return nil }

// Validate tells what is wrong with the limits.
func (c *Config) Validate() error {
	return beacons.CheckLimits(c.Limits, func(name string, l Limit) error {
		var faults []error
		if len(l.Mounts) > maxList || len(l.Types) > maxList {
			faults = append(faults, fmt.Errorf("%s: mounts and types have at most %d entries each", name, maxList))
		}
		for _, m := range l.Mounts {
			if _, err := path.Match(m, ""); err != nil || !path.IsAbs(m) {
				faults = append(faults, fmt.Errorf("%s: mounts: %q is no absolute path and no pattern", name, m))
			}
		}
		unit, most := beacons.Percent, 100.0
		switch l.Of {
		case "", "used", "free":
			if l.Threshold.Unit() == beacons.Bytes {
				unit, most = beacons.Bytes, 0
			}
		case "inodes":
		case "full_in":
			unit, most = beacons.Seconds, 0
			if l.Above != nil {
				faults = append(faults, fmt.Errorf("%s: above: of the time that is left there can be too little only; want below", name))
			}
		default:
			faults = append(faults, fmt.Errorf("%s: of: %q; want used, free, inodes or full_in", name, l.Of))
		}
		return errors.Join(append(faults, l.Threshold.Check(name, unit, most))...)
	})
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon {
	return &beacon{config: c, env: env, space: linux.SpaceOf, filling: map[string]*filling{}}
}
