package e2e

import (
	"os"
	"os/exec"
)

// grep names the first file below dir that holds a text.
func grep(w *world, dir, text string) string {
	w.t.Helper()
	out, _ := exec.Command("grep", "-rlaF", "-m1", text, dir).Output() // exit status 1: none
	return string(out)
}

// read reads a file of the installation.
func read(w *world, rel string) string {
	w.t.Helper()
	text, err := os.ReadFile(w.Path(rel))
	w.must(err)
	return string(text)
}
