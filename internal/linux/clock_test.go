package linux

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestClockOf(t *testing.T) {
	for _, c := range []struct {
		in   unix.Timex
		want Clock
	}{
		{unix.Timex{Status: 0x2001, Offset: -1500, Esterror: 20, Maxerror: 500}, Clock{true, -1500, 20 * time.Microsecond, 500 * time.Microsecond}},
		{unix.Timex{Status: 1, Offset: 1500}, Clock{Synchronised: true, Offset: 1500 * time.Microsecond}},
		{unix.Timex{Status: 0x40, Esterror: 16000000, Maxerror: 16000000}, Clock{false, 0, 16 * time.Second, 16 * time.Second}},
	} {
		if got := clockOf(c.in); got != c.want {
			t.Errorf("%+v: %+v; want %+v", c.in, got, c.want)
		}
	}
}

// The clock of this machine is never set: what is seen is that it was not, and that the wait ends.
func TestClockSet(t *testing.T) {
	c, err := OpenClockSet()
	if err != nil {
		t.Skip("this kernel does not tell: ", err)
	}
	defer c.Close()
	before, err := WallSinceBoot()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if set, err := c.Wait(ctx); err != nil || set {
		t.Errorf("set: %v, %v", set, err)
	}
	after, err := WallSinceBoot()
	if d := (after - before).Abs(); err != nil || d > 10*time.Millisecond {
		t.Errorf("%s apart, %v", d, err)
	}
}

func TestReadClock(t *testing.T) {
	c, err := ReadClock()
	if err != nil {
		t.Skip(err)
	}
	if c.Most < 0 || c.Estimated < 0 || c.Most > time.Minute {
		t.Errorf("%+v", c)
	}
	t.Logf("%+v", c)
}
