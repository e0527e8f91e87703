package supervise

import (
	"time"

	"brine/internal/job"
)

// The states of a beacon.
const (
	Starting   = job.BeaconStarting
	Running    = job.BeaconRunning
	Restarting = job.BeaconRestarting
	Stuck      = job.BeaconStuck
	Disabled   = job.BeaconDisabled
	Refused    = job.BeaconRefused
)

// Health says how one beacon is.
type Health = job.BeaconHealth

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
