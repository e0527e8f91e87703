package beacons

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// memory is a Baseline.
type memory map[string][]byte

func (m memory) Get(key string) ([]byte, error) { return m[key], nil }

func (m memory) Each(prefix string, f func(string, []byte) error) error {
	for k, v := range m {
		if strings.HasPrefix(k, prefix) {
			if err := f(k, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// A crossing that cannot be kept is told later, as it was, before anything that comes after it; a restart in between forgets only what was
// never kept.
func TestLimitsTellWhatCouldNotBeKept(t *testing.T) {
	kept, full := memory{}, false
	var told []string
	fire := func(_ context.Context, signals ...Signal) error {
		if full {
			return errors.New("full")
		}
		for _, s := range signals {
			r := s.Data.(Reading)
			told = append(told, s.Tag+" "+r.Key+" "+r.State())
			for _, kv := range s.Set {
				if kv.Value == nil {
					delete(kept, kv.Key)
				} else {
					kept[kv.Key] = kv.Value
				}
			}
		}
		return nil
	}
	start := func() *Limits {
		l, err := NewLimits(Env{Baseline: kept}, fire, map[string]*Threshold{"high": {Above: Of(90, Percent)}, "low": {Below: Of(10, Percent)}})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	l := start()
	step := func(v float64) {
		now = now.Add(time.Second)
		for _, limit := range []string{"high", "low", "unknown"} {
			l.Step(t.Context(), limit, "a", now, v, func(r Reading) any { return r })
		}
	}
	step(50)
	full = true
	step(95) // not kept
	step(50) // and over already
	full = false
	step(50)
	step(5)
	l = start() // the same again
	step(5)
	l.Gone(t.Context(), "low", now, func(string) bool { return false }, func(r Reading) any { return r })
	want := []string{"high a entered", "high/cleared a left", "low a entered", "low/cleared a left"}
	if d := cmp.Diff(want, told); d != "" {
		t.Error(d)
	}
	if len(kept) != 0 {
		t.Errorf("kept: %v", kept)
	}
}

// A limit that was renamed while it was exceeded is told as left, once, also when that cannot be kept at first.
func TestLimitsThatAreNoMore(t *testing.T) {
	kept := memory{"limit/busy/eth0": []byte(`{"in":true,"since":"2026-03-01T00:00:00Z","worst":99}`), "limit/hot/a": []byte(`{"in":true}`), "limit/broken/": []byte(`{`)}
	full := true
	var told []string
	fire := func(_ context.Context, signals ...Signal) error {
		if full {
			return errors.New("full")
		}
		for _, s := range signals {
			r := s.Data.(Reading)
			told = append(told, s.Tag+" "+r.Key+" "+r.State())
			delete(kept, s.Set[0].Key)
		}
		return nil
	}
	l, err := NewLimits(Env{Baseline: kept}, fire, map[string]*Threshold{"hot": {Above: Of(90, Percent)}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		l.Step(t.Context(), "hot", "a", time.Now(), 99, func(r Reading) any { return r })
		full = false
	}
	if d := cmp.Diff([]string{"busy/cleared eth0 left"}, told); d != "" {
		t.Error(d)
	}
	if kept["limit/busy/eth0"] != nil || kept["limit/hot/a"] == nil {
		t.Errorf("kept: %v", kept)
	}
}
