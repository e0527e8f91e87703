package beacons

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestSpeeds(t *testing.T) {
	s, start := NewSpeeds(10*time.Second), time.Unix(1000, 0)
	at := func(seconds int) { s.Advance(start.Add(time.Duration(seconds) * time.Second)) }
	at(0)
	s.Add("a")
	s.Add("a")
	at(5)
	s.Add("a")
	s.Add("b")
	if s.Of("a") != 3 || s.Of("b") != 1 || s.Of("c") != 0 {
		t.Error(s.Of("a"), s.Of("b"), s.Of("c"))
	}
	at(10) // the first second has left the window
	if s.Of("a") != 1 || !slices.Equal(s.Keys(), []string{"a", "b"}) {
		t.Error(s.Of("a"), s.Keys())
	}
	at(3) // a clock that goes back forgets nothing
	at(30)
	if len(s.Keys()) != 0 || s.Has("a") {
		t.Error(s.Keys())
	}
	for i := range 2 * MaxSpeedKeys {
		s.Add(strconv.Itoa(i))
	}
	if len(s.Keys()) > MaxSpeedKeys+1 || s.Of("") != MaxSpeedKeys {
		t.Error("not bounded:", len(s.Keys()), s.Of(""))
	}
}
