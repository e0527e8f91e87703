// Package service is the beacon that watches the units of systemd: which run, which have failed, which were restarted. It asks systemd over
// D-Bus; it must never know what is done about what it sees.
package service

import (
	_ "embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "service".
func Module() beacons.Module {
	return beacons.Module{
		Name:   "service",
		Sample: sample,
		Data:   Data{},
		Config: func() beacons.Config {
			return &Config{Units: []string{"*.service"}, Tell: []string{Failed, Recovered, Restarted}}
		},
		AtStart:     true,
		Purpose:     "Watches the units of systemd: those that begin to run, stop, fail, recover, or are restarted.",
		Tags:        tags(),
		Cost:        "One connection to D-Bus; systemd tells of each change of a unit, nothing is asked in between. At the start one list of all units, and a question for each that is meant.",
		Permissions: "To connect to the system bus, which everybody may as a rule.",
		Blind: "Hosts without systemd, or without D-Bus: nothing is told there. Of what happened while the minion did not run, the last state alone. What a service does that " +
			"systemd takes for running. Units of users' own systemd.",
	}
}

// What happened: the values of Data.Change.
const (
	Active    = "active"
	Inactive  = "inactive"
	Failed    = "failed"
	Recovered = "recovered" // active or inactive, and it had failed before
	Restarted = "restarted" // systemd began it again by itself
)

var changes = []string{Active, Inactive, Failed, Recovered, Restarted}

// Data is what the beacon's events carry.
type Data struct {
	Unit        string `json:"unit"`                  // such as nginx.service
	Description string `json:"description,omitempty"` // the unit's own
	Change      string `json:"change"`                // active, inactive, failed, recovered, restarted
	State       string `json:"state"`                 // active, inactive, failed, activating, deactivating, reloading
	Sub         string `json:"sub"`                   // the state in the words of the unit's kind: running, exited, dead, auto-restart, mounted
	Was         string `json:"was,omitempty"`         // the last of active, inactive and failed before; empty: not known
	Result      string `json:"result,omitempty"`      // of a service: success, exit-code, signal, core-dump, timeout, watchdog, oom-kill ...
	ExitCode    *int64 `json:"exit_code,omitempty"`   // of a service's main process, when it ended by itself
	Signal      *int64 `json:"signal,omitempty"`      // of a service's main process, when a signal ended it: the signal's number
	MainPID     int64  `json:"main_pid,omitempty"`    // of a service; 0: none runs
	Restarts    int64  `json:"restarts"`              // how often systemd has begun the service again by itself since it was last started by hand
}

func tags() []beacons.Tag {
	code, signal := int64(1), int64(11)
	failed := Data{Unit: "nginx.service", Description: "A web server", Change: Failed, State: Failed, Sub: "failed", Was: Active, Result: "exit-code", ExitCode: &code}
	running := Data{Unit: "nginx.service", Description: "A web server", Change: Active, State: Active, Sub: "running", Was: Inactive, Result: "success", MainPID: 811}
	recovered, restarted, stopped := running, running, running
	recovered.Change, recovered.Was = Recovered, Failed
	restarted.Change, restarted.Was, restarted.State, restarted.Sub, restarted.Result = Restarted, Active, "activating", "auto-restart", "signal"
	restarted.Signal, restarted.Restarts, restarted.MainPID = &signal, 3, 0
	stopped.Change, stopped.State, stopped.Sub, stopped.Was, stopped.MainPID = Inactive, Inactive, "dead", Active, 0
	return []beacons.Tag{
		{Tail: "<unit>/failed", When: "the unit has failed", Data: failed},
		{Tail: "<unit>/recovered", When: "a unit that had failed is active, or inactive", Data: recovered},
		{Tail: "<unit>/restarted", When: "systemd begins a service again by itself", Data: restarted},
		{Tail: "<unit>/active", When: "the unit is active, and was not", Data: running},
		{Tail: "<unit>/inactive", When: "the unit is inactive, and was not", Data: stopped},
	}
}

// maxList bounds the options' lists.
const maxList = 256

// Config is what stands below "service:".
type Config struct {
	Units  []string `yaml:"units"`  // names of units; '*' as in a shell. A name without a kind is a service's
	Except []string `yaml:"except"` // those that are not meant though units names them; '*' as in a shell
	Tell   []string `yaml:"tell"`   // of active, inactive, failed, recovered, restarted
}

// Validate tells what is wrong with the options.
func (c *Config) Validate() error {
	var faults []error
	for _, l := range []struct {
		option string
		list   []string
	}{{"units", c.Units}, {"except", c.Except}} {
		if len(l.list) > maxList {
			faults = append(faults, fmt.Errorf("%s: %d entries; at most %d", l.option, len(l.list), maxList))
		}
		for _, p := range l.list {
			if _, err := path.Match(p, ""); err != nil || p == "" || strings.Contains(p, "/") {
				faults = append(faults, fmt.Errorf("%s: %q is no unit's name and no pattern: want such as nginx.service or 'php*.service'", l.option, p))
			}
		}
	}
	if len(c.Units) == 0 {
		faults = append(faults, errors.New("units: none is named"))
	}
	if len(c.Tell) == 0 {
		faults = append(faults, fmt.Errorf("tell: nothing is to be told: want some of %s", strings.Join(changes, ", ")))
	}
	for _, t := range c.Tell {
		if !slices.Contains(changes, t) {
			faults = append(faults, fmt.Errorf("tell: %q; want one of %s", t, strings.Join(changes, ", ")))
		}
	}
	return errors.Join(faults...)
}

// meant reports whether a unit is to be watched.
func (c *Config) meant(unit string) bool {
	in := func(list []string) bool {
		return slices.ContainsFunc(list, func(p string) bool {
			if !strings.Contains(p, ".") && !strings.HasSuffix(p, "*") {
				p += ".service"
			}
			ok, _ := path.Match(p, unit)
			return ok
		})
	}
	return plain(unit) && in(c.Units) && !in(c.Except)
}

// plain reports whether a name is one that a unit may have: it stands in the tag. See systemd.unit(5).
func plain(unit string) bool {
	const maxName = 255
	return unit != "" && len(unit) <= maxName && strings.IndexFunc(unit, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(`:_.-@\`, r)
	}) < 0
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{config: c, env: env} }
