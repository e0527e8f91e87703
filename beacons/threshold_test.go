package beacons

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

// play steps a threshold through values one second apart, and writes what came of each: '.' nothing, '>' entered, '<' left.
func play(t *Threshold, values ...float64) string {
	var l Level
	var out strings.Builder
	for i, v := range values {
		var c Crossing
		l, c = t.Step(l, time.Unix(int64(i), 0), v)
		out.WriteByte(".><"[c])
	}
	return out.String()
}

func TestThreshold(t *testing.T) {
	for _, c := range []struct {
		what   string
		t      *Threshold
		values []float64
		want   string
	}{
		{"none", nil, []float64{100, 100}, ".."},
		{"off", &Threshold{Above: Of(1, Plain), Off: true}, []float64{100, 100}, ".."},
		{"at once, the limit itself is good", &Threshold{Above: Of(5, Plain)}, []float64{5, 6, 7, 5, 6}, ".>.<>"},
		{"below", &Threshold{Below: Of(5, Plain)}, []float64{5, 4, 3, 5}, ".>.<"},
		{"only when it lasts", &Threshold{Above: Of(5, Plain), For: 2 * time.Second}, []float64{6, 6, 5, 6, 6, 6, 6}, ".....>."},
		{"hysteresis", &Threshold{Above: Of(90, Percent), Clear: Of(70, Percent)}, []float64{91, 89, 71, 91, 70, 80}, ">...<."},
		{"the end must last too", &Threshold{Above: Of(5, Plain), ClearFor: 2 * time.Second}, []float64{6, 5, 6, 5, 5, 5}, ">....<"},
		{"no number", &Threshold{Above: Of(5, Plain), For: time.Second}, []float64{6, math.NaN(), 6}, "..>"},
		{"infinite", &Threshold{Above: Of(5, Plain)}, []float64{math.Inf(1)}, ">"},
	} {
		if got := play(c.t, c.values...); got != c.want {
			t.Errorf("%s: %q; want %q", c.what, got, c.want)
		}
	}
}

// What is told of a time beyond the limit: since when, and its worst value.
func TestThresholdTellsSinceAndWorst(t *testing.T) {
	th := &Threshold{Above: Of(5, Plain), For: 2 * time.Second, Clear: Of(3, Plain)}
	var l Level
	for i, v := range []float64{7, 9, 6, 12, 4} {
		l, _ = th.Step(l, time.Unix(int64(i), 0), v)
	}
	if !l.In || !l.Since.Equal(time.Unix(0, 0)) || l.Worst != 12 {
		t.Errorf("%+v", l)
	}
}

func TestThresholdWhenTheClockStepsBack(t *testing.T) {
	th := &Threshold{Above: Of(5, Plain), For: time.Minute}
	l, _ := th.Step(Level{}, time.Unix(5000, 0), 6)
	l, _ = th.Step(l, time.Unix(100, 0), 6)
	if _, c := th.Step(l, time.Unix(160, 0), 6); c != Entered {
		t.Error("a clock that stepped back holds up the threshold")
	}
}

type baseline map[string][]byte

func (b baseline) Get(key string) ([]byte, error) { return b[key], nil }

