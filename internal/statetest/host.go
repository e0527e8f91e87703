package statetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"brine/states"
)

// Host is a root to try states in, with a folder beside it that nothing may touch.
type Host struct {
	T       *testing.T
	Root    string
	Outside string
	NoRoom  bool            // what has to be kept cannot be
	Deny    map[string]bool // paths and functions that Env.Allowed refuses

	content   map[string][]byte
	expected  map[string]states.Expected
	planned   map[string]states.Expected
	displaced []string
	replaced  []string
}

// NewHost makes an empty host.
func NewHost(t *testing.T) *Host {
	t.Helper()
	base := t.TempDir()
	h := &Host{T: t, Root: filepath.Join(base, "root"), Outside: filepath.Join(base, "outside"),
		content: map[string][]byte{}, expected: map[string]states.Expected{}}
	for _, dir := range []string{h.Root, h.Outside} {
		h.must(os.Mkdir(dir, 0o755))
	}
	h.must(os.WriteFile(filepath.Join(h.Outside, "precious"), []byte("precious\n"), 0o644))
	return h
}

func begin(t *testing.T, c Case) *Host {
	t.Helper()
	h := NewHost(t)
	if c.Setup != nil {
		c.Setup(h)
	}
	return h
}

func (h *Host) must(err error) {
	h.T.Helper()
	if err != nil {
		h.T.Fatal(err)
	}
}

// Abs is where a path of the host really is.
func (h *Host) Abs(p string) string { return filepath.Join(h.Root, p) }

// Write makes a file of exactly this mode, and the folders on the way.
func (h *Host) Write(path, text string, mode fs.FileMode) {
	h.T.Helper()
	h.Mkdir(filepath.Dir(path))
	h.must(os.WriteFile(h.Abs(path), []byte(text), 0o600))
	h.must(os.Chmod(h.Abs(path), mode))
}

// Mkdir makes a folder and those on the way.
func (h *Host) Mkdir(path string) {
	h.T.Helper()
	h.must(os.MkdirAll(h.Abs(path), 0o755))
}

// Link makes a symbolic link that belongs to uid; only root can make one for somebody else.
func (h *Host) Link(target, path string, uid int) {
	h.T.Helper()
	h.Mkdir(filepath.Dir(path))
	h.must(os.Symlink(target, h.Abs(path)))
	if uid != os.Geteuid() {
		h.must(os.Lchown(h.Abs(path), uid, uid))
	}
}

// Read is what a file holds.
func (h *Host) Read(path string) string {
	h.T.Helper()
	b, err := os.ReadFile(h.Abs(path))
	h.must(err)
	return string(b)
}

// Content puts content where Env.Content finds it, and returns the source that names it.
func (h *Host) Content(text string) *states.Source {
	sum := sha256.Sum256([]byte(text))
	hash := hex.EncodeToString(sum[:])
	h.content[hash] = []byte(text)
	return &states.Source{URL: "brine://content", Hash: hash, Size: int64(len(text))}
}

// Displaced are the contents that were reported, the oldest first.
func (h *Host) Displaced() []string { return h.displaced }

// Replaced are the contents that were replaced or removed as Check had seen them, the oldest first.
func (h *Host) Replaced() []string { return h.replaced }

// Tree makes a source of files by their paths below it; a path that ends with a slash is an empty folder.
func (h *Host) Tree(files map[string]string) *states.Tree {
	tree := &states.Tree{URL: "brine://tree"}
	dirs := map[string]bool{}
	for p, text := range files {
		for d := path.Dir(p); d != "."; d = path.Dir(d) {
			dirs[d] = true
		}
		if strings.HasSuffix(p, "/") {
			continue
		}
		s := h.Content(text)
		tree.Files = append(tree.Files, states.TreeFile{Path: p, Hash: s.Hash, Size: s.Size, Mode: 0o640})
	}
	slices.SortFunc(tree.Files, func(a, b states.TreeFile) int { return strings.Compare(a.Path, b.Path) })
	tree.Dirs = slices.Sorted(maps.Keys(dirs))
	return tree
}

