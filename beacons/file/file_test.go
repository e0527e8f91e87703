package file

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"brine/beacons"
)

func paths(p ...string) *Config {
	c := &Config{Paths: map[string]Options{}}
	for _, p := range p {
		tree := strings.HasSuffix(p, "/**")
		c.Paths[strings.TrimSuffix(p, "/**")] = Options{Recurse: tree}
	}
	return c
}

func TestWhatAnEventSays(t *testing.T) {
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "etc"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "etc/passwd"), []byte(fmt.Sprintf("first:x:%d:%d::/:\n", os.Getuid(), os.Getgid())), 0o644))
	must(t, os.WriteFile(filepath.Join(root, "etc/group"), []byte(fmt.Sprintf("team:x:%d:\n", os.Getgid())), 0o644))
	put(t, filepath.Join(root, "etc/motd"), "hello\n")
	must(t, os.Chmod(filepath.Join(root, "etc/motd"), 0o755|os.ModeSetuid))
	l := begin(t, root, newStore(), paths("/etc/motd"))
	command(t, root, "sh", "-c", "echo other > new; mv new etc/motd; ")
	l.until(t, "the change", func() bool { return len(l.signals) == 1 })
	s := l.take()[0]
	d := s.Data.(Data)
	before := Stat{Type: "file", Size: 6, Mode: "4755", User: "first", Group: "team", SHA256: "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"}
	if s.Tag != "etc/motd" || d.Path != "/etc/motd" || *d.Before != before || d.After.Mode != "0644" || d.After.Size != 6 || d.Actor != nil || s.Own || s.Time.IsZero() {
		t.Errorf("signal %+v\nbefore %+v\nafter %+v", s, d.Before, d.After)
	}
}

// What happened while the beacon did not run is told as its net change when it starts.
func TestChangesWhileDown(t *testing.T) {
	root := t.TempDir()
	command(t, root, "sh", "-c", "mkdir tree; echo 1 > tree/same; echo 1 > tree/mod; echo 1 > tree/gone; echo 1 > tree/mode; echo 1 > tree/back")
	s := newStore()
	conf := func() *Config { return paths("/tree/**", "/later", "/motd") }
	l := begin(t, root, s, conf())
	if got := l.changes(); got != nil {
		t.Errorf("told at the first start: %q", got)
	}
	l.stop()
	command(t, root, "sh", "-c", `echo 2 > tree/mod; rm tree/gone; chmod 600 tree/mode; echo 1 > tree/new; echo 1 > later
		echo 2 > tree/back; echo 1 > tree/back; touch tree/same`)
	l = begin(t, root, s, conf())
	got := l.changes()
	want := []string{"attributes /tree/mode", "created /later", "created /tree/new", "modified /tree/mod", "removed /tree/gone"}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("told after the restart: %q, want %q", got, want)
	}
	l.stop()
	if got := begin(t, root, s, conf()).changes(); got != nil {
		t.Errorf("told after another restart: %q", got)
	}
}

// Options that change what is covered make no events, and what is covered no more is forgotten.
func TestChangedOptions(t *testing.T) {
	root := t.TempDir()
	command(t, root, "sh", "-c", "mkdir -p tree/sub; echo 1 > tree/a; echo 1 > tree/sub/b")
	s := newStore()
	for _, p := range []string{"/tree", "/tree/**", "/tree/sub/b", "/tree"} {
		l := begin(t, root, s, paths(p))
		if got := l.changes(); got != nil {
			t.Errorf("%s: told %q", p, got)
		}
		l.stop()
	}
	if s.kept[keyEntry+"/tree/sub/b"] != nil || s.kept[keyRoot+"/tree/sub/b"] != nil || s.kept[keyEntry+"/tree/a"] == nil {
		t.Errorf("kept %q", s.kept)
	}
}

// Brine's own writes are told, marked with their cause; anything else is not marked.
func TestOwnWrites(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "f"), "wanted")
	hash := "7e7071a9b0e60e9b1a2ff7a3b4e9b1d7" // wrong on purpose, set below
	var own beacons.Expected
	s := newStore()
	l := begin(t, root, s, paths("/f"), func(e *beacons.Env) {
		e.Own = func(p string) (beacons.Expected, bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return own, p == "/f"
		}
		e.OwnTold = func(_ string, e beacons.Expected) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if own == e {
				own.Told = true
			}
		}
	})
	set := func(e beacons.Expected) { s.mu.Lock(); own = e; s.mu.Unlock() }
	next := func(text string) beacons.Signal {
		t.Helper()
		if text == "" {
			must(t, os.Remove(l.at("/f")))
		} else {
			put(t, l.at("/f"), text)
		}
		l.until(t, "the change to "+text, func() bool { return len(l.signals) == 1 })
		return l.take()[0]
	}
	set(beacons.Expected{SHA256: hash, UID: -1, GID: -1, Cause: "c0", State: "file.managed"})
	if g := next("drift"); g.Own || g.Data.(Data).State != "file.managed" {
		t.Errorf("another's write: %+v", g)
	}
	sha := l.sum("wanted")
	set(beacons.Expected{SHA256: sha, Mode: 0o644, UID: os.Getuid(), GID: os.Getgid(), Cause: "c1", State: "file.managed"})
	if g := next("wanted"); !g.Own || g.Cause != "c1" {
		t.Errorf("own write: %+v", g)
	}
	next("by hand")
	if g := next("wanted"); g.Own {
		t.Errorf("somebody else made what Brine made before: %+v", g)
	}
	set(beacons.Expected{SHA256: l.sum("again"), Mode: 0o600, UID: -1, GID: -1, Cause: "c2"})
	if g := next("again"); g.Own || g.Cause != "" {
		t.Errorf("right content, wrong mode: %+v", g)
	}
	set(beacons.Expected{Absent: true, Cause: "c3"})
	if g := next(""); !g.Own || g.Cause != "c3" {
		t.Errorf("own removal: %+v", g)
	}
}

