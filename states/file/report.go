package file

import (
	"fmt"

	"brine/states"
)

// Bounds of what a state over many paths tells: it travels in every result.
const (
	maxShown     = 64       // differences
	maxShownDiff = 32 << 10 // bytes of their diffs in all
)

// report collects differences up to the bounds, and counts the rest.
type report struct {
	changes states.Changes
	more    int
	diff    int // bytes
}

// add takes the differences of the path rel below the state's own; "" is that itself.
func (r *report) add(rel string, changes ...states.Change) {
	for _, c := range changes {
		if len(r.changes) >= maxShown {
			r.more++
			continue
		}
		if rel != "" {
			c.What = rel + ": " + c.What
		}
		if r.diff += len(c.Diff); r.diff > maxShownDiff {
			c.Diff = ""
		}
		r.changes = append(r.changes, c)
	}
}

func (r *report) done() states.Changes {
	if r.more > 0 {
		return append(r.changes, states.Change{What: "more", To: fmt.Sprintf("%d further differences", r.more)})
	}
	return r.changes
}
