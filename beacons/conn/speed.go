package conn

import "time"

// Bounds of what one watch counts by.
const (
	maxKeys = 4096 // past them, what is new is counted under no key
	slots   = 10   // of a window: it moves by a tenth
)

// speeds count the connections of the last window, by key.
type speeds struct {
	width time.Duration // of a slot
	slot  int64         // the newest, counted from the beginning of time
	count map[string]*[slots]int64
}

func newSpeeds(within time.Duration) *speeds {
	return &speeds{width: within / slots, count: map[string]*[slots]int64{}}
}

// advance lets time pass. Keys of which nothing is left are forgotten.
func (s *speeds) advance(now time.Time) {
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

// add counts one connection.
func (s *speeds) add(key string) {
	c := s.count[key]
	if c == nil {
		if len(s.count) >= maxKeys {
			key = ""
		}
		if c = s.count[key]; c == nil {
			c = new([slots]int64)
			s.count[key] = c
		}
	}
	c[s.slot%slots]++
}

// of is how many came within the window.
func (s *speeds) of(key string) (n int64) {
	if c := s.count[key]; c != nil {
		for _, v := range c {
			n += v
		}
	}
	return n
}
