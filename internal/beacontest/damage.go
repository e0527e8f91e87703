package beacontest

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"brine/beacons"
)

// Bounds of checkDamaged: a captured tree may hold a thousand files.
const (
	maxDamaged = 12                    // files of one case, spread over all
	damagedFor = 30 * time.Millisecond // that the beacon looks at each
)

// CopyTree copies what is below a folder, such as testdata/linux-6.1, to below another: regular files, folders and links.
func CopyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// Tree is a Case.Setup that copies a captured tree.
func Tree(from string) func(*testing.T, string) {
	return func(t *testing.T, root string) { CopyTree(t, from, root) }
}

// Write is a Case.Act, or a step of one, that puts a text into a file below the root.
func Write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	whole := root + ".new" // put in place at once, as the kernel shows its files: a reader never sees half of it
	if err := os.WriteFile(whole, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(whole, path); err != nil {
		t.Fatal(err)
	}
}

// checkEmpty runs the beacon on a host that has nothing of what it reads: it may end with an error, but fires nothing.
func checkEmpty(t *testing.T, m beacons.Module, c Case) {
	c.Setup = nil
	h := newHost(t, m, c)
	defer h.close()
	h.mayEnd = true
	stop := h.start()
	h.silent("on an empty host")
	stop()
}

// checkDamaged shows the beacon each file of the case emptied, cut, filled with other bytes, and removed, from the start and under
// way. It may fire and end with errors; it may not panic, nor fail to stop.
func checkDamaged(t *testing.T, m beacons.Module, c Case) {
	if c.Setup == nil {
		t.Skip("the case sets up no files")
	}
	files := regular(t, c)
	for i, name := range files {
		if len(files) > maxDamaged && i%(len(files)/maxDamaged+1) != 0 {
			continue
		}
		for _, damage := range damages {
			h := newHost(t, m, c)
			h.mayEnd, h.lenient = true, true
			path := filepath.Join(h.root, name)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			damage(path, text)
			for range 2 { // as it is from the beginning, then after it was whole
				ctx, cancel := context.WithTimeout(context.Background(), damagedFor)
				h.run(ctx)()
				cancel()
				_ = os.WriteFile(path, text, 0o644)
				ctx, cancel = context.WithTimeout(context.Background(), damagedFor)
				wait := h.run(ctx)
				h.wait(damagedFor/2, func() bool { return false })
				damage(path, text)
				wait()
				cancel()
			}
			h.close()
		}
	}
}

// damages are what can become of a file. Whether they succeed does not matter.
var damages = []func(path string, text []byte){
	func(path string, _ []byte) { _ = os.Remove(path) },
	func(path string, _ []byte) { _ = os.WriteFile(path, nil, 0o644) },
	func(path string, text []byte) { _ = os.WriteFile(path, text[:len(text)/2], 0o644) },
	func(path string, text []byte) { _ = os.WriteFile(path, text[:max(len(text)-1, 0)], 0o644) },
	func(path string, text []byte) {
		other := make([]byte, len(text))
		for i := range other {
			other[i] = byte(i*131 + 7)
		}
		_ = os.WriteFile(path, other, 0o644)
	},
}

// regular lists the regular files that a case sets up, in order.
func regular(t *testing.T, c Case) (names []string) {
	t.Helper()
	dir := t.TempDir()
	c.Setup(t, dir)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Files is a Case.Setup that copies some files of a captured tree.
func Files(from string, names ...string) func(*testing.T, string) {
	return func(t *testing.T, root string) {
		for _, name := range names {
			text, err := os.ReadFile(filepath.Join(from, name))
			if err != nil {
				t.Fatal(err)
			}
			Write(t, root, name, string(text))
		}
	}
}
