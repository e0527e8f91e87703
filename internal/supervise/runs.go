package supervise

import (
	"sync"
	"time"
)

// Runs knows of state runs, for disable_during_state_run. Its zero value has seen none.
type Runs struct {
	mu    sync.Mutex
	n     int           // under way
	over  chan struct{} // closed when the last of them has ended
	began time.Time
	ended time.Time
	cause string
}

// Begin takes note of a run; cause is the id of the event that it answers. end must be called.
func (r *Runs) Begin(cause string) (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n++; r.n == 1 {
		r.over, r.began = make(chan struct{}), time.Now()
	}
	r.cause = cause
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.n--; r.n == 0 {
			close(r.over)
			r.over, r.ended = nil, time.Now()
		}
	}
}

// Over is closed when no run is under way any more; nil: none is. It is beacons.Env.Paused.
func (r *Runs) Over() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

// during reports whether a run was under way at a time, or had ended so lately that what was seen then is its doing.
func (r *Runs) during(at time.Time, after time.Duration) (cause string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.began.IsZero() || at.Before(r.began) || r.n == 0 && at.After(r.ended.Add(after)) {
		return "", false
	}
	return r.cause, true
}
