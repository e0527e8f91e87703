// Package pkg is the beacon "package", which watches what software is installed. It reads the package managers' own lists; it must never know
// what is done about what it sees.
package pkg

import (
	_ "embed"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "package".
func Module() beacons.Module {
	return beacons.Module{
		Name:    "package",
		Sample:  sample,
		Data:    Data{},
		Config:  func() beacons.Config { return &Config{Packages: []string{"*"}} },
		Purpose: "Watches packages that are installed, removed, or replaced by another version.",
		Tags:    tags(),
		Cost: "Two watched files. When one has changed it is read whole: some 10 ms for 1,000 packages. While dpkg is at work its lock is looked at once a second. One " +
			"baseline of some 30 bytes for each package.",
		Permissions: "None to read the lists. To see that dpkg has not finished: to read /var/lib/dpkg/lock, which is root's; without, what dpkg does in one go may be told in parts.",
		Blind: "Packages of rpm, snap, flatpak, pip and their like: Debian's dpkg and Alpine's apk are read. Who installed something. A version that came and went within " +
			"one transaction, or during a stop of the minion.",
	}
}

// What happened: the values of Data.Change.
const (
	Installed = "installed"
	Removed   = "removed"
	Upgraded  = "upgraded"
)

// Data is what the beacon's events carry.
type Data struct {
	Change  string    `json:"change"`            // installed, removed, upgraded: there is another version, be it an older one
	Package string    `json:"package"`           // its name
	Arch    string    `json:"arch"`              // such as amd64, all
	Version string    `json:"version,omitempty"` // the one that is there now; empty: removed
	Was     string    `json:"was,omitempty"`     // the version that was there; empty: none
	Manager string    `json:"manager"`           // dpkg or apk
	Seen    time.Time `json:"seen"`              // when it was seen: after the whole transaction
}

func tags() []beacons.Tag {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	one := Data{Change: Upgraded, Package: "openssl", Arch: "amd64", Version: "3.0.17-1", Was: "3.0.16-1", Manager: "dpkg", Seen: at}
	installed, removed := one, one
	installed.Change, installed.Was = Installed, ""
	removed.Change, removed.Version = Removed, ""
	return []beacons.Tag{
		{Tail: "installed/<package>", When: "a package is there that was not", Data: installed},
		{Tail: "removed/<package>", When: "a package is gone, be it that its configuration files stay", Data: removed},
		{Tail: "upgraded/<package>", When: "there is another version of a package", Data: one},
	}
}

// Config is what stands below "package:".
type Config struct {
	Packages []string `yaml:"packages"` // names, '*' as in a shell; with a '!' those that are not meant
}

// Validate tells what is wrong with the options.
func (c *Config) Validate() error { return beacons.CheckMeans("packages", c.Packages) }

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{config: c, env: env} }
