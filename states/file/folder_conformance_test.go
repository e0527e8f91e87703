package file_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"brine/internal/config"
	"brine/internal/statetest"
	"brine/states"
	"brine/states/file"
)

const (
	app  = "/srv/app"
	conf = "/srv/app/conf"
)

func directory(change func(d *file.Directory)) func(*statetest.Host) states.State {
	return func(*statetest.Host) states.State {
		d := &file.Directory{Name: app}
		change(d)
		return d
	}
}

func symlink(change func(l *file.Symlink)) func(*statetest.Host) states.State {
	return func(*statetest.Host) states.State {
		l := &file.Symlink{Name: app, Target: "/opt/app-2"}
		change(l)
		return l
	}
}

func recurse(files map[string]string, change func(r *file.Recurse)) func(*statetest.Host) states.State {
	return func(h *statetest.Host) states.State {
		r := &file.Recurse{Name: app, Source: h.Tree(files)}
		change(r)
		return r
	}
}

func plainDir(*file.Directory)   {}
func plainLink(*file.Symlink)    {}
func plainTree(*file.Recurse)    {}
func srv(h *statetest.Host)      { h.Mkdir("/srv") }
func someTree(h *statetest.Host) { tree(h, "conf", "data/a", "data/b", "log/x.log", "log/old/y.log") }

// tree makes files below app that hold their own paths.
func tree(h *statetest.Host, files ...string) {
	for _, f := range files {
		h.Write(app+"/"+f, f, 0o644)
	}
}

// list is what there is below app: folders with a slash, links with where they lead, files with their mode.
func list(t *testing.T, h *statetest.Host) string {
	t.Helper()
	var out []string
	must(t, fs.WalkDir(os.DirFS(h.Abs(app)), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == "." {
			return err
		}
		switch {
		case e.IsDir():
			p += "/"
		case e.Type() == fs.ModeSymlink:
			target, _ := os.Readlink(h.Abs(app + "/" + p))
			p += "->" + target
		}
		out = append(out, p)
		return nil
	}))
	return strings.Join(out, " ")
}

func lists(want string) func(*testing.T, *statetest.Host) {
	return func(t *testing.T, h *statetest.Host) {
		t.Helper()
		if got := list(t, h); got != want {
			t.Errorf("the folder holds %q; want %q", got, want)
		}
	}
}

func modeOf(t *testing.T, h *statetest.Host, p string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(h.Abs(p))
	must(t, err)
	return info.Mode()
}

func hasMode(p string, want fs.FileMode) func(*testing.T, *statetest.Host) {
	return func(t *testing.T, h *statetest.Host) {
		t.Helper()
		if got := modeOf(t, h, p); got != want {
			t.Errorf("%s has mode %v; want %v", p, got, want)
		}
	}
}

