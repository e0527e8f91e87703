package hostfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCheckPath(t *testing.T) {
	for p, good := range map[string]bool{
		"/etc/motd": true, "/a b": true, "/...": true,
		"": false, "etc/motd": false, "/": false, "/etc/": false, "/etc/../x": false, "/etc//x": false, "/./x": false, "/x\x00y": false,
		"/" + strings.Repeat("n", 256): false, strings.Repeat("/n", 2049): false,
	} {
		if err := CheckPath(p); (err == nil) != good {
			t.Errorf("%.30q: %v; good: %v", p, err, good)
		}
	}
}

// tree is a root with links of every kind in it: absolute ones count from the root, ".." ends there.
func tree(t *testing.T) string {
	t.Helper()
	base := t.TempDir()
	root := filepath.Join(base, "root")
	for _, d := range []string{"root/real/sub", "root" + base + "/real", "outside"} {
		ok(t, os.MkdirAll(filepath.Join(base, d), 0o755))
	}
	for name, target := range map[string]string{
		"rel": "real", "abs": "/real", "chain": "rel/sub/..", "up": "../../../../../../real", "loop": "loop",
		"dangling": "/nowhere", "out": base + "/outside", "file": "real/f/x",
	} {
		ok(t, os.Symlink(target, filepath.Join(root, name)))
	}
	ok(t, os.WriteFile(filepath.Join(root, "real/f"), []byte("x"), 0o644))
	return root
}

func TestParentFollowsTrustedLinksBelowTheRootOnly(t *testing.T) {
	root := tree(t)
	for _, c := range []struct {
		path string
		err  error
	}{
		{"/real/f", nil}, {"/rel/f", nil}, {"/abs/f", nil}, {"/chain/f", nil}, {"/up/f", nil},
		{"/loop/f", unix.ELOOP}, {"/dangling/f", fs.ErrNotExist}, {"/out/f", fs.ErrNotExist},
		{"/real/f/x", unix.ENOTDIR}, {"/file/x", unix.ENOTDIR}, {"/none/f", fs.ErrNotExist},
	} {
		dir, name, err := Parent(root, c.path, false)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v; want %v", c.path, err, c.err)
		}
		if err != nil {
			continue
		}
		if _, err := dir.Look(context.Background(), name, true); err != nil {
			t.Errorf("%s: %v", c.path, err)
		}
		dir.Close()
	}
}

func TestParentRefusesAStrangersLink(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make links of other users")
	}
	root := tree(t)
	ok(t, os.Lchown(filepath.Join(root, "rel"), 65533, 65533))
	for _, makedirs := range []bool{false, true} {
		for _, p := range []string{"/rel/f", "/chain/f"} {
			if _, _, err := Parent(root, p, makedirs); !errors.Is(err, ErrUntrustedLink) {
				t.Errorf("%s: %v; want %v", p, err, ErrUntrustedLink)
			}
		}
	}
}

func TestParentMakesFoldersWhateverTheUmask(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	root := t.TempDir()
	dir, _, err := Parent(root, "/a/b/c/file", true)
	ok(t, err)
	dir.Close()
	info, err := os.Stat(filepath.Join(root, "a/b/c"))
	ok(t, err)
	if info.Mode().Perm() != 0o755 {
		t.Errorf("mode %v; want 0755", info.Mode())
	}
}

func TestDescriptorsAreGivenBack(t *testing.T) {
	root := tree(t)
	open := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		ok(t, err)
		return len(fds)
	}
	before := open()
	for _, p := range []string{"/real/f", "/chain/f", "/loop/f", "/out/f", "/real/f/x", "/up/f", "/new/folder/f"} {
		if dir, _, err := Parent(root, p, true); err == nil {
			dir.Close()
		}
	}
	if after := open(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestSwap(t *testing.T) {
	for _, noExchange := range []bool{false, true} {
		for _, existing := range []bool{false, true} {
			root := t.TempDir()
			target := filepath.Join(root, "f")
			if existing {
				ok(t, os.WriteFile(target, []byte("old"), 0o600))
			}
			dir, name, err := Parent(root, "/f", false)
			ok(t, err)
			w, err := dir.Draft(name, func(p string) { t.Errorf("leftover %s", p) })
			ok(t, err)
			w.noExchange = noExchange
			_, err = w.Write([]byte("new"))
			ok(t, err)
			ok(t, w.Flush())
			displaced, err := w.Swap()
			ok(t, err)
			if displaced != existing {
				t.Errorf("exchange %v: displaced %v; something was there: %v", !noExchange, displaced, existing)
			}
			if displaced {
				if b, err := os.ReadFile(filepath.Join(root, w.Temp())); err != nil || string(b) != "old" {
					t.Errorf("displaced: %q, %v", b, err)
				}
			}
			ok(t, w.Discard())
			ok(t, dir.Sync())
			dir.Close()
			if files, _ := os.ReadDir(root); len(files) != 1 {
				t.Errorf("left: %v", files)
			}
			if b, _ := os.ReadFile(target); string(b) != "new" {
				t.Errorf("exchange %v, existing %v: holds %q", !noExchange, existing, b)
			}
		}
	}
}

func TestDraftTellsWhatACrashLeft(t *testing.T) {
	root := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(root, TempName("f")), []byte("displaced, then the power went"), 0o600))
	dir, name, err := Parent(root, "/f", false)
	ok(t, err)
	defer dir.Close()
	var told string
	w, err := dir.Draft(name, func(p string) {
		b, _ := os.ReadFile(filepath.Join(root, p))
		told = string(b)
	})
	ok(t, err)
	ok(t, w.Discard())
	if told != "displaced, then the power went" {
		t.Errorf("told: %q", told)
	}
}

func TestSetAttributesLeavesAnotherFileAlone(t *testing.T) {
	root := t.TempDir()
	target := filepath.Join(root, "f")
	ok(t, os.WriteFile(target, nil, 0o600))
	dir, name, err := Parent(root, "/f", false)
	ok(t, err)
	defer dir.Close()
	seen, err := dir.Look(context.Background(), name, true)
	ok(t, err)
	ok(t, os.WriteFile(target+".new", nil, 0o600))
	ok(t, os.Rename(target+".new", target))
	if err := dir.SetAttributes(name, seen, -1, -1, 0o777); !errors.Is(err, ErrMoved) {
		t.Errorf("%v; want %v", err, ErrMoved)
	}
	ok(t, os.Remove(target))
	ok(t, os.Symlink("/etc/passwd", target))
	if err := dir.SetAttributes(name, seen, -1, -1, 0o777); !errors.Is(err, ErrMoved) {
		t.Errorf("%v; want %v", err, ErrMoved)
	}
}

func TestPermIsTheOppositeOfOctal(t *testing.T) {
	for _, n := range []uint32{0, 0o644, 0o4755, 0o2711, 0o1777, 0o7777} {
		mode := Perm(n)
		if sysMode(mode) != n || fileMode(n|unix.S_IFREG) != mode {
			t.Errorf("%o is %v and back %o", n, mode, sysMode(mode))
		}
	}
	if s := Octal(Perm(0o4755)); s != "4755" {
		t.Error(s)
	}
}
