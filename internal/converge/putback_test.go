package converge

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/states/file"

	"golang.org/x/sys/unix"
)

func keptAt(s int64, target, sha, run string, more ...func(*Kept)) Kept {
	k := Kept{Target: target, SHA256: strings.Repeat(sha, 64), When: time.Unix(s, 0), Replaced: true, Why: Why{Run: run, JID: run, State: "file.managed: " + target, ID: "id" + target}}
	for _, f := range more {
		f(&k)
	}
	return k
}

func TestChoose(t *testing.T) {
	absent := func(k *Kept) { k.Absent = true }
	app := func(k *Kept) { k.State, k.ID = "file.recurse: /app", "app" }
	list := []Kept{
		keptAt(1, "/a", "1", "j1"), keptAt(2, "/b", "2", "j1"), keptAt(3, "/a", "3", "j2"), keptAt(4, "/app/x", "4", "j3", app), keptAt(5, "/app/y", "5", "j3", app),
		keptAt(6, "/c", "e", "j4", absent), keptAt(7, "/c", "6", "j4"), keptAt(8, "/b", "1", "self"),
	}
	for _, tt := range []struct {
		name string
		ask  job.Undo
		want string // paths with the first letter of their hash
		err  string
	}{
		{"the last run; of one path what stood there before it", job.Undo{}, "/c:e", ""},
		{"what was last at a path", job.Undo{Of: []string{"/a", "/b"}}, "/a:3 /b:2", ""},
		{"the last run of a state, by its id", job.Undo{Of: []string{"app"}}, "/app/x:4 /app/y:5", ""},
		{"by its whole name", job.Undo{Of: []string{"file.recurse: /app"}}, "/app/x:4 /app/y:5", ""},
		{"a job", job.Undo{JID: "j1"}, "/a:1 /b:2", ""},
		{"a path of a job", job.Undo{JID: "j1", Of: []string{"/a"}}, "/a:1", ""},
		{"a content by the beginning of its hash", job.Undo{Hash: "333333"}, "/a:3", ""},
		{"a content of a path", job.Undo{Hash: "111111", Of: []string{"/a"}}, "/a:1", ""},
		{"unknown path", job.Undo{Of: []string{"/a", "/none"}}, "", `nothing is kept of "/none"`},
		{"unknown job", job.Undo{JID: "j9"}, "", "nothing is kept that job j9 pushed aside"},
		{"unknown hash", job.Undo{Hash: "999999"}, "", "nothing is kept with the hash 999999"},
		{"short hash", job.Undo{Hash: "11"}, "", "at least 6 letters"},
		{"no hash", job.Undo{Hash: "../../../x"}, "", "lower-case hex"},
	} {
		got, err := Choose(list, tt.ask, "self")
		var names []string
		for _, k := range got {
			names = append(names, k.Target+":"+k.SHA256[:1])
		}
		if s := strings.Join(names, " "); s != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %q, %v; want %q", tt.name, s, err, tt.want)
		}
	}
	two := []Kept{keptAt(1, "/a", "1", "j1"), keptAt(2, "/b", "1", "j2")}
	if _, err := Choose(two, job.Undo{Hash: "111111"}, ""); err == nil || !strings.Contains(err.Error(), "2 paths") {
		t.Errorf("a content of two paths: %v", err)
	}
}

// What was there comes back whole, what it displaces is kept, and so an undo can be undone.
func TestPutBack(t *testing.T) {
	text := file.Text("managed")
	for _, tt := range []struct {
		name string
		make func(path string) // what stands there before; nothing where nil
	}{
		{"a file with its mode and attributes", func(p string) {
			must(t, os.WriteFile(p, []byte("mine\n"), 0o600))
			_ = unix.Setxattr(p, "user.brine", []byte("x"), 0)
		}},
		{"a symlink", func(p string) { must(t, os.Symlink("elsewhere", p)) }},
		{"nothing", func(string) {}},
		{"a mode", func(p string) { must(t, os.WriteFile(p, []byte("managed\n"), 0o666)); must(t, os.Chmod(p, 0o666)) }},
	} {
		q, err := OpenQuarantine(filepath.Join(t.TempDir(), "q"), 0, 0, nil)
		must(t, err)
		r := fileRunner(t, q)
		p := filepath.Join(r.Root, "f")
		tt.make(p)
		before := lookAt(p)
		if res := r.one(t, "file.managed", "/f", &file.Managed{Name: "/f", Contents: &text, Mode: "0644"}); !res.OK {
			t.Fatalf("%s: %+v", tt.name, res)
		}
		managed := lookAt(p)
		for i, want := range []string{before, managed, before} {
			kept, _ := q.List()
			chosen, err := Choose(kept, job.Undo{Of: []string{"/f"}}, "")
			must(t, err)
			if res := r.PutBack(ctx, chosen[0], true, event.ID{}); !res.OK || len(res.Changes) == 0 {
				t.Errorf("%s, %d: tried out: %+v", tt.name, i, res)
			}
			res := r.PutBack(ctx, chosen[0], false, event.ID{Origin: "m", Inc: 1, Seq: 1})
			if got := lookAt(p); !res.OK || got != want {
				t.Errorf("%s, %d: %q, want %q: %+v", tt.name, i, got, want, res)
			}
			if again := r.PutBack(ctx, chosen[0], false, event.ID{}); !again.OK || len(again.Changes) != 0 {
				t.Errorf("%s, %d: once more: %+v", tt.name, i, again)
			}
			if e, ok := r.Expectations.Own("/f"); !ok || e.Cause != "m:aaaaaaab:1" {
				t.Errorf("%s, %d: it is not marked as Brine's own: %+v", tt.name, i, e)
			}
		}
		if names, _ := os.ReadDir(r.Root); len(names) > 1 {
			t.Errorf("%s: left %v", tt.name, names)
		}
	}
}

