package converge

import (
	"bytes"
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

// Bounds of a quarantine unless said otherwise. Beside the files, a quarter as many notes are kept, of owners and modes and of what was not
// there.
const (
	DefaultQuarantineBytes = 256 << 20
	DefaultQuarantineFiles = 1024
)

// Quarantine is a folder that keeps what Brine's writes pushed aside or replaced, by hash, readable by nobody else. The oldest goes
// when one of its bounds is reached, and is counted. It may be used from several goroutines; no two processes may have it open.
type Quarantine struct {
	dir      string
	maxBytes int64
	maxFiles int
	now      func() time.Time

	mu    sync.Mutex
	kept  []*Kept // the oldest first
	notes int     // of them, how many have no content
	bytes int64   // of their contents
	gone  uint64  // pushed out by newer ones, since it was opened
	newly Kept    // the last of them

	contents map[string]held // by hash
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
	q := &Quarantine{dir: dir, maxBytes: maxBytes, maxFiles: maxFiles, now: now, contents: map[string]held{}}
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
		if _, err := os.Lstat(filepath.Join(q.dir, k.SHA256)); err == nil || k.isNote() {
			named[k.SHA256] = named[k.SHA256] || !k.isNote()
			named[e.Name()] = true
			q.add(k)
		}
	}
	for _, e := range entries {
		if !named[e.Name()] {
			_ = os.Remove(filepath.Join(q.dir, e.Name())) // what stays takes room, and does no harm
		}
	}
	slices.SortFunc(q.kept, func(a, b *Kept) int { return cmp.Or(a.When.Compare(b.When), cmp.Compare(a.SHA256, b.SHA256)) })
	return nil
}

// Keep copies the file or symlink at path below root, which stood at target and came there unseen. One larger than the whole
// quarantine is not kept.
func (q *Quarantine) Keep(root, target, path string, why Why) (Kept, error) {
	return q.keep(root, path, Kept{Target: target, Why: why}, q.maxBytes, true)
}

// KeepReplaced copies what a state replaces on purpose, up to a size in bytes. Unless lasting is set a power loss may lose it.
func (q *Quarantine) KeepReplaced(root, target, path string, maxBytes int64, lasting bool, why Why) (Kept, error) {
	return q.keep(root, path, Kept{Target: target, Replaced: true, Why: why}, min(maxBytes, q.maxBytes), lasting)
}

// Note keeps what has no content: an owner and a mode, with SHA256 of the content they belonged to; or that nothing was there.
func (q *Quarantine) Note(k Kept) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if k.Absent {
		k.SHA256 = emptyHash
	}
	if !isHash(k.SHA256) || k.Attributes == k.Absent {
		return fmt.Errorf("%+v is no note", k)
	}
	k.When = q.now()
	return q.note(k)
}

// emptyHash is the SHA-256 of nothing.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

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
		err = q.store(&k, strings.NewReader(i.Target), lasting)
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
	k.Xattrs = hostfs.Xattrs(f)
	err = q.store(&k, f, lasting)
	return k, err
}

// store writes content and description; hash and size are taken from what was read.
func (q *Quarantine) store(k *Kept, content io.Reader, lasting bool) error {
	if !lasting {
		head, err := io.ReadAll(io.LimitReader(content, heldLook))
		if err != nil {
			return err
		}
		if again, err := q.again(k, head); again || err != nil {
			return err
		}
		content = io.MultiReader(bytes.NewReader(head), content)
	}
	tmp, err := os.CreateTemp(q.dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails once it has its name
	defer tmp.Close()
	if k.SHA256, err = hostfs.Hash(context.Background(), io.TeeReader(io.LimitReader(content, q.maxBytes), tmp)); err != nil {
		return err
	}
	if k.Size, err = tmp.Seek(0, io.SeekCurrent); err != nil {
		return err
	}
	if lasting {
		if err := tmp.Sync(); err != nil {
			return err
		}
	}
	if err := q.makeRoom(*k); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), filepath.Join(q.dir, k.SHA256)); err != nil {
		return err
	}
	return q.note(*k)
}

// heldLook bounds what is read into memory, in bytes, to see whether the same content is kept already: many files that drift in the same
// way are one, and making a file is the dearest thing in keeping one.
const heldLook = 256 << 10

