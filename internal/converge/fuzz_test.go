package converge

import (
	"os"
	"strings"
	"testing"

	"brine/internal/event"
	"brine/internal/job"
	"brine/states"
	"brine/states/file"
)

// FuzzArgs sends arbitrary arguments: they must end in a result, and in test mode touch nothing.
func FuzzArgs(f *testing.F) {
	text := file.Text("hello")
	for _, m := range []*file.Managed{{Name: "/f", Contents: &text}, {Name: "/f", Source: &states.Source{URL: "brine://f"}}, {Name: "/a/f", Mode: "0644", User: "root", MakeDirs: true}} {
		data, err := event.Encode(m)
		must(f, err)
		f.Add("file.managed", m.Name, []byte(data))
		f.Add("file.absent", m.Name, []byte(data))
	}
	for fun, s := range map[string]states.State{
		"file.recurse": &file.Recurse{Name: "/d", Clean: true, FileMode: "keep", Source: &states.Tree{URL: "brine://d", Dirs: []string{"a"},
			Files: []states.TreeFile{{Path: "a/f", Hash: strings.Repeat("0", 64), Size: 1, Mode: 0o644}}}},
		"file.directory": &file.Directory{Name: "/d", Mode: "0750", MakeDirs: true, Recurse: []string{"mode"}, Clean: true, ExcludePat: []string{"E@x", "*.y"}},
		"file.symlink":   &file.Symlink{Name: "/l", Target: "../x", Force: true, MakeDirs: true},
	} {
		data, err := event.Encode(s)
		must(f, err)
		f.Add(fun, map[string]string{"file.symlink": "/l"}[fun], []byte(data))
		f.Add(fun, "/d", []byte(data))
	}
	f.Add("file.managed", "../x", []byte{0xff})
	root := f.TempDir()
	r := &Runner{Root: root, Modules: []states.Module{file.Module()}}
	f.Fuzz(func(t *testing.T, fun, name string, args []byte) {
		l := job.Low{Fun: fun, Name: name, Args: args, Content: nil}
		res := r.Run(ctx, job.LowState{States: []job.Low{l}}, true, event.ID{})
		if len(res) != 1 || res[0].Comment == "" {
			t.Errorf("%+v", res)
		}
		if names, err := os.ReadDir(root); err != nil || len(names) != 0 {
			t.Errorf("test mode made %v, %v", names, err)
		}
	})
}
