package beacons

import (
	"testing"
	"time"
)

func TestStreak(t *testing.T) {
	for _, c := range []struct{ what, probes, want string }{
		{"up from the first", "+++", "u.."},
		{"down after three", "+---+--", "u..d..."},
		{"up after two", "+---+-++", "u..d...u"},
		{"down from the first", "---++", "..d.u"},
		{"one that fails now and then", "+-+--+-", "u......"},
	} {
		var s Streak
		var got []byte
		for i, p := range c.probes {
			var turned bool
			if s, turned = s.Step(p == '+', time.Unix(int64(i), 0), 3, 2); !turned {
				got = append(got, '.')
			} else if s.Down {
				got = append(got, 'd')
			} else {
				got = append(got, 'u')
			}
		}
		if string(got) != c.want {
			t.Errorf("%s: %s; want %s", c.what, got, c.want)
		}
	}
	var s Streak
	for i, ok := range []bool{true, false, false, false} {
		s, _ = s.Step(ok, time.Unix(int64(i), 0), 3, 2)
	}
	if !s.Down || !s.Since.Equal(time.Unix(1, 0)) {
		t.Errorf("%+v: want the time of the first failure", s)
	}
}
