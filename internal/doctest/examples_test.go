package doctest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamples runs every set-up below examples as its README says, in a copy of its folder.
func TestExamples(t *testing.T) {
	needBash(t)
	entries, err := os.ReadDir(filepath.Join(root, "examples"))
	if err != nil {
		t.Fatal(err)
	}
	overview := read(t, "examples/README.md")
	found := 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		found++
		t.Run(e.Name(), func(t *testing.T) {
			if !strings.Contains(overview, "("+e.Name()+"/README.md)") {
				t.Errorf("examples/README.md does not list %s", e.Name())
			}
			dir := filepath.Join(t.TempDir(), e.Name())
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples", e.Name()))); err != nil {
				t.Fatal(err)
			}
			for _, leftover := range []string{"run", "host", "minion.d"} {
				if err := os.RemoveAll(filepath.Join(dir, leftover)); err != nil {
					t.Fatal(err)
				}
			}
			runBlocks(t, readPage(t, "examples/"+e.Name()+"/README.md"), dir)
		})
	}
	if found < 4 {
		t.Errorf("only %d examples found", found)
	}
}
