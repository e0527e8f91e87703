package converge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/states"
	"brine/states/file"
)

type ctxType = context.Context

// master serves content in pieces, and can break.
type master struct {
	content map[string][]byte
	piece   int
	asked   []int64 // the offsets
	breakAt int64   // from this offset on, once
}

func (m *master) add(text string) job.Content {
	sum := sha256.Sum256([]byte(text))
	hash := hex.EncodeToString(sum[:])
	m.content[hash] = []byte(text)
	return job.Content{Hash: hash, Size: int64(len(text))}
}

var errBroken = errors.New("the connection broke")

func (m *master) get(_ context.Context, hash string, at int64) ([]byte, int64, error) {
	m.asked = append(m.asked, at)
	if m.breakAt > 0 && at >= m.breakAt {
		m.breakAt = 0
		return nil, 0, errBroken
	}
	b, ok := m.content[hash]
	if !ok {
		return nil, 0, errors.New("no such content")
	}
	return b[at:min(int(at)+m.piece, len(b))], int64(len(b)), nil
}

func newCache(t *testing.T, max int64) (*Cache, *master, string) {
	t.Helper()
	m := &master{content: map[string][]byte{}, piece: 4}
	dir := filepath.Join(t.TempDir(), "content")
	now := time.Unix(1e9, 0)
	c, err := OpenCache(dir, CacheOptions{MaxBytes: max, Get: m.get, Now: func() time.Time { now = now.Add(time.Second); return now }})
	must(t, err)
	return c, m, dir
}

func read(t *testing.T, c *Cache, hash string) (string, error) {
	t.Helper()
	r, err := c.Open(hash)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func TestCacheFetchesOnceAndGoesOnWhereItBroke(t *testing.T) {
	c, m, dir := newCache(t, 1000)
	want := m.add("0123456789")
	m.breakAt = 8
	if err := c.Fetch(ctx, want); !errors.Is(err, errBroken) {
		t.Fatalf("%v; want %v", err, errBroken)
	}
	reopened, err := OpenCache(dir, c.opt) // as after a restart
	must(t, err)
	must(t, reopened.Fetch(ctx, want))
	must(t, reopened.Fetch(ctx, want))
	if len(m.asked) != 4 || m.asked[3] != 8 {
		t.Errorf("asked for the offsets %v; want 0 4 8 8", m.asked)
	}
	if got, err := read(t, reopened, want.Hash); err != nil || got != "0123456789" {
		t.Errorf("%q, %v", got, err)
	}
	if reopened.Bytes() != 10 {
		t.Errorf("%d bytes are counted", reopened.Bytes())
	}
	empty := m.add("")
	must(t, reopened.Fetch(ctx, empty))
	if got, err := read(t, reopened, empty.Hash); err != nil || got != "" {
		t.Errorf("empty content: %q, %v", got, err)
	}
}

func TestCacheBelievesNothing(t *testing.T) {
	c, m, dir := newCache(t, 1000)
	good := m.add("good")
	for name, bad := range map[string]job.Content{
		"a path":       {Hash: "../../etc/passwd", Size: 4},
		"upper case":   {Hash: strings.ToUpper(good.Hash), Size: 4},
		"negative":     {Hash: good.Hash, Size: -1},
		"another size": {Hash: good.Hash, Size: 5},
		"unknown":      {Hash: strings.Repeat("0", 64), Size: 5},
	} {
		if err := c.Fetch(ctx, bad); err == nil {
			t.Errorf("%s: fetched", name)
		}
	}
	m.content[good.Hash] = []byte("evil")
	if err := c.Fetch(ctx, good); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v; want %v", err, ErrDamaged)
	}
	m.content[good.Hash] = []byte("good")
	must(t, c.Fetch(ctx, good))
	must(t, os.WriteFile(filepath.Join(dir, good.Hash), []byte("gOod"), 0o600)) // a flipped bit
	if _, err := read(t, c, good.Hash); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v; want %v", err, ErrDamaged)
	}
	must(t, c.Fetch(ctx, good))
	if got, err := read(t, c, good.Hash); err != nil || got != "good" {
		t.Errorf("fetched anew: %q, %v", got, err)
	}
}

func TestCacheEvictsWhatIsNotPinned(t *testing.T) {
	c, m, _ := newCache(t, 12)
	a, b, d := m.add("aaaa"), m.add("bbbb"), m.add("dddd")
	for _, x := range []job.Content{a, b, d, a} {
		must(t, c.Fetch(ctx, x))
	}
	c.Pin([]string{b.Hash})
	must(t, c.Fetch(ctx, m.add("eeeee"))) // d is the oldest without a pin, then a
	for name, x := range map[string]struct {
		job.Content
		here bool
	}{"a": {a, false}, "b": {b, true}, "d": {d, false}} {
		if _, err := read(t, c, x.Hash); (err == nil) != x.here {
			t.Errorf("%s: %v; here: %v", name, err, x.here)
		}
	}
	if err := c.Fetch(ctx, m.add("123456789")); !errors.Is(err, ErrCacheFull) {
		t.Errorf("%v; want %v", err, ErrCacheFull)
	}
	if c.Bytes() > 12 {
		t.Errorf("%d bytes", c.Bytes())
	}
}

func TestDamagedCacheHealsWithinARun(t *testing.T) {
	c, m, dir := newCache(t, 1000)
	content := m.add("the right content\n")
	must(t, c.Fetch(ctx, content))
	must(t, os.WriteFile(filepath.Join(dir, content.Hash), []byte("the wrong content\n"), 0o600))
	root := t.TempDir()
	l := low(t, "file.managed", "/f", &file.Managed{Name: "/f", Source: &states.Source{URL: "brine://f", Hash: content.Hash, Size: content.Size}})
	l.Content = []job.Content{content}
	res := (&Runner{Root: root, Modules: []states.Module{file.Module()}, Content: c}).Run(ctx, job.LowState{States: []job.Low{l}}, false, event.ID{})[0]
	if b, _ := os.ReadFile(filepath.Join(root, "f")); !res.OK || string(b) != "the right content\n" {
		t.Errorf("%+v, the file holds %q", res, b)
	}
}

func TestLargeContentNeedsLittleMemory(t *testing.T) {
	const size = 64 << 20
	piece := bytes.Repeat([]byte("0123456789abcdef"), 16<<10)
	sum := sha256.New()
	for range size / len(piece) {
		sum.Write(piece)
	}
	want := job.Content{Hash: hex.EncodeToString(sum.Sum(nil)), Size: size}
	c, err := OpenCache(t.TempDir(), CacheOptions{Get: func(context.Context, string, int64) ([]byte, int64, error) { return piece, size, nil }})
	must(t, err)
	root := t.TempDir()
	l := low(t, "file.managed", "/f", &file.Managed{Name: "/f", Source: &states.Source{URL: "brine://f", Hash: want.Hash, Size: size}})
	l.Content = []job.Content{want}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	res := (&Runner{Root: root, Modules: []states.Module{file.Module()}, Content: c}).Run(ctx, job.LowState{States: []job.Low{l}}, false, event.ID{})[0]
	runtime.ReadMemStats(&after)
	if !res.OK {
		t.Fatal(res.Comment)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes were allocated in all for a content of %d", used, size)
	}
}
