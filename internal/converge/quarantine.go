package converge

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"brine/internal/hostfs"
)

// Bounds of a quarantine unless said otherwise.
const (
	DefaultQuarantineBytes = 256 << 20
	DefaultQuarantineFiles = 1024
)

// Kept describes one file in the quarantine. It stands beside it as HASH.json.
type Kept struct {
	Target string      `json:"target"` // where it stood
	SHA256 string      `json:"sha256"`
	Size   int64       `json:"size"` // bytes
	Mode   fs.FileMode `json:"mode"`
	UID    int         `json:"uid"`
	GID    int         `json:"gid"`
	When   time.Time   `json:"when"`
	Link   string      `json:"link,omitempty"` // where it pointed, of a symlink; its content is empty then
}

// Quarantine is a folder that keeps what Brine's writes pushed aside although nobody had seen it, by hash. The oldest
// goes when one of its bounds is reached. It may be used from several goroutines.
type Quarantine struct {
	dir      string
	maxBytes int64
	maxFiles int
	now      func() time.Time
	mu       sync.Mutex
}

// OpenQuarantine opens or makes the folder. Bounds of zero are the defaults; now may be nil.
func OpenQuarantine(dir string, maxBytes int64, maxFiles int, now func() time.Time) (*Quarantine, error) {
	if maxBytes <= 0 {
		maxBytes = DefaultQuarantineBytes
	}
	if maxFiles <= 0 {
		maxFiles = DefaultQuarantineFiles
	}
	if now == nil {
		now = time.Now
	}
	if err := privateDir(dir); err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	return &Quarantine{dir: dir, maxBytes: maxBytes, maxFiles: maxFiles, now: now}, nil
}

// Keep copies the file or symlink at path below root, which stood at target. One larger than the whole quarantine is not kept.
func (q *Quarantine) Keep(root, target, path string) (Kept, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	dir, name, err := hostfs.Parent(root, path, false)
	if err != nil {
		return Kept{}, err
	}
	defer dir.Close()
	ctx := context.Background() // the bound on bytes bounds the time
	i, err := dir.Look(ctx, name, false)
	if err != nil {
		return Kept{}, err
	}
	k := Kept{Target: target, Size: i.Size, Mode: i.Mode, UID: i.UID, GID: i.GID, Link: i.Target, When: q.now()}
	if i.Mode.Type() == fs.ModeSymlink {
		k.SHA256, err = hostfs.Hash(ctx, strings.NewReader(i.Target))
		k.Size = 0
		if err == nil {
			err = q.store(&k, strings.NewReader(""))
		}
		return k, err
	}
	if i.Size > q.maxBytes {
		return Kept{}, fmt.Errorf("it has %d bytes, more than the quarantine may hold (%d)", i.Size, q.maxBytes)
	}
	f, _, err := dir.Open(name)
	if err != nil {
		return Kept{}, err
	}
	defer f.Close()
	return k, q.store(&k, f)
}

// store writes content and description; hash and size are taken from what was read, unless the hash is known.
func (q *Quarantine) store(k *Kept, content io.Reader) error {
	tmp, err := os.CreateTemp(q.dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails once it has its name
	defer tmp.Close()
	sum, err := hostfs.Hash(context.Background(), io.TeeReader(io.LimitReader(content, q.maxBytes), tmp))
	if err != nil {
		return err
	}
	if k.SHA256 == "" {
		k.SHA256 = sum
	}
	if k.Size, err = tmp.Seek(0, io.SeekCurrent); err != nil {
		return err
	}
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if err := q.makeRoom(k.Size); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(q.dir, k.SHA256+".json"), text, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), filepath.Join(q.dir, k.SHA256))
}

// List is what is kept, the oldest first.
func (q *Quarantine) List() ([]Kept, error) {
	names, err := filepath.Glob(filepath.Join(q.dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var kept []Kept
	for _, name := range names {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var k Kept
		if json.Unmarshal(text, &k) == nil && isHash(k.SHA256) {
			kept = append(kept, k)
		}
	}
	slices.SortFunc(kept, func(a, b Kept) int { return cmp.Or(a.When.Compare(b.When), cmp.Compare(a.SHA256, b.SHA256)) })
	return kept, nil
}

// Open reads what is kept under a hash.
func (q *Quarantine) Open(hash string) (io.ReadCloser, error) {
	if !isHash(hash) {
		return nil, fmt.Errorf("%q is no SHA-256 in lower-case hex", hash)
	}
	return os.Open(filepath.Join(q.dir, hash))
}

func (q *Quarantine) makeRoom(need int64) error {
	kept, err := q.List()
	if err != nil {
		return err
	}
	var bytes int64
	for _, k := range kept {
		bytes += k.Size
	}
	for len(kept) > 0 && (bytes+need > q.maxBytes || len(kept) >= q.maxFiles) {
		for _, name := range []string{kept[0].SHA256, kept[0].SHA256 + ".json"} {
			if err := os.Remove(filepath.Join(q.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		bytes -= kept[0].Size
		kept = kept[1:]
	}
	return nil
}
