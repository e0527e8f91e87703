package file

import (
	"testing"

	"brine/internal/config"
	"brine/states"

	"github.com/google/go-cmp/cmp"
)

// Every function of the module can be enforced: something notices its drift.
func TestWatch(t *testing.T) {
	for name, create := range Module().Functions {
		if _, ok := create().(states.Watched); !ok {
			t.Errorf("file.%s names nothing that would notice its drift", name)
		}
	}
	for _, tt := range []struct {
		name    string
		state   states.Watched
		recurse bool
	}{
		{"a file", &Managed{Name: "/a"}, false},
		{"a folder itself", &Directory{Name: "/a"}, false},
		{"a folder that is cleaned", &Directory{Name: "/a", Clean: true}, true},
		{"a folder with what is in it", &Directory{Name: "/a", Recurse: config.Strings{"mode"}}, true},
		{"a tree", &Recurse{Name: "/a"}, true},
	} {
		want := []states.Watch{{Beacon: "file", Path: "/a", Recurse: tt.recurse}}
		if diff := cmp.Diff(want, tt.state.Watch()); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
