package all

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		if !conforms(t, m.Name) {
			t.Errorf("%s: no test runs the conformance suite: TestConformance calls beacontest.Run", m.Name)
		}
	}
	if !slices.Equal(folders, listed) {
		t.Errorf("folders %q, listed %q", folders, listed)
	}
}

// conforms reports whether a test of the module runs the conformance suite.
func conforms(t *testing.T, name string) bool {
	t.Helper()
	tests, err := filepath.Glob(filepath.Join("..", name, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(tests, func(path string) bool {
		text, err := os.ReadFile(path)
		return err == nil && strings.Contains(string(text), "func TestConformance(") && strings.Contains(string(text), "beacontest.Run(t, ")
	})
}
