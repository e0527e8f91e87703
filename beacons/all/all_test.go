package all

import (
	"os"
	"slices"
	"testing"
)

// Each folder beside this one is a beacon, and is in the list under its name.
func TestListIsComplete(t *testing.T) {
	var folders, listed []string
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != "all" {
			folders = append(folders, e.Name())
		}
	}
	for _, m := range List() {
		listed = append(listed, m.Name)
		if m.Sample == "" || m.Data == nil || m.Config == nil {
			t.Errorf("%s: sample, data or config is missing", m.Name)
		}
	}
	if !slices.Equal(folders, listed) {
		t.Errorf("folders %q, listed %q", folders, listed)
	}
}