// again keeps what has the content of something that is kept; false: nothing has, or it is too large to say.
func (q *Quarantine) again(k *Kept, head []byte) (bool, error) {
	if len(head) == heldLook {
		return false, nil
	}
	sum := sha256.Sum256(head)
	k.SHA256, k.Size = hex.EncodeToString(sum[:]), int64(len(head))
	if _, held := q.contents[k.SHA256]; !held {
		return false, nil
	}
	if err := q.makeRoom(*k); err != nil {
		return false, err
	}
	if info, err := os.Lstat(filepath.Join(q.dir, k.SHA256)); err != nil || info.Size() != k.Size {
		return false, nil // it made room, or is damaged
	}
	return true, q.note(*k)
}

// note writes the description. The caller holds mu.
func (q *Quarantine) note(k Kept) error {
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if err := q.makeRoom(k); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(q.dir, k.file()), text, 0o600); err != nil {
		return err
	}
	q.add(k)
	return nil
}

// List is what is kept, the oldest first.
func (q *Quarantine) List() ([]Kept, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := make([]Kept, 0, len(q.kept))
	for _, k := range q.kept {
		list = append(list, *k)
	}
	return list, nil
}

// Dropped counts what newer ones have pushed out since the quarantine was opened, and gives the last of them.
func (q *Quarantine) Dropped() (uint64, Kept) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.gone, q.newly
}

// Open reads what is kept under a hash. Where that is damaged the end of reading is an error that wraps ErrDamaged.
func (q *Quarantine) Open(hash string) (io.ReadCloser, error) {
	if !isHash(hash) {
		return nil, fmt.Errorf("%q is no SHA-256 in lower-case hex", hash)
	}
	f, err := os.Open(filepath.Join(q.dir, hash))
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	return &verified{File: f, hash: hash, what: "content " + hash + " in the quarantine", sum: sha256.New(), damaged: func() {}}, nil
}

// Read is Open for what is small: more than most bytes are an error.
func (q *Quarantine) Read(k Kept, most int64) ([]byte, error) {
	if k.Size > most {
		return nil, fmt.Errorf("it has %d bytes; at most %d", k.Size, most)
	}
	r, err := q.Open(k.SHA256)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b bytes.Buffer
	_, err = hostfs.Copy(context.Background(), &b, r)
	return b.Bytes(), err
}

// makeRoom lets the oldest go until there is room for one more. What the same target held before with the same content is that one.
func (q *Quarantine) makeRoom(more Kept) error {
	if i := slices.IndexFunc(q.kept, more.same); i >= 0 {
		q.remove(i)
	}
	for q.full(more) {
		i := slices.IndexFunc(q.kept, func(k *Kept) bool { return k.isNote() == more.isNote() })
		if i < 0 {
			return nil
		}
		oldest := q.remove(i)
		q.gone, q.newly = q.gone+1, oldest
		names := []string{oldest.file()}
		if _, held := q.contents[oldest.SHA256]; !held && !oldest.isNote() {
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

// full reports whether there is no room for one more.
func (q *Quarantine) full(more Kept) bool {
	if more.isNote() {
		return q.notes >= max(q.maxFiles/4, 1)
	}
	bytes := q.bytes
	if _, held := q.contents[more.SHA256]; !held {
		bytes += more.Size
	}
	return bytes > q.maxBytes || len(q.kept)-q.notes >= q.maxFiles
}

// held is how often a content is kept, and its size in bytes, which counts once.
type held struct {
	times int
	size  int64
}

func (q *Quarantine) add(k Kept) {
	q.kept = append(q.kept, &k)
	if k.isNote() {
		q.notes++
		return
	}
	h := q.contents[k.SHA256]
	if h.times == 0 {
		h.size = k.Size
		q.bytes += k.Size
	}
	h.times++
	q.contents[k.SHA256] = h
}

func (q *Quarantine) remove(i int) Kept {
	k := *q.kept[i]
	q.kept = slices.Delete(q.kept, i, i+1)
	if k.isNote() {
		q.notes--
		return k
	}
	h := q.contents[k.SHA256]
	if h.times--; h.times > 0 {
		q.contents[k.SHA256] = h
		return k
	}
	delete(q.contents, k.SHA256)
	q.bytes -= h.size
	return k
}
