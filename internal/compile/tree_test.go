package compile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
			for i := range MaxTreeFiles + 1 {
				if err := os.WriteFile(fmt.Sprintf("%s/site/%d", dir, i), nil, 0o644); err != nil {
					return err
				}
			}
			return nil
		}, "more than 1000 files"},
	} {
		dir := tree(t, map[string]string{"site/f": "x", "s.sls": "/srv/site:\n  file.recurse:\n    - source: " + c.source + "\n"})
		if c.make != nil {
			must(t, c.make(dir))
		}
		_, err := fileCompiler(t, dir).Compile(context.Background(), "web1", nil, []string{"s"})
		if text := fmt.Sprint(err); !strings.Contains(text, "s.sls:3:15: state \"/srv/site\": source ") || !strings.Contains(text, c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
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
