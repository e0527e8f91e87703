package file

import (
	"maps"
	"time"

	"brine/beacons"
)

// Extend adds what enforced states want watched. Where a path is configured too, it keeps its options, but is told as soon
// as the state wants it.
func (c *Config) Extend(watches []beacons.Watch) beacons.Config {
	more := &Config{Paths: maps.Clone(c.Paths)}
	if more.Paths == nil {
		more.Paths = map[string]Options{}
	}
	for _, w := range watches {
		o, known := more.Paths[w.Path]
		settle := min(max(w.Settle, 0), MaxSettle)
		if !known || settle < o.settle() || w.Settle > 0 {
			o.Settle = ptr(settle)
		}
		o.Recurse = o.Recurse || w.Recurse
		if o.validate(w.Path) == nil { // else nothing can be watched there: the full checks remain
			more.Paths[w.Path] = o
		}
	}
	return more
}

func ptr(d time.Duration) *time.Duration { return &d }
