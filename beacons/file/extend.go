package file

import (
	"maps"
	"time"

	"brine/beacons"
)

// Extend adds what enforced states want watched. Where a path is configured too, it keeps its options, but is told at once.
func (c *Config) Extend(watches []beacons.Watch) beacons.Config {
	more := &Config{Paths: maps.Clone(c.Paths)}
	if more.Paths == nil {
		more.Paths = map[string]Options{}
	}
	for _, w := range watches {
		o, known := more.Paths[w.Path]
		o.Settle = ptr(time.Duration(0))
		o.Recurse = o.Recurse || w.Recurse
		o.link = w.Link && !known      // who configured the path wants to know of what it leads to
		if o.validate(w.Path) == nil { // else nothing can be watched there: the full checks remain
			more.Paths[w.Path] = o
		}
	}
	return more
}

func ptr(d time.Duration) *time.Duration { return &d }
