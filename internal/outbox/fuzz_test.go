package outbox

import (
	"bytes"
	"os"
	"testing"

	"brine/internal/wire"
)

// FuzzInspect reads any bytes as a file of bbolt's: no panic, no endless walk, and of a whole file every record.
func FuzzInspect(f *testing.F) {
	path := file(f)
	o := open(f, path, Options{})
	for range 40 {
		commit(f, o, Tx{Events: []wire.Event{{Tag: "a", Data: make([]byte, 150)}}, Baselines: []KV{{"b", "k", []byte("v")}}})
	}
	if err := o.Close(); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	whole = bytes.TrimRight(whole, "\x00")
	whole = append(whole, make([]byte, 4096-len(whole)%4096)...)
	f.Add(whole, 0, byte(0))
	f.Add(whole, 4096*2+8, byte(1))
	f.Add([]byte{}, 0, byte(0))
	f.Fuzz(func(t *testing.T, b []byte, at int, flip byte) {
		b = bytes.Clone(b)
		if at >= 0 && at < len(b) {
			b[at] ^= flip
		}
		var s survey
		_, s.faults = inspect(bytes.NewReader(b), int64(len(b)), s.record)
		s.damages()
		for _, d := range []([]byte){b, b[min(len(b), 4):]} {
			_, _ = decodeBook(d)
			_, _ = decodeDead(d)
		}
	})
}
