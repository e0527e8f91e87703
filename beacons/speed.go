package beacons

import (
	"maps"
	"slices"
	"time"
)

// Bounds of what one Speeds counts by.
const (
	MaxSpeedKeys = 4096 // past them, what is new is counted under no key
	slots        = 10   // of a window: it moves by a tenth
)

// Speeds count what happened within a window that ends now, by key. Call Advance before Add and Of.
type Speeds struct {
	width time.Duration // of a slot
	slot  int64         // the newest, counted from the beginning of time
	count map[string]*[slots]int64
}

// NewSpeeds makes one for a window of at least 10 ns.
func NewSpeeds(within time.Duration) *Speeds {
	return &Speeds{width: within / slots, count: map[string]*[slots]int64{}}
}

// Advance lets time pass. Keys of which nothing is left are forgotten.
func (s *Speeds) Advance(now time.Time) {
	slot := now.UnixNano() / int64(s.width)
	passed := slot - s.slot
	s.slot = slot
	if passed <= 0 { // or the clock went back: what was counted stays where it is
		return
	}
	for k, c := range s.count {
		for i := range min(passed, slots) {
			c[(slot-i)%slots] = 0
		}
		if *c == ([slots]int64{}) {
			delete(s.count, k)
		}
	}
}

// Add counts one.
func (s *Speeds) Add(key string) {
	c := s.count[key]
	if c == nil {
		if len(s.count) >= MaxSpeedKeys {
			key = ""
		}
		if c = s.count[key]; c == nil {
			c = new([slots]int64)
			s.count[key] = c
		}
	}
	c[s.slot%slots]++
}

// Of is how many came within the window.
func (s *Speeds) Of(key string) (n int64) {
	if c := s.count[key]; c != nil {
		for _, v := range c {
			n += v
		}
	}
	return n
}

// Keys are those of which something came within the window, in order.
func (s *Speeds) Keys() []string { return slices.Sorted(maps.Keys(s.count)) }

// Has reports whether something came under a key within the window.
func (s *Speeds) Has(key string) bool { return s.count[key] != nil }
