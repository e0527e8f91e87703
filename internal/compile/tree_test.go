package compile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"brine/internal/manifest"
	"brine/states"
	"brine/states/file"
)

func fileCompiler(t *testing.T, roots ...string) *Compiler {
	t.Helper()
	c, err := New(Options{FileRoots: roots, Modules: []states.Module{file.Module()}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func recurseOf(t *testing.T, c *Compiler) (*file.Recurse, []string) {
	t.Helper()
	low, err := c.Compile(context.Background(), "web1", nil, []string{"s"})
	must(t, err)
	for _, l := range low.States {
		if l.Fun != "file.recurse" {
			continue
		}
		r := new(file.Recurse)
		must(t, l.Args.Decode(r))
		must(t, r.Validate())
		var contents []string
		for _, k := range l.Content {
			rc, size, err := c.Open(k.Hash)
			must(t, err)
			b := make([]byte, size)
			_, err = rc.Read(b)
			must(t, err)
			rc.Close()
			contents = append(contents, string(b))
		}
		return r, contents
	}
	t.Fatal("no file.recurse")
	return nil, nil
}

func TestATreeIsListedOverAllRoots(t *testing.T) {
	first := tree(t, map[string]string{"site/index": "first", "site/a/x": "x", "site/skip.swp": "swp"})
	second := tree(t, map[string]string{"site/index": "second", "site/a/y": "y", "site/b/same": "x"})
	must(t, os.Mkdir(filepath.Join(first, "site/empty"), 0o755))
	must(t, os.Symlink("a/x", filepath.Join(first, "site/link")))
	must(t, os.Chmod(filepath.Join(second, "site/a/y"), 0o755))
	must(t, os.WriteFile(filepath.Join(first, "s.sls"), []byte("/srv/site:\n  file.recurse:\n    - source: salt://site/\n    - exclude_pat: '*.swp'\n"), 0o644))
	r, contents := recurseOf(t, fileCompiler(t, first, second))
	var got []string
	for _, f := range r.Source.Files {
		got = append(got, fmt.Sprintf("%s %d %o", f.Path, f.Size, f.Mode))
	}
	if d := cmp.Diff([]string{"a/x 1 644", "a/y 1 755", "b/same 1 644", "index 5 644", "link 1 644"}, got); d != "" {
		t.Errorf("files:\n%s", d)
	}
	if d := cmp.Diff([]string{"a", "b", "empty"}, r.Source.Dirs); d != "" {
		t.Errorf("folders:\n%s", d)
	}
	if d := cmp.Diff([]string{"x", "y", "first"}, contents); d != "" {
		t.Errorf("contents:\n%s", d)
	}
}

func TestATreeIsFiltered(t *testing.T) {
	files := map[string]string{"site/a.conf": "1", "site/a.txt": "2", "site/d/b.conf": "3", "site/d/e/c.conf": "4", "site/.git/config": "5"}
	for _, c := range []struct{ args, want string }{
		{"include_pat: '*.conf'", "a.conf d/b.conf d/e/c.conf"},
		{"exclude_pat: ['.git', 'E@[.]txt$']", "a.conf d/b.conf d/e/c.conf"},
		{"maxdepth: 0", "a.conf a.txt"},
		{"maxdepth: 1", ".git/config a.conf a.txt d/b.conf"},
	} {
		files["s.sls"] = "/srv/site:\n  file.recurse:\n    - source: brine://site\n    - " + c.args + "\n"
		r, _ := recurseOf(t, fileCompiler(t, tree(t, files)))
		var got []string
		for _, f := range r.Source.Files {
			got = append(got, f.Path)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v; want %s", c.args, got, c.want)
		}
	}
}

func TestTreeFaults(t *testing.T) {
	outside := t.TempDir()
	for _, c := range []struct {
		name, source string
		make         func(dir string) error
		want         string
	}{
		{"no such folder", "brine://sites", nil, `there is no such folder in the file roots (did you mean site?)`},
		{"a file", "brine://site/f", nil, "there is no such folder"},
		{"the root", "brine://", nil, "want the path"},
		{"upwards", "brine://../x", nil, "leads out of the file roots"},
		{"a link out", "brine://site", func(dir string) error { return os.Symlink(outside, dir+"/site/link") }, "leads out of the file root"},
		{"a link to nowhere", "brine://site", func(dir string) error { return os.Symlink("nowhere", dir+"/site/link") }, "leads nowhere"},
		{"a loop", "brine://site", func(dir string) error { return os.Symlink(".", dir+"/site/link") }, "too many levels of symbolic links"},
		{"too many", "brine://site", func(dir string) error {
			for i := range fewTreeFiles + 1 {
				if err := os.WriteFile(fmt.Sprintf("%s/site/%d", dir, i), nil, 0o644); err != nil {
					return err
				}
			}
			return nil
		}, "more than 50 files"},
	} {
		dir := tree(t, map[string]string{"site/f": "x", "s.sls": "/srv/site:\n  file.recurse:\n    - source: " + c.source + "\n"})
		if c.make != nil {
			must(t, c.make(dir))
		}
		compiler := fileCompiler(t, dir)
		compiler.maxTree = fewTreeFiles
		_, err := compiler.Compile(context.Background(), "web1", nil, []string{"s"})
		if text := fmt.Sprint(err); !strings.Contains(text, "s.sls:3:15: state \"/srv/site\": source ") || !strings.Contains(text, c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
}

// fewTreeFiles stands for MaxTreeFiles.
const fewTreeFiles = 50

// A large tree is named by the hash of a manifest, which is served, and whose contents are known to be named by it.
func TestLargeTreesGoByManifest(t *testing.T) {
	files := map[string]string{"s.sls": "/srv/site:\n  file.recurse:\n    - source: brine://site\n", "other": "not in the tree"}
	for i := range maxInline + 1 {
		files[fmt.Sprintf("site/d%d/f%d", i%7, i)] = fmt.Sprint("text ", i)
	}
	dir := tree(t, files)
	c := fileCompiler(t, dir)
	low, err := c.Compile(context.Background(), "web1", nil, []string{"s"})
	must(t, err)
	if l := low.States[0]; len(l.Content) != 1 || len(l.Args) > 1000 {
		t.Fatalf("%d contents, %d bytes of arguments", len(l.Content), len(l.Args))
	}
	f, size, err := c.Open(low.States[0].Content[0].Hash)
	must(t, err)
	var got states.Tree
	must(t, manifest.Decode(f, &got))
	if len(got.Files) != maxInline+1 || len(got.Dirs) != 7 || size != low.States[0].Content[0].Size {
		t.Errorf("%d files, %d folders, %d bytes", len(got.Files), len(got.Dirs), size)
	}
	sets := c.Named(low)
	if len(sets) != 1 {
		t.Fatalf("%d sets", len(sets))
	}
	for _, f := range got.Files {
		if text, err := read(t, c, f.Hash); !sets[0].Has(f.Hash) || err != nil || !strings.HasPrefix(text, "text ") {
			t.Errorf("%s: %q, %v", f.Path, text, err)
		}
	}
	if sum := sha256.Sum256([]byte(files["other"])); sets[0].Has(hex.EncodeToString(sum[:])) || sets[0].Has("") {
		t.Error("it names what is not in the tree")
	}
	if again, err := c.Compile(context.Background(), "web2", nil, []string{"s"}); err != nil || again.Hash != low.Hash || len(c.manifests.kept) != 1 {
		t.Errorf("compiled again it is another: %v", err)
	}
}

// What is remembered of manifests is bounded: the one that was compiled longest ago goes.
func TestManifestsAreBounded(t *testing.T) {
	m := manifests{max: 1000}
	var hashes []string
	for i := range 30 {
		c, err := m.put(&states.Tree{Dirs: []string{fmt.Sprint(i, strings.Repeat("x", 100))}})
		must(t, err)
		hashes = append(hashes, c.Hash)
	}
	if m.bytes > m.max || len(m.kept) < 5 || m.get(hashes[0]) != nil || m.get(hashes[29]) == nil {
		t.Errorf("%d bytes in %d", m.bytes, len(m.kept))
	}
}

func TestWhatOthersAreAboutIsGathered(t *testing.T) {
	dir := tree(t, map[string]string{"s.sls": `
/srv/app:
  file.directory: [clean: true, keep: [/srv/app/mine]]
/srv/application: {file.absent: []}
/srv/app/data/f: {file.managed: [contents: x]}
later:
  file.managed:
    - names: [/srv/app/a, /srv/app/b]
/srv/other:
  file.directory: []
`})
	low, err := fileCompiler(t, dir).Compile(context.Background(), "web1", nil, []string{"s"})
	must(t, err)
	for _, l := range low.States {
		if l.Fun != "file.directory" {
			continue
		}
		d := new(file.Directory)
		must(t, l.Args.Decode(d))
		want := map[string]string{"/srv/app": "/srv/app/mine /srv/app/data/f /srv/app/a /srv/app/b", "/srv/other": ""}[l.Name]
		if got := strings.Join(d.Keep, " "); got != want {
			t.Errorf("%s keeps %q; want %q", l.Name, got, want)
		}
	}
}

func TestModeOfTheSource(t *testing.T) {
	dir := tree(t, map[string]string{"f": "x", "s.sls": "/k:\n  file.managed: [source: 'brine://f', mode: keep]\n/n:\n  file.managed: [source: 'brine://f']\n"})
	must(t, os.Chmod(filepath.Join(dir, "f"), 0o751))
	low, err := fileCompiler(t, dir).Compile(context.Background(), "web1", nil, []string{"s"})
	must(t, err)
	for i, want := range []os.FileMode{0o751, 0} {
		m := new(file.Managed)
		must(t, low.States[i].Args.Decode(m))
		if m.Source.Mode != want {
			t.Errorf("%s: mode %v; want %v", m.Name, m.Source.Mode, want)
		}
	}
}
