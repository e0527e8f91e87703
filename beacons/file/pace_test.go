package file

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"brine/beacons"
)

// What somebody fights over is told now and then, and watched again when that is over; its neighbour is told as ever.
func TestPace(t *testing.T) {
	root := t.TempDir()
	put(t, root+"/war", "0")
	put(t, root+"/peace", "0")
	var pace atomic.Int64
	zero := time.Duration(0)
	c := &Config{Paths: map[string]Options{"/war": {Settle: &zero}, "/peace": {Settle: &zero}}}
	l := begin(t, root, newStore(), c, func(e *beacons.Env) {
		e.Pace = func(p string) time.Duration {
			if p != "/war" {
				return 0
			}
			return time.Duration(pace.Load())
		}
	})
	tags := func(tag string) (n int) { // the caller holds the store
		for _, s := range l.signals {
			if s.Tag == tag {
				n++
			}
		}
		return n
	}
	pace.Store(int64(300 * time.Millisecond))
	const writes = 200
	for i := range writes {
		put(t, root+"/war", fmt.Sprint("war ", i))
		time.Sleep(time.Millisecond)
	}
	put(t, root+"/peace", "1")
	l.until(t, "the neighbour is told", func() bool { return tags("peace") == 1 })
	l.until(t, "what came of the war is told", func() bool { return tags("war") > 0 && l.signals[len(l.signals)-1].Tag == "war" })
	l.mu.Lock()
	if n := tags("war"); n > writes/10 {
		t.Errorf("told %d times", n)
	}
	l.mu.Unlock()
	pace.Store(0)
	for i := range 2 { // the second is noted by the watch, or the test would take its minute
		put(t, root+"/war", fmt.Sprint("after ", i))
		sum := l.sum(fmt.Sprint("after ", i))
		l.until(t, "it is told again", func() bool {
			d, ok := l.signals[len(l.signals)-1].Data.(Data)
			return ok && d.After != nil && d.After.SHA256 == sum
		})
	}
}
