package file_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime"
	"testing"

	"brine/internal/statetest"
	"brine/states"
	"brine/states/file"
)

// zeros is size bytes of nothing that take no room.
func zeros(size int64) io.Reader { return io.LimitReader(zero{}, size) }

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A large file passes through in pieces: what is taken from memory does not follow its size.
func TestLargeFilesTakeNoMemory(t *testing.T) {
	size := int64(256 << 20)
	if testing.Short() {
		size = 16 << 20
	}
	h := statetest.NewHost(t)
	h.Mkdir("/srv")
	f, err := os.Create(h.Abs("/srv/large")) // what is there is as large, and sparse
	must(t, err)
	must(t, f.Truncate(size+1))
	must(t, f.Close())
	sum := sha256.New()
	_, err = io.Copy(sum, zeros(size))
	must(t, err)
	s := &file.Managed{Name: "/srv/large", Source: &states.Source{URL: "brine://large", Hash: hex.EncodeToString(sum.Sum(nil)), Size: size}}
	env := h.Env(false)
	env.Content = func(string) (io.ReadCloser, error) { return io.NopCloser(zeros(size)), nil }
	env.Replaced = nil
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	changes, err := s.Check(ctx, env)
	must(t, err)
	must(t, s.Apply(ctx, env, changes))
	left, err := s.Check(ctx, env)
	must(t, err)
	runtime.ReadMemStats(&after)
	if len(changes) != 1 || changes[0].Diff != "" || len(left) != 0 {
		t.Errorf("changes %v, left %v", changes, left)
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 4<<20 {
		t.Errorf("%d bytes were taken from memory for a file of %d", taken, size)
	}
}