// Who makes the same drift again before Brine's correction was seen has changed nothing that the beacon could compare; it is
// told all the same, once.
func TestRepeatedDrift(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "f"), "drift")
	var own beacons.Expected
	s := newStore()
	l := begin(t, root, s, paths("/f"), func(e *beacons.Env) {
		e.Own = func(p string) (beacons.Expected, bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return own, p == "/f" && own.Cause != ""
		}
		e.OwnTold = func(string, beacons.Expected) {
			s.mu.Lock()
			defer s.mu.Unlock()
			own.Told = true
		}
	})
	s.mu.Lock()
	own = beacons.Expected{SHA256: l.sum("wanted"), Mode: 0o644, UID: -1, GID: -1, Cause: "c1", At: time.Now()}
	s.mu.Unlock()
	put(t, l.at("/f"), "drift") // as it was last seen, and not as Brine has made it meanwhile
	l.until(t, "the repeated drift", func() bool { return len(l.signals) == 1 })
	if g := l.take()[0]; g.Own || g.Data.(Data).Change != Modified {
		t.Errorf("told as %+v", g)
	}
	put(t, l.at("/f"), "drift")
	put(t, l.at("/f"), "another")
	l.until(t, "the next change", func() bool { return len(l.signals) == 1 })
	if g := l.take()[0]; g.Data.(Data).After.Size != int64(len("another")) {
		t.Errorf("told twice: %+v", g)
	}
}

// A link is Brine's own when it leads where Brine let it lead, not because it is a link.
func TestLinkMatches(t *testing.T) {
	want := beacons.Expected{Mode: fs.ModeSymlink | 0o777, UID: 0, GID: 0, Target: "site-2"}
	for _, tt := range []struct {
		name string
		r    record
		want bool
	}{
		{"the same target", record{Kind: symlink, Target: "site-2"}, true},
		{"the same target, seen through to a file of somebody's", record{Kind: symlink, Target: "site-2", UID: 7, Mode: 0o600}, true},
		{"another target", record{Kind: symlink, Target: "evil"}, false},
		{"a file in its place", record{Kind: regular}, false},
		{"nothing", record{}, false},
	} {
		if got := tt.r.matches(want); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// A full outbox loses nothing: the net change is told when there is room.
func TestFailingFire(t *testing.T) {
	root := t.TempDir()
	command(t, root, "sh", "-c", "mkdir tree; echo 1 > tree/a; echo 1 > tree/b; echo 1 > tree/c")
	s := newStore()
	l := begin(t, root, s, paths("/tree/**"))
	s.mu.Lock()
	s.fail = errFull
	fires := s.fires
	s.mu.Unlock()
	command(t, root, "sh", "-c", "echo 2 > tree/a; echo 2 > tree/b; rm tree/c")
	s.until(t, "a refusal", func() bool { return s.fires > fires })
	command(t, root, "sh", "-c", "echo 3 > tree/a; echo 1 > tree/b")
	s.until(t, "more refusals", func() bool { return s.fires > fires+3 })
	s.mu.Lock()
	s.fail = nil
	s.mu.Unlock()
	s.until(t, "the net change", func() bool { return len(s.signals) >= 2 })
	got := l.changes()
	if slices.Sort(got); !slices.Equal(got, []string{"modified /tree/a", "removed /tree/c"}) {
		t.Errorf("told %q", got)
	}
}

// What inotify does not tell is found by the periodic comparison.
func TestWhatInotifyDoesNotTell(t *testing.T) {
	for _, c := range []struct {
		way string
		do  func(*testing.T, string)
	}{
		{"a hard link elsewhere", func(t *testing.T, d string) { command(t, d, "sh", "-c", "echo 2 > elsewhere/g") }},
		{"mmap", python("import mmap; f = open('etc/f', 'r+b'); m = mmap.mmap(f.fileno(), 0); m[0:1] = b'H'; m.close(); f.close()")},
	} {
		t.Run(c.way, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			command(t, root, "sh", "-c", "mkdir etc elsewhere; echo 1 > etc/f; ln etc/f elsewhere/g")
			every := MinEvery
			l := begin(t, root, newStore(), &Config{Paths: map[string]Options{"/etc/f": {Every: &every}}})
			c.do(t, root)
			l.until(t, "the change", func() bool { return len(l.signals) == 1 })
			if d := l.take()[0].Data.(Data); d.Change != Modified || d.Path != "/etc/f" {
				t.Errorf("told %+v", d)
			}
		})
	}
}

// A configured link is followed: its target's content counts, and so does where it leads.
func TestConfiguredLink(t *testing.T) {
	root := t.TempDir()
	command(t, root, "sh", "-c", "mkdir v1 v2; echo 1 > v1/conf; echo 2 > v2/conf; ln -s v1 data; ln -s data/conf conf")
	l := begin(t, root, newStore(), paths("/conf"))
	for _, do := range []string{"echo 3 > v1/conf", "ln -s v2 tmp; mv -T tmp data", "echo 4 > v2/conf", "ln -sfn v1/conf conf"} {
		command(t, root, "sh", "-c", do)
		if got := l.changes(); !slices.Equal(got, []string{"modified /conf"}) {
			t.Errorf("%s: told %q", do, got)
		}
	}
}

// A file that is too large to be read at once delays no other, and is told when it has been read.
func TestBigFile(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "big"), "")
	l := begin(t, root, newStore(), paths("/big"))
	must(t, os.Truncate(l.at("/big"), 4*bigFile))
	l.until(t, "the big file", func() bool { return len(l.signals) == 1 })
	d := l.take()[0].Data.(Data)
	if d.After.Size != 4*bigFile || d.After.SHA256 != "3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351" {
		t.Errorf("told %+v", d.After)
	}
	must(t, os.Chmod(l.at("/big"), 0o600))
	l.until(t, "its mode", func() bool { return len(l.signals) == 1 })
	if d := l.take()[0].Data.(Data); d.Change != Attributes || d.After.SHA256 != d.Before.SHA256 {
		t.Errorf("told %+v", d)
	}
}

