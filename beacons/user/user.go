// Package user is the beacon that watches the host's accounts and groups. It reads the files they stand in, and never keeps or tells anything of
// a password; it must never know what is done about what it sees.
package user

import (
	_ "embed"
	"errors"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "user".
func Module() beacons.Module {
	return beacons.Module{
		Name:        "user",
		Sample:      sample,
		Data:        Data{},
		Config:      func() beacons.Config { return &Config{Users: []string{"*"}, Groups: []string{"*"}} },
		Purpose:     "Watches accounts and groups: added, removed, changed, who becomes a superuser, who joins or leaves a group.",
		Tags:        tags(),
		Cost:        "Three watched files, read whole when one has changed. One baseline of some 100 bytes for each account and group.",
		Permissions: "To read /etc/shadow: root, or the group shadow. Without, changes of passwords and locks are not told.",
		Blind: "Accounts of LDAP, SSSD, systemd-homed and their like. Who made a change. A second change of a password on one day: the day alone is recorded. What came and " +
			"went during a stop of the minion.",
	}
}

// What happened: the values of Data.Change.
const (
	Added     = "added"
	Removed   = "removed"
	Changed   = "changed"
	Superuser = "superuser" // an account has the number 0 that had not
	Joined    = "joined"    // an account is a member of a group that was not
	Left      = "left"      // an account is no longer a member of a group
)

// Data is what the beacon's events carry.
type Data struct {
	Kind     string    `json:"kind"`               // user or group
	Change   string    `json:"change"`             // added, removed, changed, superuser; of a group joined and left too
	User     string    `json:"user,omitempty"`     // the account's name; of a group with joined and left
	Group    string    `json:"group,omitempty"`    // of a group: its name
	UID      *int64    `json:"uid,omitempty"`      // of an account; null: it has no number
	GID      *int64    `json:"gid,omitempty"`      // of an account its own group, of a group itself; null: none
	Comment  string    `json:"comment,omitempty"`  // of an account
	Home     string    `json:"home,omitempty"`     // of an account
	Shell    string    `json:"shell,omitempty"`    // of an account
	Password string    `json:"password,omitempty"` // of an account: set, locked, none; empty: not known
	Aged     string    `json:"aged,omitempty"`     // of an account: the day of the last change of its password, such as 2026-03-01; empty: not known
	Members  []string  `json:"members,omitempty"`  // of a group, as /etc/group lists them
	Fields   []Field   `json:"fields,omitempty"`   // with changed: what is another than before
	Seen     time.Time `json:"seen"`               // when it was seen
}

// Field is one thing that changed.
type Field struct {
	Name string `json:"name"` // as the event calls it: uid, gid, comment, home, shell, password, aged
	Was  string `json:"was"`
	Is   string `json:"is"`
}

func tags() []beacons.Tag {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	uid, gid := int64(1001), int64(1001)
	one := Data{Kind: "user", Change: Added, User: "alice", UID: &uid, GID: &gid, Comment: "Alice", Home: "/home/alice", Shell: "/bin/bash", Password: "locked", Aged: "2026-03-01", Seen: at}
	changed, super, removed := one, one, one
	changed.Change, changed.Fields = Changed, []Field{{"shell", "/bin/bash", "/usr/sbin/nologin"}}
	zero := int64(0)
	super.Change, super.UID, removed.Change = Superuser, &zero, Removed
	group := Data{Kind: "group", Change: Joined, User: "alice", Group: "sudo", GID: &gid, Members: []string{"alice"}, Seen: at}
	of := func(change string) Data { g := group; g.Change, g.User = change, ""; return g }
	left, regrouped := group, of(Changed)
	left.Change, left.Members = Left, nil
	regrouped.Fields = []Field{{"gid", "1000", "1001"}}
	return []beacons.Tag{
		{Tail: "user/added", When: "there is an account that was not", Data: one},
		{Tail: "user/removed", When: "an account is gone: as it was", Data: removed},
		{Tail: "user/changed", When: "something about an account is another", Data: changed},
		{Tail: "user/superuser", When: "an account has the number 0 that had not, besides its own event", Data: super},
		{Tail: "group/added", When: "there is a group that was not", Data: of(Added)},
		{Tail: "group/removed", When: "a group is gone: as it was", Data: of(Removed)},
		{Tail: "group/changed", When: "a group has another number", Data: regrouped},
		{Tail: "group/joined", When: "an account is a member of a group, and was not", Data: group},
		{Tail: "group/left", When: "an account is no longer a member of a group", Data: left},
	}
}

// Config is what stands below "user:".
type Config struct {
	Users  []string `yaml:"users"`  // accounts, '*' as in a shell; with a '!' those that are not meant
	Groups []string `yaml:"groups"` // the same of groups
}

// Validate tells what is wrong with the options.
func (c *Config) Validate() error {
	return errors.Join(beacons.CheckMeans("users", c.Users), beacons.CheckMeans("groups", c.Groups))
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{config: c, env: env} }
