package compile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"brine/internal/job"
)

// ErrUnknownContent is returned by Open for a hash that nothing compiled since the start has named, or whose file has changed
// since: the job that named it is to be compiled again.
var ErrUnknownContent = errors.New("no file with this content is known any more")

// maxContent bounds the files whose hashes are remembered, some 500 bytes each. At the bound all are forgotten, and hashed anew when next
// named. It holds a few of the largest trees.
const maxContent = 4 * MaxTreeFiles

// contentCache remembers what files hold, so that an unchanged file is hashed once.
type contentCache struct {
	mu     sync.Mutex
	byFile map[contentKey]cachedHash
	byHash map[string]contentKey
}

type contentKey struct{ dir, path string }

type cachedHash struct {
	stamp   stamp
	content job.Content
	settled bool // the stamp tells
}

func newContentCache() *contentCache {
	return &contentCache{byFile: map[contentKey]cachedHash{}, byHash: map[string]contentKey{}}
}

func (c *contentCache) get(k contentKey, now stamp) (job.Content, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byFile[k]
	if !ok || e.stamp != now || !e.settled {
		return job.Content{}, false
	}
	c.byHash[e.content.Hash] = k // this file has it for certain
	return e.content, true
}

func (c *contentCache) put(k contentKey, e cachedHash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.byFile) >= maxContent || len(c.byHash) >= maxContent {
		clear(c.byFile)
		clear(c.byHash)
	}
	if old, ok := c.byFile[k]; ok && c.byHash[old.content.Hash] == k {
		delete(c.byHash, old.content.Hash)
	}
	c.byFile[k] = e
	c.byHash[e.content.Hash] = k
}

// hash gives what the file at a path below the roots holds.
func (c *contentCache) hash(r *run, rel string) (job.Content, error) {
	p, now, err := r.roots.find(rel)
	if err != nil {
		return job.Content{}, err
	}
	k := contentKey{r.roots.dirs[p.root], p.path}
	if content, ok := c.get(k, now); ok {
		return content, nil
	}
	return r.c.rehash(r.ctx, r.roots, p)
}

// rehash reads the file and remembers what it holds.
func (c *Compiler) rehash(ctx context.Context, r *roots, p place) (job.Content, error) {
	started := c.now()
	var content job.Content
	at, err := r.steady(p, func(f io.Reader) error {
		h := sha256.New()
		n, err := io.Copy(h, readerFunc(func(b []byte) (int, error) {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			return f.Read(b)
		}))
		content = job.Content{Hash: hex.EncodeToString(h.Sum(nil)), Size: n}
		return err
	})
	if err != nil {
		return job.Content{}, fmt.Errorf("%s: %w", r.name(p), plainError(err))
	}
	c.content.put(contentKey{r.dirs[p.root], p.path}, cachedHash{at, content, at.settled(started)})
	return content, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// Open gives content that a compiled low state names, and its size in bytes. The file is compared by its stamp, and read through
// once more where that does not tell; who reads it checks the hash all the same, since a file may change while it is read. The
// error is ErrUnknownContent when the content cannot be had as it was.
func (c *Compiler) Open(hash string) (io.ReadSeekCloser, int64, error) {
	if f, size, ok := c.manifests.open(hash); ok {
		return f, size, nil
	}
	c.content.mu.Lock()
	k, ok := c.content.byHash[hash]
	e := c.content.byFile[k]
	c.content.mu.Unlock()
	if !ok {
		return nil, 0, fmt.Errorf("content %.12q...: %w", hash, ErrUnknownContent)
	}
	root, err := os.OpenRoot(k.dir)
	if err != nil {
		return nil, 0, fmt.Errorf("content %.12q...: %w: %w", hash, ErrUnknownContent, err)
	}
	defer root.Close()
	r, p := &roots{dirs: []string{k.dir}, open: []*os.Root{root}}, place{0, k.path}
	for range maxTries {
		f, now, err := r.openFile(p)
		if errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return nil, 0, fmt.Errorf("content %.12q...: %w: %s: %w", hash, ErrUnknownContent, r.name(p), plainError(err))
		}
		if e.content.Hash == hash && e.stamp == now && e.settled {
			return sectionOf(f, e.content.Size), e.content.Size, nil
		}
		f.Close()
		content, err := c.rehash(context.Background(), r, p)
		if err != nil {
			return nil, 0, fmt.Errorf("content %.12q...: %w: %w", hash, ErrUnknownContent, err)
		}
		if content.Hash != hash {
			break
		}
		// It has not changed: trust the stamp of this reading, however young.
		c.content.mu.Lock()
		e = c.content.byFile[k]
		c.content.mu.Unlock()
		e.settled = true
	}
	return nil, 0, fmt.Errorf("content %.12q...: %w: %s has changed", hash, ErrUnknownContent, r.name(p))
}

// section is a file as long as it was when it was hashed, even if it grows.
type section struct {
	*io.SectionReader
	io.Closer
}

func sectionOf(f *os.File, size int64) io.ReadSeekCloser {
	return section{io.NewSectionReader(f, 0, size), f}
}
