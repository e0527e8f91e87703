package converge

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"brine/internal/job"
)

// DefaultCacheBytes bounds a content cache unless said otherwise.
const DefaultCacheBytes = 4 << 30

var (
	// ErrDamaged is returned when content is not what its hash says. It is thrown away then, and can be fetched anew.
	ErrDamaged = errors.New("the content is damaged")
	// ErrMissing is returned when content is opened that is not in the cache, or not any more.
	ErrMissing = errors.New("the content is not in the cache")
	// ErrCacheFull is returned when content does not fit beside what is pinned.
	ErrCacheFull = errors.New("the content cache is full")
)

// GetFunc asks for content from an offset on: the next piece, of any length, and the size of the whole.
type GetFunc func(ctx context.Context, hash string, offset int64) (chunk []byte, size int64, err error)

// CacheOptions say how a Cache works.
type CacheOptions struct {
	MaxBytes int64   // zero is DefaultCacheBytes
	Get      GetFunc // where missing content comes from; nil: there is nowhere
	Log      *slog.Logger
	Now      func() time.Time // nil is time.Now
}

// Cache is a folder of content: one file for each, named by its hash; HASH.part while it is on its way, so that a download goes on
// where it was broken off. What was used longest ago goes first when room is needed, but never what is pinned. It
// may be used from several goroutines; downloads are one at a time.
type Cache struct {
	dir     string
	opt     CacheOptions
	fetch   chan struct{} // holds one token: the right to download
	mu      sync.Mutex
	entries map[string]entry // by file name
	bytes   int64
	pinned  map[string]bool
}

type entry struct {
	size int64
	used time.Time
}

const partSuffix = ".part"

// OpenCache opens or makes the folder, which is readable by its owner only.
func OpenCache(dir string, opt CacheOptions) (*Cache, error) {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = DefaultCacheBytes
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if err := privateDir(dir); err != nil {
		return nil, fmt.Errorf("content cache: %w", err)
	}
	c := &Cache{dir: dir, opt: opt, fetch: make(chan struct{}, 1), entries: map[string]entry{}, pinned: map[string]bool{}}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("content cache: %w", err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || !info.Mode().IsRegular() || !isHash(strings.TrimSuffix(f.Name(), partSuffix)) {
			continue
		}
		c.entries[f.Name()] = entry{info.Size(), info.ModTime()}
		c.bytes += info.Size()
	}
	return c, nil
}

// privateDir makes a folder of mode 0700, or makes one that is there so.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// isHash reports whether s is a SHA-256 in lower-case hex: nothing else becomes a file name.
func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == strings.ToLower(s)
}

// Pin says what must stay: the content that the last applied low state names. It replaces what was pinned before.
func (c *Cache) Pin(hashes []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pinned = make(map[string]bool, len(hashes))
	for _, h := range hashes {
		c.pinned[h] = true
	}
}

// Fetch returns when all of the content is in the cache, and on disk.
func (c *Cache) Fetch(ctx context.Context, list ...job.Content) error {
	came := false
	for _, want := range list {
		got, err := c.fetchOne(ctx, want, len(list) == 1)
		if err != nil {
			return fmt.Errorf("content %s: %w", want.Hash, err)
		}
		came = came || got
	}
	if !came || len(list) == 1 {
		return nil
	}
	return c.sync()
}

// sync makes many files last at once, which is much cheaper than one by one.
func (c *Cache) sync() error {
	d, err := os.Open(c.dir)
	if err != nil {
		return fmt.Errorf("content cache: %w", err)
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("content cache: %w", err)
	}
	return nil
}

// fetchOne reports whether it had to get the content. Without sync a power loss may undo it.
func (c *Cache) fetchOne(ctx context.Context, want job.Content, sync bool) (got bool, err error) {
	if c.has(want) {
		return false, nil
	}
	return true, c.fetchMissing(ctx, want, sync)
}

func (c *Cache) fetchMissing(ctx context.Context, want job.Content, sync bool) error {
	if !isHash(want.Hash) {
		return fmt.Errorf("%q is no SHA-256 in lower-case hex", want.Hash)
	}
	if want.Size < 0 {
		return fmt.Errorf("its size is given as %d bytes", want.Size)
	}
	select {
	case c.fetch <- struct{}{}:
		defer func() { <-c.fetch }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if c.has(want) {
		return nil // somebody else has got it meanwhile
	}
	if c.opt.Get == nil {
		return errors.New("it is not in the cache, and there is nowhere to get it from")
	}
	if err := c.makeRoom(want); err != nil {
		return err
	}
	return c.download(ctx, want, sync)
}

// has reports whether the content is here with the right size, and marks it as used. A wrong size is damage: it goes.
func (c *Cache) has(want job.Content) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[want.Hash]
	if !ok || !isHash(want.Hash) || want.Size < 0 {
		return false
	}
	info, err := os.Lstat(c.path(want.Hash))
	if err != nil || info.Size() != want.Size || e.size != want.Size {
		c.drop(want.Hash)
		return false
	}
	now := c.opt.Now()
	if err := os.Chtimes(c.path(want.Hash), now, now); err != nil {
		c.opt.Log.Debug("content cache", "error", err) // only the order of eviction over a restart suffers
	}
	c.entries[want.Hash] = entry{e.size, now}
	return true
}

// makeRoom removes what was used longest ago until the content fits.
func (c *Cache) makeRoom(want job.Content) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	part := want.Hash + partSuffix
	need := want.Size - c.entries[part].size
	if c.bytes+need <= c.opt.MaxBytes {
		return nil
	}
	names := slices.SortedFunc(maps.Keys(c.entries), func(a, b string) int {
		return cmp.Or(c.entries[a].used.Compare(c.entries[b].used), cmp.Compare(a, b))
	})
	for _, name := range names {
		if c.bytes+need <= c.opt.MaxBytes {
			return nil
		}
		if name != part && !c.pinned[strings.TrimSuffix(name, partSuffix)] {
			c.drop(name)
		}
	}
	if c.bytes+need > c.opt.MaxBytes {
		return fmt.Errorf("%w: %d bytes do not fit into the %d that are not in use by the last applied state",
			ErrCacheFull, want.Size, max(c.opt.MaxBytes-c.bytes, 0))
	}
	return nil
}

// drop removes an entry. The caller holds the lock.
func (c *Cache) drop(name string) {
	if err := os.Remove(c.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.opt.Log.Warn("content cache", "error", err)
	}
	c.bytes -= c.entries[name].size
	delete(c.entries, name)
}

func (c *Cache) path(name string) string { return filepath.Join(c.dir, name) }

// set notes the size of an entry.
func (c *Cache) set(name string, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += size - c.entries[name].size
	c.entries[name] = entry{size, c.opt.Now()}
}

// Bytes is how much the cache holds.
func (c *Cache) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}
