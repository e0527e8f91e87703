package job

import "time"

// SettingHolds is the name of the setting by which the master tells a minion what it must not put right for a while: its data is
// Holds, or nothing.
const SettingHolds = "holds"

// SettingBeacons is the name of the setting by which the master tells a minion which beacons to run: see beaconset.Encode.
const SettingBeacons = "beacons"

// Holds are all holds that are on a minion.
type Holds struct {
	Sent  int64  `json:"sent"` // the master's clock, Unix nanoseconds: tells one sending from another, and is compared with no clock
	Holds []Hold `json:"holds"`
}

// Hold keeps a minion from enforcing states: drift is seen and told, and put right when the hold ends.
type Hold struct {
	Why    string        `json:"why"`
	Left   time.Duration `json:"left_ns,omitempty"` // when it was sent; 0: until the master says otherwise
	All    bool          `json:"all,omitempty"`     // every state; else
	States []string      `json:"states,omitempty"`  // these, by Low.Key
}

// Enforcing is the data of brine/minion/<id>/enforcing: which states a minion enforces from now on.
type Enforcing struct {
	Count  int      `json:"count"`
	States []string `json:"states"` // by Low.Key, sorted; the first MaxEnforcingTold
}

// MaxEnforcingTold bounds the states that one event names.
const MaxEnforcingTold = 4096
