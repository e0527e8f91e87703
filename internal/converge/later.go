package converge

import (
	"fmt"
	"sync"

	"brine/internal/job"
)

const (
	// maxLate bounds what waits to be made lasting; past it that is done in mid-run.
	maxLate = 1024
	// lateAtOnce is how much of it goes on at a time: a file system writes one journal for all who wait.
	lateAtOnce = 8
)

// late is a change that is done, and would be lost with the power.
type late struct {
	last   func() error
	states []int // whose change it is: their place in the run
}

// later is states.Env.Later.
func (a *attempt) later(key string, last func() error) {
	l := a.late[key]
	if l == nil {
		l = &late{last: last}
		a.late[key] = l
	}
	l.states = append(l.states, len(a.results))
}

// last makes everything lasting that has been put off, and returns when it does. A state whose change does not last has failed.
func (r *run) last() {
	var mu sync.Mutex
	var all sync.WaitGroup
	free := make(chan struct{}, lateAtOnce)
	for _, l := range r.late {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			err := l.last()
			if err == nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for _, i := range l.states {
				if i < len(r.results) {
					lost(&r.results[i], err)
				}
			}
		})
	}
	all.Wait()
	clear(r.late)
}

func lost(res *job.StateResult, err error) {
	if res.OK {
		res.OK, res.Comment = false, fmt.Sprintf("it was done, and may not outlast a power failure: %v", err)
	}
}
