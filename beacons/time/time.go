// Package clock is the beacon "time", which watches the wall clock: that it is set, and how far it may be off. The kernel tells; the beacon must
// never know what is done about it.
package clock

import (
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

// Module describes the beacon "time".
func Module() beacons.Module {
	return beacons.Module{
		Name:        "time",
		Sample:      sample,
		Data:        Data{},
		Config:      func() beacons.Config { return defaults() },
		Interval:    time.Minute,
		AtStart:     true,
		Purpose:     "Watches the wall clock: that it was set, whether a time service keeps it, and how far it is off.",
		Tags:        tags(),
		Cost:        "For steps nothing: the kernel wakes the beacon. One call of adjtimex an interval.",
		Permissions: "None. Where a sandbox forbids adjtimex (systemd's ProtectClock does), steps alone are told.",
		Blind: "A step while the minion does not run, many steps that are each smaller than step says, and what is made good without a step: a clock that runs faster for a while. " +
			"How far the clock really is off: the numbers are the time service's, such as chrony's.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Amount       float64   `json:"amount"`       // with step: seconds; more than 0: forward
	Before       time.Time `json:"before"`       // with step: what the clock would have said now without it
	Limit        string    `json:"limit"`        // the name of the limit
	State        string    `json:"state"`        // of a limit: "entered" or "left"
	Value        float64   `json:"value"`        // of a limit: seconds, without a sign
	Threshold    float64   `json:"threshold"`    // seconds: the limit itself
	Worst        float64   `json:"worst"`        // seconds: the value furthest beyond the limit
	Since        time.Time `json:"since"`        // since when it has been so: unsynchronised, synchronised, beyond the limit
	Lasted       float64   `json:"lasted"`       // seconds: of a limit since then; with synchronised, that it was not
	Synchronised bool      `json:"synchronised"` // a time service keeps the clock; with step it says nothing
	Offset       float64   `json:"offset"`       // seconds that are still to be made good; more than 0: the clock is slow
	Estimated    float64   `json:"estimated"`    // seconds: the error as the time service estimates it
	Most         float64   `json:"most"`         // seconds: the error at worst
}

func tags() []beacons.Tag {
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	return []beacons.Tag{
		{Tail: "step", When: "the clock was set, by as much as step says or more", Data: Data{Amount: -3600.25, Before: since}},
		{Tail: "unsynchronised", When: "no time service has kept the clock for as many looks in a row as failures says", Data: Data{Since: since, Estimated: 16, Most: 16}},
		{Tail: "synchronised", When: "one keeps it again", Data: Data{Since: since, Lasted: 900, Synchronised: true, Estimated: 0.0004, Most: 0.012}},
		{Tail: "<limit>", When: "the error has been beyond the limit for as long as it says", Data: Data{Limit: "offset", State: "entered", Value: 0.18, Threshold: 0.1, Worst: 0.2,
			Since: since, Lasted: 60, Synchronised: true, Offset: -0.18, Estimated: 0.01, Most: 0.3}},
		{Tail: "<limit>/cleared", When: "it has left the limit", Data: Data{Limit: "offset", State: "left", Value: 0.002, Threshold: 0.1, Worst: 0.2, Since: since, Lasted: 600,
			Synchronised: true, Offset: -0.002, Estimated: 0.001, Most: 0.02}},
	}
}

// Bounds of the options.
const (
	minStep         = time.Millisecond
	maxStep         = 24 * time.Hour
	defaultStep     = 100 * time.Millisecond
	defaultFailures = 5
	maxRow          = 100
)

// Config is what stands below "time:".
type Config struct {
	Step     time.Duration    `yaml:"step"`     // the smallest step that is told: 1ms to 24h; 100ms when nothing is said
	Failures int              `yaml:"failures"` // looks in a row at a clock that nobody keeps, and it is told; 5 when nothing is said
	Limits   map[string]Limit `yaml:",rest"`    // a limit; naming one takes away the default

	clock clock // nil: the kernel's
}

// Limit is one limit.
type Limit struct {
	beacons.Threshold
	Of string `yaml:"of"` // offset, estimated or most: what is compared; the limit's own name when nothing is said
}

func defaults() *Config {
	return &Config{Step: defaultStep, Failures: defaultFailures, Limits: map[string]Limit{
		"offset": {Threshold: beacons.Threshold{Above: beacons.Of(0.1, beacons.Seconds), For: time.Minute, Clear: beacons.Of(0.05, beacons.Seconds)}}}}
}

var (
	kinds = []string{"offset", "estimated", "most"}
	taken = []string{"step", synchronised, unsynchronised} // tags of the beacon's own
)

// filled is the limit with what is meant where nothing is said.
func (l Limit) filled(name string) Limit {
	if l.Of == "" {
		l.Of = name
	}
	return l
}

// Validate leaves everything to Config.Validate, which knows the name.
func (l *Limit) Validate() error { return nil }

// Validate tells what is wrong with the options.
func (c *Config) Validate() error {
	var faults []error
	if c.Step < minStep || c.Step > maxStep {
		faults = append(faults, fmt.Errorf("step: %s; want %s to %s", c.Step, minStep, maxStep))
	}
	if c.Failures < 1 || c.Failures > maxRow {
		faults = append(faults, fmt.Errorf("failures: %d; want 1 to %d", c.Failures, maxRow))
	}
	return errors.Join(append(faults, beacons.CheckLimits(c.Limits, func(name string, l Limit) error {
		if slices.Contains(taken, name) {
			return fmt.Errorf("%s: a limit cannot have this name: it is a tag of the beacon's own", name)
		}
		var err error
		if l = l.filled(name); !slices.Contains(kinds, l.Of) {
			err = fmt.Errorf("%s: of: %q; want one of %s", name, l.Of, strings.Join(kinds, ", "))
		}
		return errors.Join(err, l.Threshold.Check(name, beacons.Seconds, 0))
	}))...)
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon {
	b := &beacon{config: c, env: env, clock: c.clock}
	if b.clock == nil {
		b.clock = kernel{}
	}
	return b
}
