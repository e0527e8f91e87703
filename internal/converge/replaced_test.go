package converge

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"brine/internal/event"
	"brine/internal/job"
	"brine/states"
	"brine/states/file"
)

func fileRunner(t *testing.T, q *Quarantine) *Runner {
	t.Helper()
	return &Runner{Root: t.TempDir(), Modules: []states.Module{file.Module()}, Quarantine: q, Expectations: NewExpectations(0)}
}

func (r *Runner) write(t *testing.T, p, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(r.Root, p)), 0o755))
	must(t, os.WriteFile(filepath.Join(r.Root, p), []byte(text), 0o644))
}

func (r *Runner) one(t *testing.T, fun, name string, s states.State) job.StateResult {
	t.Helper()
	return r.Run(ctx, job.LowState{States: []job.Low{low(t, fun, name, s)}}, false, event.ID{})[0]
}

func TestWhatIsReplacedIsKept(t *testing.T) {
	text := file.Text("new")
	for _, c := range []struct {
		name   string
		backup string
		size   int // bytes of what is there
		max    int64
		kept   bool
		ok     bool
		says   string
	}{
		{"unasked", "", 10, 100, true, true, ""},
		{"asked for", "minion", 10, 100, true, true, "is kept as"},
		{"unasked and too large", "", 101, 100, false, true, ""},
		{"asked for and too large", "minion", 101, 100, false, false, "which was left as it was: it has 101 bytes"},
	} {
		q, err := OpenQuarantine(filepath.Join(t.TempDir(), "q"), c.max, 0, nil)
		must(t, err)
		r := fileRunner(t, q)
		was := strings.Repeat("x", c.size)
		r.write(t, "/f", was)
		res := r.one(t, "file.managed", "/f", &file.Managed{Name: "/f", Contents: &text, Backup: c.backup})
		if res.OK != c.ok || !strings.Contains(res.Comment, c.says) || c.says == "" && strings.Contains(res.Comment, "kept") {
			t.Errorf("%s: %+v", c.name, res)
		}
		kept, _ := q.List()
		if (len(kept) == 1) != c.kept || c.kept && (kept[0].Target != "/f" || !kept[0].Replaced) {
			t.Errorf("%s: kept %+v", c.name, kept)
		}
		if b, _ := os.ReadFile(filepath.Join(r.Root, "f")); (string(b) == was) == c.ok {
			t.Errorf("%s: the file holds %.20q", c.name, b)
		}
	}
}

func TestQuarantineKnowsEveryTargetOfAContent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	q, err := OpenQuarantine(dir, 12, 0, nil)
	must(t, err)
	r := fileRunner(t, q)
	for _, p := range []string{"/a", "/b", "/a"} {
		r.write(t, p, "same")
		_, err := q.KeepReplaced(r.Root, p, p, 100, true, Why{})
		must(t, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, ".new-1"), []byte("rest of a crash"), 0o600))
	if q, err = OpenQuarantine(dir, 12, 0, nil); err != nil {
		t.Fatal(err)
	}
	kept, _ := q.List()
	if len(kept) != 2 || kept[0].Target != "/b" || kept[1].Target != "/a" {
		t.Fatalf("kept %+v", kept)
	}
	r.write(t, "/c", "0123456789")
	_, err = q.Keep(r.Root, "/c", "/c", Why{}) // pushes out both names of the content
	must(t, err)
	if _, err := q.Open(kept[0].SHA256); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the content of what went is still there: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("the folder holds %v", entries)
	}
	rc, err := q.Open("84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882")
	must(t, err)
	defer rc.Close()
	if b, _ := io.ReadAll(rc); string(b) != "0123456789" {
		t.Errorf("it holds %q", b)
	}
}

func TestAStateAsksForEveryPathBesideItsName(t *testing.T) {
	for _, c := range []struct {
		name  string
		allow Allow
		ok    bool
		says  string
	}{
		{"everything", DefaultAllow(), true, ""},
		{"a path below is forbidden", Allow{States: []string{"*"}, Paths: []string{"/**", "!/srv/app/own"}}, false, `on the path "/srv/app/own"`},
	} {
		r := fileRunner(t, nil)
		r.Allow = &c.allow
		r.write(t, "/srv/app/own", "x")
		res := r.one(t, "file.directory", "/srv/app", &file.Directory{Name: "/srv/app", Clean: true})
		if res.OK != c.ok || !strings.Contains(res.Comment, c.says) {
			t.Errorf("%s: %+v", c.name, res)
		}
		if _, err := os.Stat(filepath.Join(r.Root, "/srv/app/own")); (err == nil) == c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestACheckIsACommandAndMustBeAllowed(t *testing.T) {
	text := file.Text("new")
	for _, c := range []struct {
		name    string
		allow   Allow
		command string
		ok      bool
		says    string
	}{
		{"by default", DefaultAllow(), "true", false, "check_cmd runs a command"},
		{"allowed and accepted", Allow{States: []string{"*"}, Paths: []string{"/**"}}, "true", true, "updated"},
		{"allowed and refused", Allow{States: []string{"*"}, Paths: []string{"/**"}}, "false", false, "refused the new content"},
	} {
		r := fileRunner(t, nil)
		r.Allow = &c.allow
		r.write(t, "/f", "old")
		res := r.one(t, "file.managed", "/f", &file.Managed{Name: "/f", Contents: &text, CheckCmd: file.Command{c.command}})
		if res.OK != c.ok || !strings.Contains(res.Comment, c.says) {
			t.Errorf("%s: %+v", c.name, res)
		}
		if b, _ := os.ReadFile(filepath.Join(r.Root, "f")); (string(b) == "new\n") != c.ok {
			t.Errorf("%s: the file holds %q", c.name, b)
		}
	}
}

// Of a tree that failed half way, what was written is still Brine's own.
func TestWhatCameToPassBeforeAFailureStaysExpected(t *testing.T) {
	r := fileRunner(t, nil)
	r.write(t, "/srv/a", "x")
	r.write(t, "/srv/b", "x")
	done := map[string]bool{}
	module := states.Module{Name: "half", Functions: map[string]func() states.State{"done": func() states.State { return &half{done: done, root: r.Root} }}}
	r.Modules = []states.Module{module}
	if res := r.one(t, "half.done", "/srv", &half{Name: "/srv"}); res.OK {
		t.Fatal(res)
	}
	for p, want := range map[string]bool{"/srv/a": true, "/srv/b": false} {
		if _, ok := r.Expectations.Own(p); ok != want {
			t.Errorf("%s is expected: %v; want %v", p, ok, want)
		}
	}
}

// half removes /srv/a, and fails to remove /srv/b.
type half struct {
	Name string `json:"name"`
	done map[string]bool
	root string
}

func (*half) Validate() error { return nil }
func (*half) Check(ctxType, states.Env) (states.Changes, error) {
	return states.Changes{{What: "exists"}}, nil
}
func (h *half) Apply(_ ctxType, env states.Env, _ states.Changes) error {
	for _, p := range []string{"/srv/a", "/srv/b"} {
		env.Expect(p, states.Expected{Absent: true, UID: -1, GID: -1})
		if p == "/srv/b" {
			return errors.New("no luck")
		}
		if err := os.Remove(filepath.Join(h.root, p)); err != nil {
			return err
		}
	}
	return nil
}
