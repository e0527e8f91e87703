package converge

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/event"
	"brine/internal/job"
	"brine/states"
	"brine/states/file"
)

func TestAllow(t *testing.T) {
	must(t, DefaultAllow().Validate())
	a := Allow{Functions: []string{"state.*"}, States: []string{"*", "!cmd.*", "cmd.wait"}, Paths: []string{"/etc/**", "!/etc/shadow*", "/srv/*/conf", "!/etc/ssh/**"}}
	must(t, a.Validate())
	for fun, want := range map[string]bool{"state.apply": true, "test.ping": false, "": false} {
		if err := a.Permits(fun); (err == nil) != want || err != nil && !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s: %v; allowed: %v", fun, err, want)
		}
	}
	for _, c := range []struct {
		fun, name string
		want      bool
	}{
		{"file.managed", "/etc/motd", true}, {"file.managed", "/etc/shadow", false}, {"file.managed", "/etc/shadow-", false},
		{"file.managed", "/etc/x/shadow", true}, {"file.managed", "/etc/ssh/sshd_config", false}, {"file.managed", "/etc/ssh", false},
		{"file.managed", "/etc/x/../shadow", false}, {"file.managed", "//etc//motd", true},
		{"file.managed", "/srv/a/conf", true}, {"file.managed", "/srv/a/b/conf", false}, {"file.managed", "/root/x", false},
		{"pkg.installed", "nginx", true}, {"cmd.run", "true", false}, {"cmd.wait", "true", true},
	} {
		low := job.Low{Fun: c.fun, Name: c.name}
		if err := a.PermitsState(low); (err == nil) != c.want {
			t.Errorf("%s: %v; allowed: %v", low.Key(), err, c.want)
		}
		if err := a.PermitsLow(job.LowState{States: []job.Low{{Fun: "pkg.installed", Name: "x"}, low}}); (err == nil) != c.want {
			t.Errorf("low state with %s: %v; allowed: %v", low.Key(), err, c.want)
		}
	}
	if err := DefaultAllow().PermitsState(job.Low{Fun: "cmd.run", Name: "true"}); err == nil {
		t.Error("commands are allowed by default")
	}
	if err := (Allow{}).Permits("state.apply"); err == nil {
		t.Error("an empty list allows")
	}
	for _, bad := range []Allow{
		{States: []string{"cmd"}}, {States: []string{""}}, {States: []string{"!"}}, {Functions: []string{"a b.c"}},
		{Paths: []string{"etc/**"}}, {Paths: []string{"/etc/"}}, {Paths: []string{"/a**/b"}}, {Paths: []string{"/"}},
	} {
		if err := bad.Validate(); err == nil {
			t.Errorf("%+v is good", bad)
		}
	}
}

func TestExpectationsAreBounded(t *testing.T) {
	x := NewExpectations(2)
	for _, p := range []string{"/a", "/b", "/a", "/c"} {
		x.Announce(p, beacons.Expected{State: p})
	}
	for p, want := range map[string]bool{"/a": true, "/b": false, "/c": true} {
		if e, ok := x.Own(p); ok != want || ok && e.State != p {
			t.Errorf("%s: %+v, %v; want %v", p, e, ok, want)
		}
	}
	x.Forget("/a")
	x.Forget("/none")
	if _, ok := x.Own("/a"); ok || x.order.Len() != 1 {
		t.Errorf("%d left", x.order.Len())
	}
}

func TestQuarantineKeepsWithinItsBounds(t *testing.T) {
	root := t.TempDir()
	var now time.Time
	q, err := OpenQuarantine(filepath.Join(t.TempDir(), "q"), 30, 3, func() time.Time { now = now.Add(time.Second); return now })
	must(t, err)
	keep := func(text string) (Kept, error) {
		must(t, os.WriteFile(filepath.Join(root, "f"), []byte(text), 0o640))
		return q.Keep(root, "/target", "/f", Why{})
	}
	for _, text := range []string{"one", "two", "three", "four", strings.Repeat("x", 25), "one"} {
		k, err := keep(text)
		must(t, err)
		r, err := q.Open(k.SHA256)
		must(t, err)
		if b, _ := io.ReadAll(r); string(b) != text || k.Target != "/target" || k.Mode != 0o640 {
			t.Errorf("%q is kept as %q, %+v", text, b, k)
		}
		r.Close()
	}
	if _, err := keep(strings.Repeat("y", 31)); err == nil {
		t.Error("what is larger than the quarantine was kept")
	}
	kept, err := q.List()
	must(t, err)
	if len(kept) != 2 || kept[0].Size != 25 || kept[1].Size != 3 {
		t.Errorf("left: %+v", kept)
	}
	must(t, os.Remove(filepath.Join(root, "f")))
	must(t, os.Symlink("/elsewhere", filepath.Join(root, "f")))
	if k, err := q.Keep(root, "/target", "/f", Why{}); err != nil || k.Link != "/elsewhere" {
		t.Errorf("a symlink: %+v, %v", k, err)
	}
}

// drifting is file.managed with somebody who writes between Check and Apply.
type drifting struct {
	*file.Managed
	path string
}

func (d drifting) Apply(c ctxType, env states.Env, ch states.Changes) error {
	if err := os.WriteFile(d.path, []byte("by somebody else"), 0o644); err != nil {
		return err
	}
	return d.Managed.Apply(c, env, ch)
}

func TestDisplacedContentIsKeptAndTold(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "motd")
	must(t, os.WriteFile(path, []byte("drift"), 0o644))
	q, err := OpenQuarantine(filepath.Join(t.TempDir(), "q"), 0, 0, nil)
	must(t, err)
	text := file.Text("hello")
	module := states.Module{Name: "file", Functions: map[string]func() states.State{"managed": func() states.State {
		return drifting{&file.Managed{Name: "/motd", Contents: &text}, path}
	}}}
	r := &Runner{Root: root, Modules: []states.Module{module}, Quarantine: q}
	res := r.Run(ctx, job.LowState{States: []job.Low{{Fun: "file.managed", Name: "/motd"}}}, false, event.ID{})[0]
	kept, err := q.List()
	must(t, err)
	if len(kept) != 1 || !res.OK || !strings.Contains(res.Comment, "File /motd updated; /motd was changed by somebody else") ||
		!strings.Contains(res.Comment, "kept as "+kept[0].SHA256) {
		t.Errorf("%+v, kept %+v", res, kept)
	}
	rc, err := q.Open(kept[0].SHA256)
	must(t, err)
	defer rc.Close()
	if b, _ := io.ReadAll(rc); string(b) != "by somebody else" {
		t.Errorf("kept: %q", b)
	}
	if names, _ := os.ReadDir(root); len(names) != 1 {
		t.Errorf("left: %v", names)
	}
}
