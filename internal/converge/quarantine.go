package converge

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// Kept describes one file in the quarantine. It stands as JSON beside the content.
type Kept struct {
	Target   string      `json:"target"` // where it stood
	SHA256   string      `json:"sha256"`
	Size     int64       `json:"size"` // bytes
	Mode     fs.FileMode `json:"mode"`
	UID      int         `json:"uid"`
	GID      int         `json:"gid"`
	When     time.Time   `json:"when"`
	Link     string      `json:"link,omitempty"`     // where it pointed, of a symlink; its content is empty then
	Replaced bool        `json:"replaced,omitempty"` // a state meant to replace it; otherwise it came in between
}

// file is the name of the description: one for each target that has held the content.
func (k Kept) file() string {
	sum := sha256.Sum256([]byte(k.Target))
	return k.SHA256 + "-" + hex.EncodeToString(sum[:8]) + ".json"
}

// Quarantine is a folder that keeps what Brine's writes pushed aside or replaced, by hash. The oldest goes when one of its bounds is
// reached. It may be used from several goroutines; no two processes may have it open.
type Quarantine struct {
	dir      string
	maxBytes int64
	maxFiles int
	now      func() time.Time

	mu   sync.Mutex
	kept []Kept // the oldest first
}

// errNothingToKeep is returned for what holds nothing, such as a pipe or a folder.
var errNothingToKeep = errors.New("it is neither a file nor a symlink, so there is nothing to keep")

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
	q := &Quarantine{dir: dir, maxBytes: maxBytes, maxFiles: maxFiles, now: now}
	if err := q.load(); err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	return q, nil
}

// load reads the descriptions, and removes what no description names: the rest of a crash.
func (q *Quarantine) load() error {
	entries, err := os.ReadDir(q.dir)
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(q.dir, e.Name()))
		var k Kept
		if !strings.HasSuffix(e.Name(), ".json") || err != nil || json.Unmarshal(text, &k) != nil || !isHash(k.SHA256) || k.file() != e.Name() {
			continue
		}
		if _, err := os.Lstat(filepath.Join(q.dir, k.SHA256)); err == nil {
			named[k.SHA256], named[e.Name()] = true, true
			q.kept = append(q.kept, k)
		}
	}
	for _, e := range entries {
		if !named[e.Name()] {
			_ = os.Remove(filepath.Join(q.dir, e.Name())) // what stays takes room, and does no harm
		}
	}
	slices.SortFunc(q.kept, func(a, b Kept) int { return cmp.Or(a.When.Compare(b.When), cmp.Compare(a.SHA256, b.SHA256)) })
	return nil
}

// Keep copies the file or symlink at path below root, which stood at target and came there unseen. One larger than the whole
// quarantine is not kept.
func (q *Quarantine) Keep(root, target, path string) (Kept, error) {
	return q.keep(root, path, Kept{Target: target}, q.maxBytes, true)
}

// KeepReplaced copies what a state replaces on purpose, up to a size in bytes. Unless lasting is set a power loss may lose it.
func (q *Quarantine) KeepReplaced(root, target, path string, maxBytes int64, lasting bool) (Kept, error) {
	return q.keep(root, path, Kept{Target: target, Replaced: true}, min(maxBytes, q.maxBytes), lasting)
}

func (q *Quarantine) keep(root, path string, k Kept, maxBytes int64, lasting bool) (Kept, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	dir, name, err := hostfs.Parent(root, path, false)
	if err != nil {
		return Kept{}, err
	}
	defer dir.Close()
	i, err := dir.Look(context.Background(), name, false) // the bound on bytes bounds the time
	if err != nil {
		return Kept{}, err
	}
	k.Size, k.Mode, k.UID, k.GID, k.Link, k.When = i.Size, i.Mode, i.UID, i.GID, i.Target, q.now()
	switch {
	case i.Mode.Type() == fs.ModeSymlink:
		if k.SHA256, err = hostfs.Hash(context.Background(), strings.NewReader(i.Target)); err == nil {
			err = q.store(&k, strings.NewReader(""), lasting)
		}
		return k, err
	case !i.IsRegular():
		return Kept{}, errNothingToKeep
	case i.Size > maxBytes:
		return Kept{}, fmt.Errorf("it has %d bytes; at most %d are kept", i.Size, maxBytes)
	}
	f, _, err := dir.Open(name)
	if err != nil {
		return Kept{}, err
	}
	defer f.Close()
	err = q.store(&k, f, lasting)
	return k, err
}

// store writes content and description; hash and size are taken from what was read, unless the hash is known.
func (q *Quarantine) store(k *Kept, content io.Reader, lasting bool) error {
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
	if err := q.makeRoom(*k); err != nil {
		return err
	}
	if lasting {
		if err := tmp.Sync(); err != nil {
			return err
		}
	}
	if err := os.Rename(tmp.Name(), filepath.Join(q.dir, k.SHA256)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(q.dir, k.file()), text, 0o600); err != nil {
		return err
	}
	q.kept = append(q.kept, *k)
	return nil
}

// List is what is kept, the oldest first.
func (q *Quarantine) List() ([]Kept, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.kept), nil
}

// Open reads what is kept under a hash.
func (q *Quarantine) Open(hash string) (io.ReadCloser, error) {
	if !isHash(hash) {
		return nil, fmt.Errorf("%q is no SHA-256 in lower-case hex", hash)
	}
	return os.Open(filepath.Join(q.dir, hash))
}

// makeRoom lets the oldest go until there is room for one more. What the same target held before with the same content is that one.
func (q *Quarantine) makeRoom(more Kept) error {
	for i, k := range q.kept {
		if k.file() == more.file() {
			q.kept = slices.Delete(q.kept, i, i+1)
			break
		}
	}
	for len(q.kept) > 0 && (q.bytes(more) > q.maxBytes || len(q.kept) >= q.maxFiles) {
		oldest := q.kept[0]
		q.kept = q.kept[1:]
		names := []string{oldest.file()}
		if !slices.ContainsFunc(q.kept, func(k Kept) bool { return k.SHA256 == oldest.SHA256 }) {
			names = append(names, oldest.SHA256)
		}
		for _, name := range names {
			if err := os.Remove(filepath.Join(q.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// bytes is what is kept, and one more, each content counted once.
func (q *Quarantine) bytes(more Kept) int64 {
	sizes := map[string]int64{more.SHA256: more.Size}
	total := more.Size
	for _, k := range q.kept {
		if _, counted := sizes[k.SHA256]; !counted {
			sizes[k.SHA256] = k.Size
			total += k.Size
		}
	}
	return total
}
