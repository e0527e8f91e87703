package converge

import (
	"brine/internal/job"
	"brine/states"
)

// Watches is what notices that a state of a low state drifts; none where nothing does.
func (r *Runner) Watches(low job.Low) ([]states.Watch, error) {
	a := &attempt{run: &run{Runner: r}, low: low}
	s, err := a.decode()
	if err != nil {
		return nil, err
	}
	if w, ok := s.(states.Watched); ok {
		return w.Watch(), nil
	}
	return nil, nil
}

// Named gives the contents that a state of a low state needs beside those it carries: what its manifests name. They must be here.
func (r *Runner) Named(low job.Low) ([]job.Content, error) {
	a := &attempt{run: &run{Runner: r}, low: low}
	var err error
	if a.state, err = a.decode(); err != nil {
		return nil, err
	}
	return a.list()
}
