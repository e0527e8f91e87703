package beacons

import (
	"encoding/json"
	"time"
)

// Streak is whether something that is probed is up, by probes in a row. The zero value knows nothing.
type Streak struct {
	Known bool      `json:"known"`
	Down  bool      `json:"down"`
	Since time.Time `json:"since"` // since the first of the probes that made it so
	Row   int       `json:"row"`   // probes in a row that say otherwise
	turn  time.Time // the first of them
}

// Step is pure: down after fall probes in a row that failed, up after rise that went well. turned: that is to be told; of the very first turn
// only where it is down.
func (s Streak) Step(ok bool, now time.Time, fall, rise int) (next Streak, turned bool) {
	if s.Known && ok != s.Down {
		s.Row, s.turn = 0, time.Time{}
		return s, false
	}
	need := fall
	if ok {
		need = rise
		if !s.Known {
			return Streak{Known: true, Since: now}, true
		}
	}
	if s.Row++; s.Row == 1 || s.turn.IsZero() {
		s.turn = now
	}
	if s.Row < need {
		return s, false
	}
	return Streak{Known: true, Down: !ok, Since: s.turn}, true
}

// KV is the baseline that keeps it.
func (s Streak) KV(key string) KV {
	value, _ := json.Marshal(s) // numbers and a time
	return KV{Key: key, Value: value}
}

// ReadStreak reads what KV kept; what cannot be read is as if it were new.
func ReadStreak(b Baseline, key string) (s Streak, err error) {
	value, err := b.Get(key)
	if err != nil || value == nil {
		return s, err
	}
	if json.Unmarshal(value, &s) != nil {
		return Streak{}, nil
	}
	return s, nil
}
