package hostfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host makes a root with the folder /a that holds the folder b, the file f, and the link l to b.
func host(t *testing.T) (root string, a *Dir) {
	t.Helper()
	root = t.TempDir()
	check(t, os.MkdirAll(filepath.Join(root, "a/b"), 0o755))
	check(t, os.WriteFile(filepath.Join(root, "a/f"), []byte("f"), 0o644))
	check(t, os.Symlink("b", filepath.Join(root, "a/l")))
	a, _, err := OpenFolder(root, "/a")
	check(t, err)
	t.Cleanup(func() { a.Close() })
	return root, a
}

func TestFolderOpensRealFoldersOnly(t *testing.T) {
	_, a := host(t)
	for name, want := range map[string]error{"b": nil, "f": ErrNotFolder, "l": ErrNotFolder, "none": fs.ErrNotExist, "../a": fs.ErrInvalid} {
		d, i, err := a.Folder(name, true)
		if want == fs.ErrInvalid { // the kernel has several words for it
			if err == nil {
				t.Errorf("%s led upwards", name)
			}
			continue
		}
		if !errors.Is(err, want) || err == nil && !i.Mode.IsDir() {
			t.Errorf("%s: %v, %v; want %v", name, i.Mode, err, want)
		}
		if err == nil {
			d.Close()
		}
	}
	names, err := a.List()
	if len(names) != 3 || names[0] != "b" || names[2] != "l" || err != nil {
		t.Errorf("%v, %v", names, err)
	}
}

func TestMountsAreTold(t *testing.T) {
	root, a := host(t)
	if err := unix.Mount(filepath.Join(root, "a"), filepath.Join(root, "a/b"), "", unix.MS_BIND, ""); err != nil {
		t.Skip("nothing can be mounted here")
	}
	defer unix.Unmount(filepath.Join(root, "a/b"), 0)
	if _, _, err := a.Folder("b", false); !errors.Is(err, ErrMount) {
		t.Errorf("%v; want ErrMount", err)
	}
	if !a.IsMount("b") || a.IsMount("f") {
		t.Errorf("b %v, f %v", a.IsMount("b"), a.IsMount("f"))
	}
	if d, _, err := a.Folder("b", true); err != nil {
		t.Error(err)
	} else {
		d.Close()
	}
	if err := a.removeAny("b", 0); !errors.Is(err, ErrMount) {
		t.Errorf("removed: %v", err)
	}
}

func TestAttributesGoToWhatWasSeenOnly(t *testing.T) {
	root, a := host(t)
	ctx := context.Background()
	seen := map[string]Info{}
	for _, name := range []string{"b", "f", "l"} {
		i, err := a.Look(ctx, name, false)
		check(t, err)
		seen[name] = i
	}
	set := func() []error {
		return []error{a.SetFolder("b", seen["b"], -1, -1, 0o700), a.SetAttributes("f", seen["f"], -1, -1, 0o600), a.SetLinkOwner("l", seen["l"], -1, -1)}
	}
	check(t, errors.Join(set()...))
	for name, want := range map[string]fs.FileMode{"b": fs.ModeDir | 0o700, "f": 0o600} {
		if i, err := a.Look(ctx, name, false); err != nil || i.Mode != want {
			t.Errorf("%s: %v, %v", name, i.Mode, err)
		}
	}
	for _, name := range []string{"b", "f", "l"} {
		check(t, os.Rename(filepath.Join(root, "a", name), filepath.Join(root, name)))
	}
	for i, err := range set() {
		if !errors.Is(err, ErrMoved) {
			t.Errorf("%d, gone: %v", i, err)
		}
	}
	check(t, os.Mkdir(filepath.Join(root, "a/b"), 0o755))
	check(t, os.WriteFile(filepath.Join(root, "a/f"), nil, 0o644))
	check(t, os.Symlink("x", filepath.Join(root, "a/l")))
	for i, err := range set() {
		if !errors.Is(err, ErrMoved) {
			t.Errorf("%d, another: %v", i, err)
		}
	}
}

func TestDraftsOfFoldersAndLinks(t *testing.T) {
	root, a := host(t)
	for _, c := range []struct {
		what string
		make func() (*Draft, error)
		want fs.FileMode
	}{
		{"a folder over a file", func() (*Draft, error) { return a.DraftFolder("f", func(string) {}) }, fs.ModeDir},
		{"a link over a folder", func() (*Draft, error) { return a.DraftLink("f", "x", -1, -1, func(string) {}) }, fs.ModeSymlink},
		{"a file over a link", func() (*Draft, error) { return a.Draft("f", func(string) {}) }, 0},
		{"a link that is new", func() (*Draft, error) { return a.DraftLink("new", "x", -1, -1, func(string) {}) }, fs.ModeSymlink},
	} {
		w, err := c.make()
		check(t, err)
		displaced, err := w.Swap()
		check(t, err)
		check(t, w.Discard())
		if i, err := a.Look(context.Background(), w.name, false); err != nil || i.Mode.Type() != c.want || displaced == (w.name == "new") {
			t.Errorf("%s: %v, %v, displaced %v", c.what, i.Mode, err, displaced)
		}
	}
	if entries, _ := os.ReadDir(filepath.Join(root, "a")); len(entries) != 4 {
		t.Errorf("left %v", entries)
	}
}

func TestRemoveFolderTakesEmptyOnesOnly(t *testing.T) {
	root, a := host(t)
	check(t, os.WriteFile(filepath.Join(root, "a/b/x"), nil, 0o644))
	if err := a.RemoveFolder("b"); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("%v; want ErrNotEmpty", err)
	}
	check(t, os.Remove(filepath.Join(root, "a/b/x")))
	check(t, a.RemoveFolder("b"))
	check(t, a.RemoveFolder("b")) // gone already
}

func TestMissingFoldersAreMadeAsSaid(t *testing.T) {
	root := t.TempDir()
	made := Made{Mode: 0o2770, UID: -1, GID: -1}
	if os.Geteuid() == 0 {
		made.UID, made.GID = 65533, 65532
	}
	d, name, err := ParentMade(root, "/x/y/f", &Made{Mode: Perm(0o2770), UID: made.UID, GID: made.GID})
	check(t, err)
	d.Close()
	parent, _, err := OpenFolder(root, "/x")
	check(t, err)
	defer parent.Close()
	i, err := parent.Look(context.Background(), "y", false)
	if err != nil || name != "f" || i.Mode != fs.ModeDir|fs.ModeSetgid|0o770 || made.UID >= 0 && (i.UID != made.UID || i.GID != made.GID) {
		t.Errorf("%+v, %q, %v", i, name, err)
	}
	if _, _, err := ParentMade(root, "/none/f", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v; want fs.ErrNotExist", err)
	}
}

func TestRemovable(t *testing.T) {
	for p, want := range map[string]bool{"/": false, "/etc": false, "/usr/lib": false, "/var/log": false, "/proc/1": false, "/sys/x/y": false,
		"/dev/shm/x": true, "/etc/x": true, "/usr/local/x": true, "/data": true, "/processes": true} {
		if err := CheckRemovable(p); (err == nil) != want || err != nil && !errors.Is(err, ErrSystemFolder) {
			t.Errorf("%s: %v; removable: %v", p, err, want)
		}
	}
}
