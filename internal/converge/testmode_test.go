package converge

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"
	"brine/states"
	"brine/states/file"
)

// Test mode must foretell what a run will change, state by state, each leaning on what the earlier ones would make.
func TestTestModeForetellsTheRun(t *testing.T) {
	x, y := file.Text("x"), file.Text("y")
	for _, c := range []struct {
		name string
		low  []states.State
	}{
		{"files in a folder that comes first", []states.State{&file.Directory{Name: "/srv/new", Mode: "0750"},
			&file.Managed{Name: "/srv/new/a", Contents: &x}, &file.Symlink{Name: "/srv/new/l", Target: "a"}}},
		{"folders that makedirs makes", []states.State{&file.Managed{Name: "/srv/new/deep/a", Contents: &x, MakeDirs: true, DirMode: "0700"},
			&file.Managed{Name: "/srv/new/deep/b", Contents: &x}, &file.Directory{Name: "/srv/new/deep", Mode: "0700"}}},
		{"a folder that goes, and comes anew", []states.State{&file.Absent{Name: "/srv/old"}, &file.Managed{Name: "/srv/old/a", Contents: &x, MakeDirs: true}}},
		{"a folder that goes, and its files", []states.State{&file.Absent{Name: "/srv/old"}, &file.Absent{Name: "/srv/old/a"},
			&file.Managed{Name: "/srv/old/b", Create: new(bool), Contents: &x}}},
		{"the same file twice", []states.State{&file.Managed{Name: "/srv/old/a", Contents: &x}, &file.Managed{Name: "/srv/old/a", Contents: &x, Mode: "0600"},
			&file.Managed{Name: "/srv/old/a", Contents: &y}, &file.Absent{Name: "/srv/old/a"}, &file.Managed{Name: "/srv/old/a", Mode: "0640"}}},
		{"a link in place of a file", []states.State{&file.Symlink{Name: "/srv/old/a", Target: "b", Force: true}, &file.Symlink{Name: "/srv/old/a", Target: "b"},
			&file.Managed{Name: "/srv/old/a", Contents: &x}}},
		{"clean, then what is in it", []states.State{&file.Directory{Name: "/srv/old", Clean: true, Keep: config.Strings{"/srv/old/a"}},
			&file.Managed{Name: "/srv/old/a", Contents: &x}, &file.Managed{Name: "/srv/old/sub/b", Contents: &x, MakeDirs: true}}},
		{"what is in it, then clean", []states.State{&file.Managed{Name: "/srv/old/a", Contents: &x}, &file.Absent{Name: "/srv/old/sub"},
			&file.Directory{Name: "/srv/old", Clean: true, Keep: config.Strings{"/srv/old/a"}}}},
		{"recurse after a mode", []states.State{&file.Managed{Name: "/srv/old/a", Mode: "0640"},
			&file.Directory{Name: "/srv/old", FileMode: "0640", Recurse: config.Strings{"mode"}}, &file.Managed{Name: "/srv/old/sub/b", Mode: "0640"}}},
		{"a file in place of a folder fails either way", []states.State{&file.Managed{Name: "/srv/old/sub", Contents: &x}, &file.Managed{Name: "/srv/none/a", Contents: &x}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fileRunner(t, nil)
			for _, p := range []string{"/srv/old/a", "/srv/old/c", "/srv/old/sub/b"} {
				r.write(t, p, p)
			}
			var low job.LowState
			for _, s := range c.low {
				low.States = append(low.States, lowOf(t, s))
			}
			before := snapshot(t, r.Root)
			foretold := told(r.Run(ctx, low, true, event.ID{}))
			if d := cmp.Diff(before, snapshot(t, r.Root)); d != "" {
				t.Errorf("test mode touched something:\n%s", d)
			}
			if d := cmp.Diff(told(r.Run(ctx, low, false, event.ID{})), foretold); d != "" {
				t.Errorf("test mode foretold (+) something else than was done (-):\n%s", d)
			}
		})
	}
}

func lowOf(t *testing.T, s states.State) job.Low {
	switch s := s.(type) {
	case *file.Managed:
		return low(t, "file.managed", s.Name, s)
	case *file.Absent:
		return low(t, "file.absent", s.Name, s)
	case *file.Directory:
		return low(t, "file.directory", s.Name, s)
	case *file.Symlink:
		return low(t, "file.symlink", s.Name, s)
	}
	t.Fatalf("%T", s)
	return job.Low{}
}

func told(results []job.StateResult) (out []string) {
	for _, r := range results {
		line := fmt.Sprintf("%s %s %v", r.Fun, r.Name, r.OK)
		for _, c := range r.Changes {
			from, _, _ := strings.Cut(c.From, " with ") // how many entries a folder had is not foretold
			line += fmt.Sprintf("; %s: %s -> %s", c.What, from, c.To)
		}
		out = append(out, line)
	}
	return out
}

func snapshot(t *testing.T, root string) (out []string) {
	must(t, filepath.Walk(root, func(p string, i os.FileInfo, err error) error {
		out = append(out, fmt.Sprint(p, i.Mode(), i.Size(), i.ModTime()))
		return err
	}))
	return out
}
