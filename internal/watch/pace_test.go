package watch

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pacer{most: 3}
		step := func(dull bool, after time.Duration, want bool, what string) {
			t.Helper()
			time.Sleep(after)
			if got := p.next(dull); got != want {
				t.Errorf("%s: rest is %v", what, got)
			}
		}
		for range 3 {
			step(true, time.Millisecond, false, "a few dull ones")
		}
		step(true, time.Millisecond, true, "one more")
		step(true, dullRest, true, "it goes on")
		step(false, dullRest, false, "one that tells something")
		for range 3 {
			step(true, time.Millisecond, false, "a few dull ones after it")
		}
		step(true, time.Millisecond, true, "again one more")
		for range 20 {
			step(true, dullTime+time.Millisecond, false, "now and then")
		}
	})
}
