package file

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"brine/beacons"
)

// BenchmarkToldAfter measures to the call of fire: from the end of a write, and from the start of the one system call that else makes
// the change.
func BenchmarkToldAfter(b *testing.B) {
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
		for _, who := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/actor=%v", c.way, who), func(b *testing.B) {
				benchmarkToldAfter(b, who, c.change, c.undo)
			})
		}
	}
}

func benchmarkToldAfter(b *testing.B, who bool, change func(*testing.B, string, int) time.Time, undo func(*testing.B, string)) {
	root := b.TempDir()
	put(b, root+"/f", "start")
	must(b, os.Chmod(root+"/f", 0o604))
	s := newStore()
	zero := time.Duration(0)
	l := begin(b, root, s, &Config{Paths: map[string]Options{"/f": {Settle: &zero}}}, func(e *beacons.Env) {
		if who {
			(&actors{}).ask(e)
		}
	})
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
		from := change(b, l.at("/f"), i)
		took = append(took, (<-told).Sub(from))
		if undo != nil {
			undo(b, l.at("/f"))
			<-told
		}
	}
	l.stop()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "median-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkStart measures the time from the start until 100,000 files in 1,000 folders are watched and known, for the first time and
// again, and the memory that they take.
func BenchmarkStart(b *testing.B) {
	root := b.TempDir()
	for i := range 1000 {
		dir := fmt.Sprintf("%s/tree/%d", root, i)
		must(b, os.MkdirAll(dir, 0o755))
		for j := range 100 {
			put(b, fmt.Sprintf("%s/%d", dir, j), "some text")
		}
	}
	s := newStore()
	for _, again := range []bool{false, true} {
		b.Run(fmt.Sprintf("again=%v", again), func(b *testing.B) {
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				l := begin(b, root, s, paths("/tree/**"), (&actors{}).ask)
				put(b, l.at(probes)+"/p", "x")
				l.until(b, "a probe", func() bool { return len(l.signals) > 0 })
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapInuse-before.HeapInuse)/(1<<20), "MiB")
				must(b, os.Remove(l.at(probes)+"/p"))
				l.until(b, "its end", func() bool { return len(l.signals) > 1 })
				l.stop()
				l.take()
				b.StartTimer()
			}
		})
	}
}
