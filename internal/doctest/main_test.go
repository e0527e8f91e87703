package doctest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// bin is the folder of the binaries.
var bin string

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (int, error) {
	if bin = os.Getenv("BRINE_BIN"); bin != "" {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "brine-bin-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./cmd/brine", "./cmd/brine-master", "./cmd/brine-minion")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("the binaries do not build: %w\n%s", err, out)
	}
	bin = dir
	return m.Run(), nil
}
