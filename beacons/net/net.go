// Package net is the beacon that watches network devices: their links, addresses and traffic. The kernel wakes it for the first two; it
// must never know what is done about them.
package net

import (
	_ "embed"
	"errors"
	"fmt"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "net".
func Module() beacons.Module {
	return beacons.Module{
		Name:   "net",
		Sample: sample,
		Data:   Data{},
		Config: func() beacons.Config {
			return &Config{Devices: []string{"*", "!veth*", "!lo"}, Links: true, Addresses: true}
		},
		Interval: 10 * time.Second,
		AtStart:  true,
		Purpose:  "Watches network devices: link up and down, devices and addresses that come and go, and how much passes through.",
		Tags:     tags(),
		Cost: "For links and addresses one look when the kernel says that something has changed. For limits one read of /proc/net/dev an interval. And one look an " +
			"interval as a net.",
		Permissions: "None.",
		Blind:       "Other network namespaces than the minion's. A link that went down and came up again before it could be looked at.",
	}
}

// What happened: the values of Data.Change.
const (
	Up      = "up"      // switched on, and with a carrier
	Down    = "down"    // no longer both
	Added   = "added"   // a device
	Removed = "removed" // a device
	Address = "address" // addresses have come or gone
	Limit   = "limit"   // traffic beyond a limit, or no longer
)

// Data is what the beacon's events carry.
type Data struct {
	Device    string    `json:"device"`
	Change    string    `json:"change"`              // up, down, added, removed, address, limit
	Up        bool      `json:"up"`                  // switched on, and with a carrier
	MAC       string    `json:"mac,omitempty"`       // empty: it has none
	MTU       int64     `json:"mtu,omitempty"`       // bytes
	Addresses []string  `json:"addresses,omitempty"` // with their prefix
	Came      []string  `json:"came,omitempty"`      // with address: those that are new
	Went      []string  `json:"went,omitempty"`      // with address: those that are gone
	Limit     string    `json:"limit,omitempty"`     // with limit: its name
	State     string    `json:"state,omitempty"`     // with limit: "entered" or "left"
	Of        string    `json:"of,omitempty"`        // with limit: what is measured: rx, tx, packets, errors, dropped
	Value     float64   `json:"value,omitempty"`     // with limit: bytes a second for rx and tx, else a number a second
	Threshold float64   `json:"threshold,omitempty"` // with limit: the limit itself
	Worst     float64   `json:"worst,omitempty"`     // with limit: the value furthest beyond it
	Since     time.Time `json:"since,omitzero"`      // with limit: since when the value has been, or had been, beyond it
	Lasted    float64   `json:"lasted,omitempty"`    // with limit: seconds since then
}

func tags() []beacons.Tag {
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	one := Data{Device: "eth0", Up: true, MAC: "52:54:00:12:34:56", MTU: 1500, Addresses: []string{"10.0.0.5/24"}}
	with := func(change string, f func(*Data)) Data {
		d := one
		d.Change = change
		if f != nil {
			f(&d)
		}
		return d
	}
	busy := func(state string) Data {
		return Data{Device: "eth0", Change: Limit, Limit: "busy", State: state, Of: "tx", Value: 118e6, Threshold: 100e6, Worst: 121e6, Since: since, Lasted: 30}
	}
	return []beacons.Tag{
		{Tail: "<device>/up", When: "a device is switched on and has a carrier", Data: with(Up, nil)},
		{Tail: "<device>/down", When: "it no longer is, or has", Data: with(Down, func(d *Data) { d.Up = false })},
		{Tail: "<device>/added", When: "a device is there that was not", Data: with(Added, nil)},
		{Tail: "<device>/removed", When: "it is no longer there", Data: with(Removed, nil)},
		{Tail: "<device>/address", When: "its addresses have changed", Data: with(Address, func(d *Data) { d.Came, d.Went = []string{"10.0.0.5/24"}, []string{"10.0.0.4/24"} })},
		{Tail: "<limit>", When: "the traffic of a device has been beyond the limit for as long as it says", Data: busy("entered")},
		{Tail: "<limit>/cleared", When: "it has left the limit", Data: busy("left")},
	}
}

// Config is what stands below "net:".
type Config struct {
	Devices   []string              `yaml:"devices"`   // names, '*' as in a shell; with a '!' those that are not meant. The last that matches decides
	Links     bool                  `yaml:"links"`     // tell up, down, added and removed
	Addresses bool                  `yaml:"addresses"` // tell addresses
	Limits    map[string]Throughput `yaml:",rest"`     // limits on the traffic of each device
}

// Throughput is one limit on the traffic of each device.
type Throughput struct {
	beacons.Threshold
	Of string `yaml:"of"` // rx or tx (bytes a second, such as 100MB/s), or packets, errors, dropped (such as 10/s)
}

// Validate leaves everything to Config.Validate, which knows the name.
func (l *Throughput) Validate() error { return nil }

// Validate tells what is wrong with the configuration.
func (c *Config) Validate() error {
	return errors.Join(beacons.CheckMeans("devices", c.Devices), beacons.CheckLimits(c.Limits, func(name string, l Throughput) error {
		switch l.Of {
		case "rx", "tx":
			return l.Threshold.Check(name, beacons.BytesPerSecond, 0)
		case "packets", "errors", "dropped":
			return l.Threshold.Check(name, beacons.PerSecond, 0)
		}
		return fmt.Errorf("%s: of: %q; want rx, tx, packets, errors or dropped", name, l.Of)
	}))
}

// meant reports whether a device is watched.
func (c *Config) meant(name string) bool { return beacons.Means(c.Devices, name) }

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return newBeacon(c, env) }
