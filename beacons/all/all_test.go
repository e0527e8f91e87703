package all

import (
	"os"
	"path/filepath"
	"reflect"
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
		if m.Sample == "" || m.Data == nil || m.Config == nil || len(m.Tags) == 0 {
			t.Errorf("%s: sample, data, config or tags are missing", m.Name)
		}
		for _, tag := range m.Tags {
			if reflect.TypeOf(tag.Data) != reflect.TypeOf(m.Data) || reflect.ValueOf(tag.Data).IsZero() {
				t.Errorf("%s: the tag %s has no example", m.Name, tag.Tail)
			}
		}
		for _, path := range []string{"../" + m.Name + "/sample.yaml", "../../docs/reference/beacons/" + m.Name + ".md"} {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %v (`go generate ./internal/doctest` makes pages)", m.Name, err)
			}
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
