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
		o.least = w.Settle
		o.link = w.Link && !known      // who configured the path wants to know of what it leads to
		if o.validate(w.Path) == nil { // else nothing can be watched there: the full checks remain
			more.Paths[w.Path] = o
		}
	}
	return more
}

// notBefore is when a path may be told again: something that changes it without pause is told at most each least.
func (t *root) notBefore(path string, now time.Time) time.Time {
	if last, ok := t.told[path]; ok && now.Before(last.Add(t.options.least)) {
		return last.Add(t.options.least)
	}
	return now
}

// tell remembers when a path was told, where that matters.
func (t *root) tell(path string) {
	if t.options.least == 0 {
		return
	}
	if t.told == nil || len(t.told) >= maxTold {
		t.told = map[string]time.Time{} // who is forgotten is told once more
	}
	t.told[path] = time.Now()
}

// maxTold bounds the paths of one root whose last event is remembered.
const maxTold = 1024

func ptr(d time.Duration) *time.Duration { return &d }
