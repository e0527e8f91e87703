package eventlog

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/wire"
)

// maker makes events of about 300 bytes, as the minions of a small fleet send them.
type maker struct {
	pos  uint64
	seq  map[string]uint64
	tags int
	at   time.Time
}

func newMaker(next uint64, tags int) *maker {
	return &maker{pos: next, seq: map[string]uint64{}, tags: tags, at: time.Unix(1_700_000_000, 0)}
}

const benchInc = event.Incarnation(77)

var benchData = func() event.Data {
	d, err := event.Encode(map[string]any{"path": "/etc/motd", "change": "modified", "before": map[string]any{"size": 1024, "sha256": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
		"after": map[string]any{"size": 1025, "sha256": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "mode": "0644", "user": "root"}})
	if err != nil {
		panic(err)
	}
	return d
}()

func (m *maker) next(minion string) (event.Event, wire.RawEvent) {
	m.seq[minion]++
	m.at = m.at.Add(time.Millisecond)
	w := wire.Event{Seq: m.seq[minion], Time: m.at.UnixNano(), Data: benchData,
		Tag: fmt.Sprintf("brine/beacon/%s/file/etc/conf.d/%d", minion, m.pos%uint64(m.tags))}
	e := event.Event{ID: event.ID{Origin: minion, Inc: benchInc, Seq: w.Seq}, Pos: m.pos, Received: m.at, Minion: minion, Tag: w.Tag}
	m.pos++
	return e, wire.EncodeEvent(w)
}

func BenchmarkCommit(b *testing.B) {
	for _, size := range []int{1, 64, 1000} {
		for _, tags := range []int{10, 1_000_000} {
			b.Run(fmt.Sprintf("events=%d/tags=%d", size, tags), func(b *testing.B) { benchCommit(b, size, tags) })
		}
	}
}

func benchCommit(b *testing.B, size, tags int) {
	l, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	m := newMaker(1, tags)
	type made struct {
		e   event.Event
		raw wire.RawEvent
	}
	var took []time.Duration
	bytes := 0
	for b.Loop() {
		b.StopTimer()
		events := make([]made, size)
		minion := fmt.Sprintf("web%d", len(took)%8)
		for i := range events {
			events[i].e, events[i].raw = m.next(minion)
			bytes += len(events[i].raw)
		}
		b.StartTimer()
		begin := time.Now()
		batch := l.NewBatch()
		for _, x := range events {
			batch.Append(x.e, x.raw)
		}
		batch.SetHighWater(HighWater{Minion: minion, Inc: benchInc, Seq: m.seq[minion]})
		if err := l.Commit(batch); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	b.ReportMetric(float64(size*len(took))/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(bytes)/float64(size*len(took)), "bytes/event")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
}

// fill appends n events in batches of 1000, one in rare of which has the tag "ops/rare".
func fill(tb testing.TB, l *Log, n, rare int) {
	_, last := l.Head()
	m := newMaker(last+1, 50)
	for done := 0; done < n; {
		batch := l.NewBatch()
		for range min(1000, n-done) {
			done++
			e, raw := m.next(fmt.Sprintf("web%d", done/100%10))
			if rare > 0 && done%rare == 0 {
				e.Tag = "ops/rare"
				raw = wire.EncodeEvent(wire.Event{Seq: e.ID.Seq, Time: e.Received.UnixNano(), Tag: e.Tag})
			}
			batch.Append(e, raw)
		}
		if err := l.Commit(batch); err != nil {
			tb.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	l, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	const n = 1_000_000
	fill(b, l, n, n/10)
	rare, _ := event.ParsePattern("ops/*")
	count := func(b *testing.B, q Query, want int) {
		b.Helper()
		for b.Loop() {
			got := 0
			for _, err := range l.Scan(context.Background(), q) {
				if err != nil {
					b.Fatal(err)
				}
				got++
			}
			if got != want {
				b.Fatalf("%d events, want %d", got, want)
			}
		}
	}
	b.Run("rare tag in 1M", func(b *testing.B) { count(b, Query{Tag: &rare}, 10) })
	b.Run("last 100", func(b *testing.B) { count(b, Query{Reverse: true, Limit: 100}, 100) })
	b.Run("all 1M", func(b *testing.B) { count(b, Query{}, n) })
	b.Run("since, last 50 of 1M", func(b *testing.B) {
		e, _ := l.Get(n - 49)
		count(b, Query{Since: e.Received}, 50)
	})
	b.Run("find", func(b *testing.B) {
		id := event.ID{Origin: "web3", Inc: benchInc, Seq: 51_234}
		for b.Loop() {
			if _, ok, err := l.Find(id); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
	b.Run("get", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Get(n / 3); err != nil {
				b.Fatal(err)
			}
		}
	})
}
