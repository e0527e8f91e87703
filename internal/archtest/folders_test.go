package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestModuleFolders: a module is one folder with its code, a test, a sample that is loaded by a test and shown in the reference, and a
// page of that reference.
func TestModuleFolders(t *testing.T) {
	for contract, sample := range map[string]string{"beacons": "sample.yaml", "states": "sample.sls", "internal/action": "sample.yaml"} {
		for _, path := range modulesOf(t, contract) {
			name := filepath.Base(path)
			for _, file := range []string{
				filepath.Join(path, name+".go"),
				filepath.Join(path, sample),
				page(contract, name),
			} {
				if found, err := filepath.Glob(filepath.Join(root, file)); err != nil || len(found) != 1 {
					t.Errorf("module %s: %s is missing", path, file)
				}
			}
			if p := module(t)[path]; len(p.TestGoFiles)+len(p.XTestGoFiles) == 0 {
				t.Errorf("module %s has no test", path)
			}
		}
	}
}

// page is where a module's page of the reference is; an action's folder is the last part of its name.
func page(contract, name string) string {
	if contract == "internal/action" {
		return "docs/reference/actions/*" + name + ".md"
	}
	return filepath.Join("docs/reference", contract, name+".md")
}

// TestModulesAreListed: what stands in a folder and in no list is never run.
func TestModulesAreListed(t *testing.T) {
	for _, contract := range []string{"beacons", "states", "internal/action"} {
		imports := strings.Join(module(t)[contract+"/all"].own(), " ") + " "
		for _, path := range modulesOf(t, contract) {
			if !strings.Contains(imports, path+" ") {
				t.Errorf("%s is not in the list of %s/all", path, contract)
			}
		}
	}
}

func TestModuleName(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(string(text), "\n"); first != "module brine" {
		t.Errorf("go.mod begins with %q; want %q", first, "module brine")
	}
}
