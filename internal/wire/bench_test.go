package wire

import (
	"testing"

	"brine/internal/event"
)

// benchEvent is about 300 bytes, as most are.
func benchEvent() Event {
	return Event{Seq: 123456, Time: 1795300000000000000, Tag: "brine/beacon/web1/file/etc/nginx/nginx.conf", Causes: []event.ID{cause1}, Depth: 1, Data: make([]byte, 215)}
}

func BenchmarkEncodeEvent(b *testing.B) {
	e := benchEvent()
	b.ReportAllocs()
	b.SetBytes(int64(len(EncodeEvent(e))))
	for b.Loop() {
		EncodeEvent(e)
	}
}

func BenchmarkDecodeEvent(b *testing.B) {
	e := benchEvent()
	b.Run("cause", func(b *testing.B) { benchDecode(b, EncodeEvent(e)) })
	e.Causes = nil
	b.Run("none", func(b *testing.B) { benchDecode(b, EncodeEvent(e)) })
}

func benchDecode(b *testing.B, raw RawEvent) {
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := DecodeEvent(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEventsBatch is what the master does with a batch: the frame, then every event and the sum of the last.
func BenchmarkEventsBatch(b *testing.B) {
	m := &Events{First: 1}
	for range 1000 {
		m.Events = append(m.Events, EncodeEvent(benchEvent()))
	}
	frame, err := Encode(m)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Encode(m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			got, err := DecodeUp(frame)
			if err != nil {
				b.Fatal(err)
			}
			list := got.(*Events).Events
			for _, raw := range list {
				if _, err := DecodeEvent(raw); err != nil {
					b.Fatal(err)
				}
			}
			Sum(list[len(list)-1])
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
	})
}
