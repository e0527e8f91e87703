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
