package job

import "time"

// The states of a beacon.
const (
	BeaconStarting   = "starting"   // the life before it has not ended yet
	BeaconRunning    = "running"    // its Run has been called and goes on
	BeaconRestarting = "restarting" // it failed and waits to be started again
	BeaconStuck      = "stuck"      // too many of its runs did not end: it is started no more
	BeaconDisabled   = "disabled"   // enabled: false
	BeaconRefused    = "refused"    // its options, from the master, are not what this minion can take
)

// BeaconHealth says how one beacon of a minion is: beacon.list returns a list of them.
type BeaconHealth struct {
	Name     string     `json:"name"`
	Kind     string     `json:"kind"`
	From     string     `json:"from"` // where its options stand: file:line
	State    string     `json:"state"`
	Since    time.Time  `json:"since"`              // of the state
	Error    string     `json:"error,omitempty"`    // why it failed last, while it is not well
	Failures int        `json:"failures,omitempty"` // in a row
	Restart  *time.Time `json:"restart,omitempty"`  // when it is started again
	BeaconCounts
}

// BeaconCounts are since the minion's start.
type BeaconCounts struct {
	Fired      uint64     `json:"fired"` // events
	LastFired  *time.Time `json:"last_fired,omitempty"`
	HeldBack   uint64     `json:"held_back,omitempty"`   // events that had to wait: it fires too much
	Unchanged  uint64     `json:"unchanged,omitempty"`   // events not fired: onchangeonly
	Own        uint64     `json:"own,omitempty"`         // events marked as Brine's own: disable_during_state_run
	LeftBehind int        `json:"left_behind,omitempty"` // runs that did not end
}

// Well reports whether there is nothing to be done about it.
func (h BeaconHealth) Well() bool {
	return h.State == BeaconRunning && h.Failures == 0 && h.LeftBehind == 0 || h.State == BeaconStarting || h.State == BeaconDisabled
}

// BeaconList is what the function beacon.list returns.
type BeaconList struct {
	Beacons []BeaconHealth `json:"beacons"`
}
