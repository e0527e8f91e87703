// Package login is the beacon that watches who logs in and out, and who tries to. It reads the host's records of logins; it must never know
// what is done about what it sees.
package login

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

// Module describes the beacon "login".
func Module() beacons.Module {
	return beacons.Module{
		Name:    "login",
		Sample:  sample,
		Data:    Data{},
		Config:  func() beacons.Config { return &Config{Tell: []string{Begun, Ended}, Floods: defaults()} },
		AtStart: true,
		Purpose: "Watches sessions that begin and end, failed logins, and how many of these come from one address.",
		Tags:    tags(),
		Cost:    "Two watched files; each record of 384 bytes is read once, when it is written.",
		Permissions: "To read /var/log/wtmp and /var/log/btmp: root, or the group utmp. What may not be read is passed over; the log of the minion says so at the level " +
			"debug.",
		Blind: "Logins that no program records there: hosts that keep sessions in systemd-logind or in wtmpdb alone (Debian 13 and later, Alpine) have neither file; the lines of " +
			"sshd in the journal are seen by other beacons. Commands over ssh without a terminal, and sudo. sshd records a failed login in btmp where it is built to, and the " +
			"user's name only if there is such a user.",
	}
}

// What happened: the values of Data.Change.
const (
	Begun  = "begun"  // a session
	Ended  = "ended"  // a session
	Failed = "failed" // a login
	Flood  = "flood"  // too many failed logins
	Missed = "missed" // records that were too many to be read after a stop
)

// Data is what the beacon's events carry.
type Data struct {
	Change   string    `json:"change"`             // begun, ended, failed, flood, missed
	User     string    `json:"user,omitempty"`     // as given: of a failed login whatever somebody typed
	TTY      string    `json:"tty,omitempty"`      // such as pts/0
	Host     string    `json:"host,omitempty"`     // from where, as it is recorded: a name or an address; empty: from this host
	Address  string    `json:"address,omitempty"`  // from where; empty: not told
	PID      int64     `json:"pid,omitempty"`      // of the process that took the login
	At       time.Time `json:"at,omitzero"`        // when it was recorded
	Began    time.Time `json:"began,omitzero"`     // with ended: when the session began
	Duration float64   `json:"duration,omitempty"` // with ended: seconds
	Reboot   bool      `json:"reboot,omitempty"`   // with ended: the machine has been started again since

	Flood     string    `json:"flood,omitempty"`     // with flood: the limit's name
	State     string    `json:"state,omitempty"`     // with flood: "entered" or "left"
	By        string    `json:"by,omitempty"`        // with flood: what is counted by: address, user; empty: all together
	Key       string    `json:"key,omitempty"`       // with flood: of which one
	Count     int64     `json:"count"`               // with flood: failed logins within the window; with missed: how many
	Threshold float64   `json:"threshold,omitempty"` // with flood: the limit itself
	Within    float64   `json:"within,omitempty"`    // with flood: seconds
	Since     time.Time `json:"since,omitzero"`      // with flood: since when the count has been, or had been, beyond the limit
	Worst     float64   `json:"worst,omitempty"`     // with flood: the largest count
	Lasted    float64   `json:"lasted,omitempty"`    // with flood: seconds since then
}

func tags() []beacons.Tag {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	begun := Data{Change: Begun, User: "alice", TTY: "pts/3", Host: "192.0.2.7", Address: "192.0.2.7", PID: 811, At: at}
	ended, failed := begun, begun
	ended.Change, ended.Began, ended.Duration, ended.At, ended.Reboot = Ended, at, 95, at.Add(95*time.Second), true
	failed.Change, failed.TTY, failed.User = Failed, "ssh:notty", "root"
	flood := Data{Change: Flood, Flood: "attack", State: "entered", By: "address", Key: "192.0.2.7", Address: "192.0.2.7", Count: 11, Threshold: 10, Within: 60, Since: at, Worst: 11, Lasted: 1}
	return []beacons.Tag{
		{Tail: "begun", When: "somebody has logged in", Data: begun},
		{Tail: "ended", When: "a session has ended", Data: ended},
		{Tail: "failed", When: "a login has failed", Data: failed},
		{Tail: "<flood>", When: "more logins fail than a limit allows", Data: flood},
		{Tail: "<flood>/cleared", When: "they no longer do", Data: flood},
		{Tail: "missed", When: "more was recorded during a stop than is read after it: how many records were passed over", Data: Data{Change: Missed, Count: 5120}},
	}
}

// Config is what stands below "login:".
type Config struct {
	Tell   []string        `yaml:"tell"`  // what is told one by one: begun, ended, failed
	Floods map[string]Rate `yaml:",rest"` // limits on failed logins under names of the operator's own; naming one takes away the default
}

// Rate is a limit on failed logins.
type Rate struct {
	beacons.Threshold
	Within time.Duration `yaml:"within"` // the failed logins of so long are counted; 1m when nothing is said
	By     string        `yaml:"by"`     // counted by: address, user; all together when nothing is said
}

// Validate leaves everything to Config.Validate, which knows the name.
func (*Rate) Validate() error { return nil }

func defaults() map[string]Rate {
	return map[string]Rate{"attack": {Threshold: beacons.Threshold{Above: beacons.Of(10, beacons.Plain), Clear: beacons.Of(2, beacons.Plain)}, Within: time.Minute, By: "address"}}
}

const maxWithin = 24 * time.Hour

// Validate tells what is wrong with the options.
func (c *Config) Validate() error {
	var faults []error
	for _, t := range c.Tell {
		if want := []string{Begun, Ended, Failed}; !slices.Contains(want, t) {
			faults = append(faults, fmt.Errorf("tell: %q; want one of %s", t, strings.Join(want, ", ")))
		}
	}
	return errors.Join(append(faults, beacons.CheckLimits(c.Floods, func(name string, r Rate) error {
		var faults []error
		if by := []string{"", "address", "user"}; !slices.Contains(by, r.By) {
			faults = append(faults, fmt.Errorf("%s: by: %q; want address or user", name, r.By))
		}
		if r.Within != 0 && r.Within < time.Second || r.Within > maxWithin {
			faults = append(faults, fmt.Errorf("%s: within: %s; want 1s to %s", name, r.Within, maxWithin))
		}
		if slices.Contains([]string{Begun, Ended, Failed, Missed}, name) {
			faults = append(faults, fmt.Errorf("%s: no name for a limit: it would look like what is told one by one", name))
		}
		return errors.Join(append(faults, r.Threshold.Check(name, beacons.Plain, 0))...)
	}))...)
}

func (r Rate) within() time.Duration {
	if r.Within == 0 {
		return time.Minute
	}
	return r.Within
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return newBeacon(c, env) }
