package supervise

import "time"

// The states of a beacon.
const (
	Starting   = "starting"   // the life before it has not ended yet
	Running    = "running"    // its Run has been called and goes on
	Restarting = "restarting" // it failed and waits to be started again
	Stuck      = "stuck"      // too many of its runs did not end: it is started no more
	Disabled   = "disabled"   // enabled: false
	Refused    = "refused"    // its options, from the master, are not what this minion can take
)

// Health says how one beacon is.
type Health struct {
	Name     string     `json:"name"`
	Kind     string     `json:"kind"`
	From     string     `json:"from"` // where its options stand: file:line
	State    string     `json:"state"`
	Since    time.Time  `json:"since"`              // of the state
	Error    string     `json:"error,omitempty"`    // why it failed last, while it is not well
	Failures int        `json:"failures,omitempty"` // in a row
	Restart  *time.Time `json:"restart,omitempty"`  // when it is started again
	Counts
}

// Counts are since the minion's start.
type Counts struct {
	Fired      uint64     `json:"fired"` // events
	LastFired  *time.Time `json:"last_fired,omitempty"`
	HeldBack   uint64     `json:"held_back,omitempty"`   // events that had to wait: it fires too much
	Unchanged  uint64     `json:"unchanged,omitempty"`   // events not fired: onchangeonly
	Own        uint64     `json:"own,omitempty"`         // events marked as Brine's own: disable_during_state_run
	LeftBehind int        `json:"left_behind,omitempty"` // runs that did not end
}

// FailedData is the data of brine/minion/<id>/beacon/<name>/failed. The same failure is told once an hour.
type FailedData struct {
	Error     string  `json:"error"`
	Failures  int64   `json:"failures"`   // in a row
	RestartIn float64 `json:"restart_in"` // seconds; 0: it is not started again
}

// RecoveredData is the data of .../recovered: it has been running for a minute.
type RecoveredData struct {
	Failures int64   `json:"failures"` // there were
	Down     float64 `json:"down"`     // seconds, from the first failure
}

// StuckData is the data of .../stuck: a run did not end when it was asked to.
type StuckData struct {
	Waited     float64 `json:"waited"`      // seconds
	LeftBehind int64   `json:"left_behind"` // runs of this beacon that have not ended
}

// FloodData is the data of .../flooding: it fires more than it may, and is made to wait.
type FloodData struct {
	Rate  int64 `json:"rate"`  // events a second that it may fire in the long run
	Calls int64 `json:"calls"` // times a second that it may fire at all, with however many events
	Held  int64 `json:"held"`  // events that had to wait so far
}

// CalmData is the data of .../calmed: that is over.
type CalmData struct {
	Held int64   `json:"held"` // events that had to wait
	For  float64 `json:"for"`  // seconds, from the first to the last of them
}

// health is the status as it is now.
func (l *life) health() Health {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.status
	h.Name, h.Kind, h.From = l.in.Name, l.in.Module.Name, l.in.From
	h.LeftBehind = int(l.left.Load())
	return h
}

func (l *life) state(state string, restart time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.State, l.status.Since, l.status.Restart = state, time.Now(), nil
	if !restart.IsZero() {
		l.status.Restart = &restart
	}
}