// lookAt says what stands at a path.
func lookAt(p string) string {
	i, err := os.Lstat(p)
	if err != nil {
		return "absent"
	}
	if i.Mode().Type() == fs.ModeSymlink {
		to, _ := os.Readlink(p)
		return "-> " + to
	}
	b, _ := os.ReadFile(p)
	x := make([]byte, 16)
	n, _ := unix.Getxattr(p, "user.brine", x)
	return i.Mode().String() + " " + string(b) + string(x[:max(n, 0)])
}

func TestPutBackRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	q, err := OpenQuarantine(dir, 0, 0, nil)
	must(t, err)
	r := fileRunner(t, q)
	r.write(t, "/f", "mine")
	k, err := q.KeepReplaced(r.Root, "/f", "/f", 100, true, Why{})
	must(t, err)
	r.write(t, "/f", "now")

	r.Allow = &Allow{Paths: []string{"/**", "!/f"}}
	if res := r.PutBack(ctx, k, false, event.ID{}); res.OK || !strings.Contains(res.Comment, "does not allow it") {
		t.Errorf("a path that is not allowed: %+v", res)
	}
	r.Allow = nil
	must(t, os.WriteFile(filepath.Join(dir, k.SHA256), []byte("mite"), 0o600))
	if res := r.PutBack(ctx, k, false, event.ID{}); res.OK || !strings.Contains(res.Comment, "damaged") {
		t.Errorf("damaged content: %+v", res)
	}
	if _, err := q.Read(k, 100); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v; want %v", err, ErrDamaged)
	}
	if got := lookAt(filepath.Join(r.Root, "f")); !strings.HasSuffix(got, "now") {
		t.Errorf("it was touched: %s", got)
	}
	if _, ok := r.Expectations.Own("/f"); ok {
		t.Error("what did not come to pass is still expected")
	}
	must(t, os.Remove(filepath.Join(r.Root, "f")))
	must(t, os.Mkdir(filepath.Join(r.Root, "f"), 0o755))
	if res := r.PutBack(ctx, k, false, event.ID{}); res.OK || !strings.Contains(res.Comment, "is a directory by now") {
		t.Errorf("a folder in the way: %+v", res)
	}
	if res := r.PutBack(ctx, Kept{Target: "/../etc/passwd", SHA256: k.SHA256}, false, event.ID{}); res.OK {
		t.Errorf("a path that leads out: %+v", res)
	}
}

// A symlink that leads to a name is no file that holds this name.
func TestALinkAndAFileOfOneHash(t *testing.T) {
	q, err := OpenQuarantine(filepath.Join(t.TempDir(), "q"), 0, 0, nil)
	must(t, err)
	r := fileRunner(t, q)
	r.write(t, "/f", "site-1")
	k, err := q.KeepReplaced(r.Root, "/f", "/f", 100, true, Why{})
	must(t, err)
	must(t, os.Symlink("site-1", filepath.Join(r.Root, "l")))
	_, err = q.KeepReplaced(r.Root, "/l", "/l", 100, true, Why{})
	must(t, err)
	if b, err := q.Read(k, 100); err != nil || string(b) != "site-1" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestNotesPushOutNoContent(t *testing.T) {
	q, err := OpenQuarantine(filepath.Join(t.TempDir(), "q"), 0, 8, nil)
	must(t, err)
	r := fileRunner(t, q)
	r.write(t, "/f", "mine")
	_, err = q.KeepReplaced(r.Root, "/f", "/f", 100, true, Why{})
	must(t, err)
	for _, p := range []string{"/1", "/2", "/3"} {
		must(t, q.Note(Kept{Target: p, Absent: true}))
	}
	kept, _ := q.List()
	n, last := q.Dropped()
	if len(kept) != 3 || kept[0].Target != "/f" || n != 1 || last.Target != "/1" {
		t.Errorf("%d gone, the last %s; kept %+v", n, last.Target, kept)
	}
	if again, err := OpenQuarantine(q.dir, 0, 8, nil); err != nil || len(again.kept) != 3 || again.notes != 2 || again.bytes != 4 {
		t.Errorf("opened anew: %+v, %v", again, err)
	}
}
