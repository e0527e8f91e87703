package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/internal/job"
)

// A tree that is too large to travel with its state goes by a manifest: everything arrives, what changes in the source arrives alone, what the result
// says of it stays readable, and its drift is put right.
func TestLargeTree(t *testing.T) {
	t.Parallel()
	const folders, each = 20, 20
	w := newWorld(t)
	for d := range folders {
		dir := w.Path(fmt.Sprintf("states/site/d%02d/in", d))
		w.must(os.MkdirAll(dir, 0o755))
		for f := range each {
			w.must(os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%03d", f)), fmt.Appendf(nil, "file %d of folder %d\n", f, d), 0o644))
		}
	}
	to := w.Path("host/site")
	w.must(os.MkdirAll(filepath.Dir(to), 0o755))
	w.write("states/site.sls", to+":\n  file.recurse:\n    - source: brine://site\n    - clean: true\n    - file_mode: '0640'\n    - enforce: true\n")
	w.startMaster()
	m := w.minion("web1", "")

	begun := time.Now()
	r := w.apply(m.ID, "site")
	t.Logf("%d files: %s", folders*each, time.Since(begun).Round(time.Millisecond))
	if !r.OK || len(r.States) != 1 {
		t.Fatalf("%.500v", r)
	}
	checkBounded(t, r, folders*each)
	for d := range folders {
		for _, f := range []int{0, each - 1} {
			got, err := os.ReadFile(filepath.Join(to, fmt.Sprintf("d%02d/in/f%03d", d, f)))
			if want := fmt.Sprintf("file %d of folder %d\n", f, d); err != nil || string(got) != want {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		}
	}
	if r = w.apply(m.ID, "site"); !r.OK || r.Changed() {
		t.Errorf("applied again it changes something: %.500v", r)
	}

	w.must(os.WriteFile(w.Path("states/site/d07/in/f007"), []byte("another text\n"), 0o644))
	w.must(os.Remove(w.Path("states/site/d08/in/f008")))
	if r = w.apply(m.ID, "site"); !r.OK || len(r.States[0].Changes) != 2 {
		t.Errorf("two files have changed in the source: %.500v", r)
	}

	drifted := filepath.Join(to, "d07/in/f007")
	w.must(os.WriteFile(drifted, []byte("drift"), 0o640))
	w.until("the drift is put right", func() bool {
		got, err := os.ReadFile(drifted)
		return err == nil && string(got) == "another text\n"
	})

	// What the minion keeps is enough to restore all of it, without the master.
	w.settled(m)
	w.must(w.Master.Stop())
	w.must(os.Rename(filepath.Join(to, "d09"), w.Path("host/away")))
	w.until("the folder is there again", func() bool {
		list, err := os.ReadDir(filepath.Join(to, "d09/in"))
		return err == nil && len(list) == each
	})
}

// checkBounded checks that a result over very many files can be read.
func checkBounded(t *testing.T, r job.Result, files int) {
	t.Helper()
	s := r.States[0]
	if len(s.Comment) > 1000 || len(s.Changes) > 100 {
		t.Errorf("%d changes, comment: %.2000s", len(s.Changes), s.Comment)
	}
	if last := s.Changes[len(s.Changes)-1]; last.What != "more" || !strings.Contains(last.To, "further differences") {
		t.Errorf("%d files were made, and the last change is told as %+v", files, last)
	}
}