func directoryCases() []statetest.Case {
	zero := 0
	return []statetest.Case{
		{Name: "not there", Fun: "directory", Path: app, Setup: srv, State: directory(plainDir), After: hasMode(app, fs.ModeDir|0o755)},
		{Name: "not there, with a mode", Fun: "directory", Path: app, Setup: srv, State: directory(func(d *file.Directory) { d.Mode = "2770" }),
			After: hasMode(app, fs.ModeDir|fs.ModeSetgid|0o770)},
		{Name: "as it should be", Fun: "directory", Path: app, Right: true, Setup: someTree, State: directory(plainDir)},
		{Name: "another mode", Fun: "directory", Path: app, Setup: someTree, State: directory(func(d *file.Directory) { d.DirMode = "0700" }),
			After: hasMode(app, fs.ModeDir|0o700)},
		{Name: "folders on the way are made", Fun: "directory", Path: "/srv/a/b", State: func(*statetest.Host) states.State {
			return &file.Directory{Name: "/srv/a/b", Mode: "0711", MakeDirs: true}
		}, After: hasMode("/srv/a", fs.ModeDir|0o711)},
		{Name: "the folder on the way is missing", Fun: "directory", Path: app, State: directory(plainDir), Err: "makedirs: true"},
		{Name: "a file in the way", Fun: "directory", Path: app, Setup: func(h *statetest.Host) { h.Write(app, "x", 0o644) },
			State: directory(plainDir), Err: "force: true"},
		{Name: "a file in the way, by force", Fun: "directory", Path: app, Setup: func(h *statetest.Host) { h.Write(app, "x", 0o600) },
			State: directory(func(d *file.Directory) { d.Force = true }), After: hasMode(app, fs.ModeDir|0o755)},
		{Name: "a symlink in the way", Fun: "directory", Path: app, Setup: linkToElsewhere, State: directory(plainDir), Err: "allow_symlink"},
		{Name: "a symlink to a folder is allowed", Fun: "directory", Right: true, Setup: linkToElsewhere,
			State: directory(func(d *file.Directory) { d.AllowSymlink = true })},
		{Name: "a symlink in the way, by force", Fun: "directory", Path: app, Setup: linkToElsewhere,
			State: directory(func(d *file.Directory) { d.Force = true }),
			After: func(t *testing.T, h *statetest.Host) {
				hasMode(app, fs.ModeDir|0o755)(t, h)
				if got := h.Read("/elsewhere/precious"); got != "precious" {
					t.Errorf("behind the link: %q", got)
				}
			}},
		{Name: "recurse sets modes", Fun: "directory", Path: conf, Setup: func(h *statetest.Host) { someTree(h); h.Link("/etc/passwd", app+"/link", os.Geteuid()) },
			State: directory(func(d *file.Directory) { d.DirMode, d.FileMode, d.Recurse = "0750", "0640", config.Strings{"mode"} }),
			After: func(t *testing.T, h *statetest.Host) {
				for _, p := range []string{"/log/x.log", "/log/old/y.log"} {
					hasMode(app+p, 0o640)(t, h)
				}
				hasMode(app+"/log/old", fs.ModeDir|0o750)(t, h)
			}},
		{Name: "recurse goes no deeper than it is told", Fun: "directory", Path: app, Setup: someTree,
			State: directory(func(d *file.Directory) {
				d.DirMode, d.FileMode, d.Recurse, d.MaxDepth = "0750", "0640", config.Strings{"mode"}, &zero
			}),
			After: hasMode(conf, 0o644)},
		{Name: "recurse leaves files", Fun: "directory", Path: app + "/log", Setup: someTree,
			State: directory(func(d *file.Directory) {
				d.DirMode, d.FileMode, d.Recurse = "0750", "0640", config.Strings{"mode", "ignore_files"}
			}),
			After: hasMode(conf, 0o644)},
		{Name: "recurse leaves folders", Fun: "directory", Path: conf, Setup: someTree,
			State: directory(func(d *file.Directory) { d.FileMode, d.Recurse = "0640", config.Strings{"mode", "ignore_dirs"} }),
			After: hasMode(app+"/log", fs.ModeDir|0o755)},
		{Name: "recurse and a file with a second name", Fun: "directory", Path: conf, Setup: func(h *statetest.Host) {
			h.Write("/secret", "conf", 0o600)
			h.Mkdir(app)
			must(h.T, os.Link(h.Abs("/secret"), h.Abs(conf)))
		}, State: directory(func(d *file.Directory) { d.FileMode, d.Recurse = "0644", config.Strings{"mode"} }),
			After: func(t *testing.T, h *statetest.Host) {
				hasMode(conf, 0o644)(t, h)
				hasMode("/secret", 0o600)(t, h)
			}},
		{Name: "clean", Fun: "directory", Path: conf, Setup: func(h *statetest.Host) {
			someTree(h)
			h.Link("/elsewhere", app+"/link", os.Geteuid())
			h.Write("/elsewhere/precious", "precious", 0o600)
		}, State: directory(func(d *file.Directory) {
			d.Clean, d.ExcludePat, d.Keep = true, config.Strings{"*/y.log"}, config.Strings{app + "/data/b", "/other"}
		}), After: func(t *testing.T, h *statetest.Host) {
			lists("data/ data/b log/ log/old/ log/old/y.log")(t, h)
			if got := h.Read("/elsewhere/precious"); got != "precious" {
				t.Errorf("behind the link: %q", got)
			}
		}},
		{Name: "clean, and nothing to remove", Fun: "directory", Path: app, Right: true, Setup: func(h *statetest.Host) { tree(h, "data/b/c") },
			State: directory(func(d *file.Directory) { d.Clean, d.Keep = true, config.Strings{app + "/data/b"} })},
	}
}

func linkToElsewhere(h *statetest.Host) {
	h.Write("/elsewhere/precious", "precious", 0o600)
	h.Link("/elsewhere", app, os.Geteuid())
}

func leads(want string) func(*testing.T, *statetest.Host) {
	return func(t *testing.T, h *statetest.Host) {
		t.Helper()
		if got, err := os.Readlink(h.Abs(app)); err != nil || got != want {
			t.Errorf("it leads to %q, %v; want %q", got, err, want)
		}
	}
}

