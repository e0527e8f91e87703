package outbox

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"brine/internal/wire"
)

var benchEvent = wire.Event{Tag: "brine/beacon/web1/file/etc/motd", Data: make([]byte, 250)}

// BenchmarkCommit is one event and its baseline, alone, acknowledged later: the way of every beacon's signal.
func BenchmarkCommit(b *testing.B) {
	for _, backlog := range []int{0, 100_000} {
		b.Run(fmt.Sprintf("backlog=%d", backlog), func(b *testing.B) {
			o := open(b, file(b), Options{})
			for range backlog / 1000 {
				var tx Tx
				for range 1000 {
					tx.Events = append(tx.Events, benchEvent)
				}
				commit(b, o, tx)
			}
			value := make([]byte, 100)
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				first := commit(b, o, Tx{Events: []wire.Event{benchEvent}, Baselines: []KV{{"file", fmt.Sprint("/etc/", len(took)%50), value}}})
				took = append(took, time.Since(start))
				if backlog == 0 {
					if err := o.Ack(first, nil); err != nil {
						b.Fatal(err)
					}
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// BenchmarkCommitTogether is many callers at once.
func BenchmarkCommitTogether(b *testing.B) {
	o := open(b, file(b), Options{MaxBytes: 4 << 30})
	b.SetParallelism(64)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			commit(b, o, Tx{Events: []wire.Event{benchEvent}})
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkRead is what the uplink does with a backlog.
func BenchmarkRead(b *testing.B) {
	o := open(b, file(b), Options{})
	var tx Tx
	for range 1000 {
		tx.Events = append(tx.Events, benchEvent)
	}
	commit(b, o, tx)
	for b.Loop() {
		if list, err := o.Read(1, wire.MaxBatch, wire.MaxBatchBytes); err != nil || len(list) != 1000 {
			b.Fatal(len(list), err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "events/s")
}