func (b baseline) Each(prefix string, f func(string, []byte) error) error {
	for k, v := range b {
		if strings.HasPrefix(k, prefix) {
			if err := f(k, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b baseline) set(kv KV) {
	if b[kv.Key] = kv.Value; kv.Value == nil {
		delete(b, kv.Key)
	}
}

func TestLevelsAreToldOnce(t *testing.T) {
	th, kept := &Threshold{Above: Of(5, Plain)}, baseline{}
	open := func(fresh bool) *Levels {
		ls, err := th.Levels(kept, "t/", fresh)
		if err != nil {
			t.Fatal(err)
		}
		return ls
	}
	now := time.Unix(1, 0)
	ls := open(false)
	if c := ls.Step("a", now, 6); c.Crossing != Entered {
		t.Fatal("not entered")
	}
	c := ls.Step("a", now, 8) // what was not kept comes again
	if c.Crossing != Entered || c.Worst != 8 {
		t.Fatalf("%+v", c)
	}
	kept.set(c.Set)
	ls.Keep(c)
	if c := open(false).Step("a", now, 6); c.Crossing != Stays {
		t.Error("told again after a restart")
	}
	if c := open(true).Step("a", now, 6); c.Crossing != Entered {
		t.Error("not told, though asked for at the start")
	}
	ls = open(false)
	if c := ls.Step("b", now, 1); c.Crossing != Stays {
		t.Error("b was never entered")
	}
	c = ls.Step("a", now, 1)
	if c.Crossing != Left || c.Worst != 8 || c.Since.IsZero() {
		t.Errorf("%+v", c)
	}
	kept.set(c.Set)
	ls.Keep(c)
	if len(kept) != 0 {
		t.Errorf("kept %q", kept)
	}
}

func TestLevelsGone(t *testing.T) {
	th := &Threshold{Above: Of(5, Plain)}
	ls, _ := th.Levels(baseline{"t/a": []byte(`{"in":true,"worst":9}`), "t/broken": []byte("{")}, "t/", false)
	c := ls.Gone("a")
	if c.Crossing != Left || c.Worst != 9 || c.Set.Key != "t/a" || c.Set.Value != nil {
		t.Errorf("%+v", c)
	}
	ls.Keep(c)
	if c := ls.Gone("a"); c.Crossing != Stays {
		t.Errorf("gone twice: %+v", c)
	}
}

func TestQuantity(t *testing.T) {
	for in, want := range map[string]Quantity{
		"90%": {90, Percent}, "90 %": {90, Percent}, "0": {0, Plain}, "1.5": {1.5, Plain}, "512B": {512, Bytes}, "2KiB": {2048, Bytes}, "2kB": {2000, Bytes},
		"1.5GiB": {1.5 * (1 << 30), Bytes}, "30s": {30, Seconds}, "5m": {300, Seconds}, "250ms": {0.25, Seconds}, "7d": {604800, Seconds},
		"100/s": {100, PerSecond}, "10MiB/s": {10 << 20, BytesPerSecond},
	} {
		var q Quantity
		if err := q.UnmarshalText([]byte(in)); err != nil || q != want {
			t.Errorf("%s: %v, %v; want %v", in, q, err, want)
			continue
		}
		var again Quantity
		if err := again.UnmarshalText([]byte(q.String())); err != nil || again != q {
			t.Errorf("%s is written as %q, which is %v, %v", in, q, again, err)
		}
	}
	for _, in := range []string{"", "%", "-1", "abc", "1e999", "nan", "inf", "5x", "5%/s", "1h/s", "90%%", strings.Repeat("9", 1000)} {
		var q Quantity
		if err := q.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q is taken for %v", in, q)
		} else if len(err.Error()) > 200 {
			t.Errorf("%d bytes of message", len(err.Error()))
		}
	}
}

func FuzzQuantity(f *testing.F) {
	for _, s := range []string{"90%", "1.5GiB", "30s", "10MiB/s", "1e3", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var q, again Quantity
		if q.UnmarshalText([]byte(s)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(q.String())); err != nil {
			t.Errorf("%q is written as %q: %v", s, q, err)
		} else if math.Abs(again.Value-q.Value) > 1e-9*q.Value || again.Unit != q.Unit {
			t.Errorf("%q: %v is written as %q, which is %v", s, q.Value, q, again.Value)
		}
	})
}

func TestThresholdRefused(t *testing.T) {
	for want, th := range map[string]*Threshold{
		"want one of above and below":  {},
		"want one of":                  {Above: Of(1, Plain), Below: Of(1, Plain)},
		"for is -1s":                   {Above: Of(1, Plain), For: -time.Second},
		"for is 200h0m0s; want 0s to":  {Above: Of(1, Plain), For: 200 * time.Hour},
		"clear_for is":                 {Above: Of(1, Plain), ClearFor: 200 * time.Hour},
		"want the same unit":           {Above: Of(1, Plain), Clear: Of(1, Percent)},
		"clear is 2, above the limit":  {Above: Of(1, Plain), Clear: Of(2, Plain)},
		"clear is 1, below the limit":  {Below: Of(2, Plain), Clear: Of(1, Plain)},
		"high: 5 is a plain number":    {Above: Of(5, Plain)},
		"high: 105% is too much; want": {Above: Of(105, Percent)},
	} {
		if err := th.Check("high", Percent, 100); err == nil || !strings.Contains(err.Error(), want) {
			if strings.HasPrefix(want, "want one") && !th.On() {
				err = th.Validate() // without a limit there is nothing to check but the whole
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v; want it to say %q", err, want)
			}
		}
	}
	if err := (&Threshold{Off: true}).Check("high", Percent, 100); err != nil {
		t.Error(err)
	}
	if err := (*Threshold)(nil).Check("high", Percent, 100); err != nil {
		t.Error(err)
	}
}

func TestNextTick(t *testing.T) {
	for _, c := range []struct{ since, interval, want time.Duration }{
		{-3 * time.Second, 10 * time.Second, 3 * time.Second},
		{0, 10 * time.Second, 10 * time.Second},
		{4 * time.Second, 10 * time.Second, 6 * time.Second},
		{10 * time.Second, 10 * time.Second, 10 * time.Second},
		{34 * time.Second, 10 * time.Second, 6 * time.Second}, // three ticks were missed: they are left out
	} {
		if got := nextTick(c.since, c.interval); got != c.want {
			t.Errorf("%s after a tick of %s: %s; want %s", c.since, c.interval, got, c.want)
		}
	}
}

var errDone = errors.New("done")

func TestEvery(t *testing.T) {
	n := 0
	err := Env{Interval: time.Millisecond}.Every(t.Context(), func(time.Time) error {
		if n++; n == 5 {
			return errDone
		}
		return nil
	})
	if err != errDone || n != 5 {
		t.Errorf("%d samples, %v", n, err)
	}
}

func TestEveryPauses(t *testing.T) {
	pause, asked := make(chan struct{}), make(chan string, 100)
	e := Env{Interval: time.Millisecond, Paused: func() <-chan struct{} {
		asked <- "asked"
		select {
		case <-pause:
			return nil
		default:
			return pause
		}
	}}
	done := make(chan error, 1)
	go func() { done <- e.Every(t.Context(), func(time.Time) error { asked <- "sampled"; return errDone }) }()
	<-asked
	close(pause)
	var order []string
	if err := <-done; err != errDone {
		t.Fatal(err)
	}
	for len(asked) > 0 {
		order = append(order, <-asked)
	}
	if strconv.Quote(strings.Join(order, " ")) != `"asked sampled"` {
		t.Errorf("%q: want to be asked again after the pause, then one sample", order)
	}
}