// Env is what the engine hands to a state.
func (h *Host) Env(test bool) states.Env {
	return states.Env{
		Root: h.Root,
		Log:  slog.New(slog.DiscardHandler),
		Test: test,
		Content: func(hash string) (io.ReadCloser, error) {
			b, ok := h.content[hash]
			if !ok {
				return nil, fmt.Errorf("no content %s", hash)
			}
			return io.NopCloser(bytes.NewReader(b)), nil
		},
		Expect:  func(path string, e states.Expected) { h.expected[path] = e },
		Planned: func(path string) (states.Expected, bool) { e, ok := h.planned[path]; return e, ok },
		Displaced: func(target, path string) {
			h.displaced = append(h.displaced, h.describe(path))
		},
		Replaced: func(target, path string, must bool) error {
			if must && h.NoRoom {
				return errors.New("no room")
			}
			h.replaced = append(h.replaced, h.describe(path))
			return nil
		},
		Allowed: func(fun, name string) error {
			if name != "" && h.Deny[name] || name == "" && h.Deny[fun] {
				return fmt.Errorf("%s on %q is denied", fun, name)
			}
			return nil
		},
	}
}

// describe is what a file holds, or what else it is.
func (h *Host) describe(path string) string {
	info, err := os.Lstat(h.Abs(path))
	if err != nil {
		return err.Error()
	}
	if !info.Mode().IsRegular() {
		return info.Mode().String()
	}
	return h.Read(path)
}

func (h *Host) check(s states.State, test bool) states.Changes {
	h.T.Helper()
	h.must(s.Validate())
	changes, err := s.Check(context.Background(), h.Env(test))
	if err != nil {
		h.T.Fatalf("Check: %v", err)
	}
	return changes
}

func (h *Host) apply(s states.State, changes states.Changes) {
	h.T.Helper()
	if err := s.Apply(context.Background(), h.Env(false), changes); err != nil {
		h.T.Fatalf("Apply: %v", err)
	}
}

// Expected is how a path stands, in the terms of an announcement; what that leaves open stays open.
func (h *Host) Expected(path string, like states.Expected) states.Expected {
	h.T.Helper()
	info, err := os.Lstat(h.Abs(path))
	if errors.Is(err, fs.ErrNotExist) {
		return states.Expected{Absent: true, UID: -1, GID: -1}
	}
	h.must(err)
	e := states.Expected{Mode: info.Mode(), UID: -1, GID: -1}
	if info.Mode().IsRegular() {
		sum := sha256.Sum256([]byte(h.Read(path)))
		e.SHA256 = hex.EncodeToString(sum[:])
	}
	if info.Mode().Type() == fs.ModeSymlink {
		e.Target, err = os.Readlink(h.Abs(path))
		h.must(err)
	}
	if st := info.Sys().(*syscall.Stat_t); like.UID >= 0 {
		e.UID, e.GID = int(st.Uid), int(st.Gid)
	}
	return e
}

// Snapshot is everything on the host and beside it, one line a file: type, mode, owner, times of content and attributes, links,
// and the content.
func (h *Host) Snapshot() []string {
	h.T.Helper()
	var lines []string
	h.must(filepath.WalkDir(filepath.Dir(h.Root), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		rel, _ := filepath.Rel(filepath.Dir(h.Root), path)
		line := fmt.Sprintf("%s %v %d:%d inode %d links %d size %d mtime %d ctime %d", rel, info.Mode(), st.Uid, st.Gid, st.Ino, st.Nlink, st.Size,
			st.Mtim.Nano(), st.Ctim.Nano())
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %.60q", b)
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " -> " + target
		}
		lines = append(lines, line)
		return nil
	}))
	return lines
}

func (h *Host) unchanged(before []string) {
	h.T.Helper()
	if d := cmp.Diff(before, h.Snapshot()); d != "" {
		h.T.Errorf("the host was touched:\n%s", d)
	}
}

func wantError(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("error %v; want one with %q", err, part)
	}
}
