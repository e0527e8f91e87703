package converge

import (
	"os"
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
