package file

import (
	"os"
	"slices"
	"testing"
	"time"

	"brine/beacons"
)

// BenchmarkToldAfter measures to the call of fire: from the end of a write, and from the start of the one system call that else makes
// the change.
func BenchmarkToldAfter(b *testing.B) {
	zero := time.Duration(0)
	for _, c := range []struct {
		way    string
		change func(b *testing.B, path string, i int) (from time.Time)
		undo   func(b *testing.B, path string)
	}{
		{"write", func(b *testing.B, p string, i int) time.Time { put(b, p, time.Now().String()); return time.Now() }, nil},
		{"rename", func(b *testing.B, p string, i int) time.Time {
			put(b, p+".new", time.Now().String())
			from := time.Now()
			must(b, os.Rename(p+".new", p))
			return from
		}, nil},
		{"chmod", func(b *testing.B, p string, i int) time.Time {
			from := time.Now()
			must(b, os.Chmod(p, os.FileMode(0o600|(i+1)%2<<2)))
			return from
		}, nil},
		{"remove", func(b *testing.B, p string, i int) time.Time {
			from := time.Now()
			must(b, os.Remove(p))
			return from
		}, func(b *testing.B, p string) { put(b, p, "x") }},
	} {
		b.Run(c.way, func(b *testing.B) {
			root := b.TempDir()
			put(b, root+"/f", "start")
			must(b, os.Chmod(root+"/f", 0o604))
			s := newStore()
			l := begin(b, root, s, &Config{Paths: map[string]Options{"/f": {Settle: &zero}}})
			told := make(chan time.Time, 1)
			s.mu.Lock()
			s.hook = func([]beacons.Signal) {
				select {
				case told <- time.Now():
				default: // the benchmark is over
				}
			}
			s.mu.Unlock()
			var took []time.Duration
			i := 0
			for b.Loop() {
				i++
				from := c.change(b, l.at("/f"), i)
				took = append(took, (<-told).Sub(from))
				if c.undo != nil {
					c.undo(b, l.at("/f"))
					<-told
				}
			}
			l.stop()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "median-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
