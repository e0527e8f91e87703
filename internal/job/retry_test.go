package job

import (
	"testing"
	"time"
)

func TestWaitDoublesAndIsBounded(t *testing.T) {
	r := Retry{Attempts: 20, Backoff: time.Second}
	seen := map[time.Duration]bool{}
	for try, want := 1, time.Second; try <= 20; try++ {
		got := r.Wait("abcdefghijklmnop", "web1", try)
		if got < want-want/4 || got > want+want/4 {
			t.Errorf("try %d: %s, want about %s", try, got, want)
		}
		if got != r.Wait("abcdefghijklmnop", "web1", try) {
			t.Error("not the same twice")
		}
		seen[got] = true
		want = min(2*want, MaxBackoff)
	}
	if len(seen) < 18 || r.Wait("a", "web1", 1) == r.Wait("a", "web2", 1) {
		t.Error("no jitter")
	}
	if got := (Retry{Backoff: 2 * MaxBackoff}).Wait("a", "b", 1); got > MaxBackoff+MaxBackoff/4 {
		t.Error(got)
	}
}