// A writer that never closes is told after a while.
func TestWriterThatStays(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "log"), "")
	l := begin(t, root, newStore(), paths("/log"))
	f, err := os.OpenFile(l.at("/log"), os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("first")
	must(t, err)
	l.until(t, "the first line", func() bool { return len(l.signals) == 1 })
	if d := l.take()[0].Data.(Data); d.After.Size != 5 {
		t.Errorf("told %+v", d.After)
	}
}

// Lost notes are told with their reason, and everything is compared.
func TestLostNotes(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "f"), "1")
	n := &deaf{}
	l := &life{store: newStore(), t: t, root: root}
	stop := beginDeaf(t, l, n, paths("/f"))
	defer stop()
	put(t, l.at("/f"), "2")
	n.note(beacons.Note{Path: l.at("/f"), Rescan: true, Lost: "overflow"})
	l.until(t, "both", func() bool { return len(l.signals) == 2 })
	for _, s := range l.take() {
		d := s.Data.(Data)
		switch s.Tag {
		case "rescan":
			if d.Change != Rescan || d.Reason != "overflow" || d.Path != "/f" {
				t.Errorf("told %+v", d)
			}
		case "f":
			if d.Change != Modified {
				t.Errorf("told %+v", d)
			}
		default:
			t.Errorf("tag %q", s.Tag)
		}
	}
}

// A path that the kernel will not tell of is said to be so, once, and still compared.
func TestUnwatched(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "f"), "1")
	l := &life{store: newStore(), t: t, root: root}
	c := paths("/f")
	every := MinEvery
	c.Paths["/f"] = Options{Every: &every}
	stop := beginDeaf(t, l, &deaf{err: fmt.Errorf("raise fs.inotify.max_user_watches")}, c)
	defer stop()
	put(t, l.at("/f"), "2")
	l.until(t, "both", func() bool { return len(l.signals) == 2 })
	got := l.take()
	if d := got[0].Data.(Data); got[0].Tag != Unwatched || d.Change != Unwatched || !strings.Contains(d.Reason, "max_user_watches") {
		t.Errorf("told %+v", got[0])
	}
	if d := got[1].Data.(Data); d.Change != Modified {
		t.Errorf("told %+v", d)
	}
}

func TestSettleZeroTellsRemovalAtOnce(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "f"), "1")
	zero := time.Duration(0)
	l := begin(t, root, newStore(), &Config{Paths: map[string]Options{"/f": {Settle: &zero}}})
	must(t, os.Remove(l.at("/f")))
	l.until(t, "the removal", func() bool { return len(l.signals) == 1 })
	put(t, l.at("/f"), "1")
	l.until(t, "its return", func() bool { return len(l.signals) == 2 })
}
