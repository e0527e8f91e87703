package converge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"brine/internal/hostfs"
	"brine/internal/job"
)

// download fetches what is missing of a content into HASH.part, verifies the whole, and gives it its name. On an
// error of the connection the part stays, for the next try to go on.
func (c *Cache) download(ctx context.Context, want job.Content, sync bool) error {
	part := want.Hash + partSuffix
	f, err := os.OpenFile(c.path(part), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	have, err := hostfs.Copy(ctx, sum, f) // what an earlier try got
	if err != nil {
		return err
	}
	defer func() { c.set(part, have) }()
	if have > want.Size {
		if have, err = 0, restart(f, sum); err != nil {
			return err
		}
	}
	for have < want.Size {
		n, err := c.piece(ctx, want, have, io.MultiWriter(f, sum))
		have += n
		if err != nil {
			return err
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want.Hash {
		have = 0
		return errors.Join(fmt.Errorf("%w: what came has the hash %s", ErrDamaged, got), restart(f, sum))
	}
	if sync {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := os.Rename(c.path(part), c.path(want.Hash)); err != nil {
		return err
	}
	have = 0
	c.set(want.Hash, want.Size)
	return nil
}

func restart(f *os.File, sum hash.Hash) error {
	sum.Reset()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return f.Truncate(0)
}

// piece gets and writes the bytes from an offset on.
func (c *Cache) piece(ctx context.Context, want job.Content, at int64, w io.Writer) (int64, error) {
	chunk, size, err := c.opt.Get(ctx, want.Hash, at)
	switch {
	case err != nil:
		return 0, err
	case size != want.Size:
		return 0, fmt.Errorf("the master has %d bytes of it, but %d were announced", size, want.Size)
	case len(chunk) == 0:
		return 0, fmt.Errorf("the master sent nothing from byte %d of %d on", at, want.Size)
	case int64(len(chunk)) > want.Size-at:
		return 0, fmt.Errorf("the master sent %d bytes from byte %d of %d on", len(chunk), at, want.Size)
	}
	n, err := w.Write(chunk)
	return int64(n), err
}

// Open reads content that is here. It is verified once more on the way: at the end of reading, damage is an error
// that wraps ErrDamaged, and the content is gone from the cache.
func (c *Cache) Open(name string) (io.ReadCloser, error) {
	if !isHash(name) {
		return nil, fmt.Errorf("%q is no SHA-256 in lower-case hex", name)
	}
	f, err := os.Open(c.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("content %s: %w", name, ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("content cache: %w", err)
	}
	return &verified{File: f, hash: name, what: "content " + name + " in the cache", sum: sha256.New(), damaged: func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.drop(name)
	}}, nil
}

// verified compares what is read with its hash, at the end of reading.
type verified struct {
	*os.File
	hash, what string
	sum        hash.Hash
	damaged    func() // is called where they differ
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.File.Read(p)
	v.sum.Write(p[:n])
	if err != io.EOF || hex.EncodeToString(v.sum.Sum(nil)) == v.hash {
		return n, err
	}
	v.damaged()
	return n, fmt.Errorf("%s: %w", v.what, ErrDamaged)
}

// WriteTo and friends of os.File would go round Read.
func (v *verified) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{v})
}