func symlinkCases() []statetest.Case {
	force := func(l *file.Symlink) { l.Force = true }
	return []statetest.Case{
		{Name: "not there", Fun: "symlink", Path: app, Setup: srv, State: symlink(plainLink), After: leads("/opt/app-2")},
		{Name: "as it should be", Fun: "symlink", Path: app, Right: true, Setup: func(h *statetest.Host) { h.Link("/opt/app-2", app, os.Geteuid()) }, State: symlink(plainLink)},
		{Name: "leads elsewhere", Fun: "symlink", Path: app, Setup: func(h *statetest.Host) { h.Link("app-1", app, os.Geteuid()) }, State: symlink(plainLink), After: leads("/opt/app-2")},
		{Name: "folders on the way are made", Fun: "symlink", Path: app, State: symlink(func(l *file.Symlink) { l.MakeDirs = true }), After: leads("/opt/app-2")},
		{Name: "the folder is missing", Fun: "symlink", Path: app, State: symlink(plainLink), Err: "makedirs: true"},
		{Name: "a file in the way", Fun: "symlink", Path: app, Setup: func(h *statetest.Host) { h.Write(app, "x", 0o644) }, State: symlink(plainLink), Err: "force: true"},
		{Name: "a file in the way, by force", Fun: "symlink", Path: app, Setup: func(h *statetest.Host) { h.Write(app, "x", 0o644) }, State: symlink(force), After: leads("/opt/app-2")},
		{Name: "a folder in the way", Fun: "symlink", Path: app, Setup: someTree, State: symlink(plainLink), Err: "force: true"},
		{Name: "a folder in the way, by force", Fun: "symlink", Path: app, Setup: someTree, State: symlink(force), After: leads("/opt/app-2")},
	}
}

func recurseCases() []statetest.Case {
	site := map[string]string{"conf": "new", "data/a": "a", "data/b": "b", "empty/": "", "deep/er/x": "x"}
	return []statetest.Case{
		{Name: "not there", Fun: "recurse", Path: app, State: recurse(site, plainTree), After: lists("conf data/ data/a data/b deep/ deep/er/ deep/er/x")},
		{Name: "empty folders, too", Fun: "recurse", Path: app, State: recurse(site, func(r *file.Recurse) { r.IncludeEmpty = true }),
			After: lists("conf data/ data/a data/b deep/ deep/er/ deep/er/x empty/")},
		{Name: "some of it differs", Fun: "recurse", Path: conf, Setup: someTree, State: recurse(site, plainTree), After: func(t *testing.T, h *statetest.Host) {
			lists("conf data/ data/a data/b deep/ deep/er/ deep/er/x log/ log/old/ log/old/y.log log/x.log")(t, h)
			if got := h.Read(conf); got != "new" {
				t.Errorf("conf holds %q", got)
			}
		}},
		{Name: "modes", Fun: "recurse", Path: conf, Setup: someTree, State: recurse(site, func(r *file.Recurse) { r.FileMode, r.DirMode = "keep", "0711" }),
			After: func(t *testing.T, h *statetest.Host) {
				hasMode(conf, 0o640)(t, h)
				hasMode(app+"/deep/er", fs.ModeDir|0o711)(t, h)
			}},
		{Name: "nothing else", Fun: "recurse", Path: app + "/log", Setup: someTree, State: recurse(site, func(r *file.Recurse) { r.Clean = true }),
			After: lists("conf data/ data/a data/b deep/ deep/er/ deep/er/x")},
		{Name: "nothing else, but what is excluded or another state's", Fun: "recurse", Path: conf, Setup: someTree,
			State: recurse(site, func(r *file.Recurse) {
				r.Clean, r.ExcludePat, r.Keep = true, config.Strings{"*.log"}, config.Strings{app + "/own"}
			}), After: lists("conf data/ data/a data/b deep/ deep/er/ deep/er/x log/ log/old/ log/old/y.log log/x.log")},
		{Name: "content that is there stays", Fun: "recurse", Path: app + "/deep", Setup: someTree, State: recurse(site, func(r *file.Recurse) { r.Replace = new(bool) }),
			After: func(t *testing.T, h *statetest.Host) {
				if got := h.Read(conf); got != "conf" {
					t.Errorf("conf holds %q", got)
				}
			}},
		{Name: "as it should be", Fun: "recurse", Path: app, Right: true, Setup: func(h *statetest.Host) { tree(h, "conf", "data/a") },
			State: recurse(map[string]string{"conf": "conf", "data/a": "data/a"}, func(r *file.Recurse) { r.Clean = true })},
		{Name: "a folder where a file should be", Fun: "recurse", Path: app, Setup: func(h *statetest.Host) { tree(h, "conf/x") }, State: recurse(site, plainTree),
			Err: "is a directory"},
		{Name: "a link where a folder should be", Fun: "recurse", Path: app, Setup: func(h *statetest.Host) { h.Link("/elsewhere", app+"/data", os.Geteuid()) },
			State: recurse(site, plainTree), Err: "is a symlink"},
	}
}
