package service

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"

	"brine/beacons"
)

// unit is what is known of one.
type unit struct {
	name, description  string
	state, sub, result string
	code, status       int64 // of the main process: how it ended (CLD_ of sigaction(2)), and with what
	pid, restarts      int64
	kept               kept
}

// kept is what a baseline holds of a unit.
type kept struct {
	State    string `json:"state"` // the last of active, inactive and failed
	Restarts int64  `json:"restarts"`
}

// How a process ended: si_code of sigaction(2).
const (
	exited = 1
	killed = 2
	dumped = 3
)

// set takes over what systemd says of a unit. Properties of a type that is not theirs are passed over.
func (u *unit) set(properties map[string]dbus.Variant) {
	for name, v := range properties {
		switch value := v.Value().(type) {
		case string:
			switch name {
			case "ActiveState":
				u.state = value
			case "SubState":
				u.sub = value
			case "Result":
				u.result = value
			case "Description":
				u.description = value
			}
		case int32:
			switch name {
			case "ExecMainCode":
				u.code = int64(value)
			case "ExecMainStatus":
				u.status = int64(value)
			}
		case uint32:
			switch name {
			case "MainPID":
				u.pid = int64(value)
			case "NRestarts":
				u.restarts = int64(value)
			}
		}
	}
}

// news compares a unit with what was last kept of it, and gives the signals of what is to be told. tell says which changes are.
func (u *unit) news(tell []string, now time.Time) (signals []beacons.Signal) {
	was := u.kept
	if u.restarts > was.Restarts && slices.Contains(tell, Restarted) {
		signals = append(signals, u.signal(Restarted, now))
	}
	u.kept.Restarts = u.restarts
	steady := u.state == Active || u.state == Inactive || u.state == Failed
	if steady && u.state != was.State {
		u.kept.State = u.state
		switch {
		case was.State == Failed && slices.Contains(tell, Recovered):
			signals = append(signals, u.signal(Recovered, now))
		case slices.Contains(tell, u.state) && (was.State != "" || u.state != Inactive):
			s := u.signal(u.state, now)
			signals = append(signals, s)
		}
	}
	if u.kept == was {
		return signals
	}
	if len(signals) == 0 {
		signals = []beacons.Signal{{}}
	}
	last := &signals[len(signals)-1]
	last.Set = u.baseline()
	for i := range signals {
		if d, ok := signals[i].Data.(Data); ok {
			d.Was = was.State
			signals[i].Data = d
		}
	}
	return signals
}

// baseline keeps what was told. An inactive unit needs none: so it is as if it were not loaded.
func (u *unit) baseline() []beacons.KV {
	kv := beacons.KV{Key: prefix + u.name}
	if u.kept.State != Inactive || u.kept.Restarts != 0 {
		kv.Value, _ = json.Marshal(u.kept) // a text and a number
	}
	return []beacons.KV{kv}
}

func (u *unit) signal(change string, now time.Time) beacons.Signal {
	d := Data{Unit: u.name, Description: u.description, Change: change, State: u.state, Sub: u.sub, Result: u.result, MainPID: u.pid, Restarts: u.restarts}
	status := u.status
	switch u.code {
	case exited:
		d.ExitCode = &status
	case killed, dumped:
		d.Signal = &status
	}
	return beacons.Signal{Tag: u.name + "/" + change, Time: now, Data: d}
}
