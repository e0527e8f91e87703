package file

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"brine/beacons"
)

func TestFolders(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	command(t, root, "sh", "-c", "mkdir -p flat/sub tree/sub; echo 1 > flat/a; echo 1 > flat/sub/b; echo 1 > tree/a; echo 1 > tree/sub/b")
	l := begin(t, root, newStore(), patient(paths("/flat", "/tree/**")))
	for _, c := range []struct {
		do   string
		want []string
	}{
		{"echo 2 > flat/a; echo 2 > flat/sub/b", []string{"modified /flat/a"}},
		{"echo 2 > tree/a; echo 2 > tree/sub/b", []string{"modified /tree/a", "modified /tree/sub/b"}},
		{"echo 1 > flat/new; echo 1 > tree/sub/new", []string{"created /flat/new", "created /tree/sub/new"}},
		{"echo 1 > flat/tmp; mv flat/tmp flat/a", []string{"modified /flat/a"}},
		{"echo 1 > tree/tmp; rm tree/tmp", nil},
		{"echo 1 > tree/.brine-0123456789abcdef; mkdir tree/.brine-0123456789abcdef~; echo 1 > tree/.brine-0123456789abcdef~/x", nil},
		{"echo 1 > tree/.brine-0123456789abcdeF", []string{"created /tree/.brine-0123456789abcdeF"}},
		{"mkdir -p tree/x/y; echo 1 > tree/x/y/z", []string{"created /tree/x/y/z"}},
		{"chmod 700 tree/sub", []string{"attributes /tree/sub"}},
		{"ln -s a tree/l; mkfifo tree/p", []string{"created /tree/l", "created /tree/p"}},
		{"ln -sfn b tree/l", []string{"modified /tree/l"}},
		{"mv tree/x tree/w", []string{"created /tree/w/y/z", "removed /tree/x", "removed /tree/x/y", "removed /tree/x/y/z"}},
		{"rm -r tree/w", []string{"removed /tree/w", "removed /tree/w/y", "removed /tree/w/y/z"}},
		{"rm -r flat", []string{"removed /flat", "removed /flat/a", "removed /flat/new", "removed /flat/sub"}},
		{"mkdir flat; echo 3 > flat/a", []string{"created /flat", "created /flat/a"}},
	} {
		command(t, root, "sh", "-c", c.do)
		got := l.changes()
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%s: told %q, want %q", c.do, got, c.want)
		}
	}
}

// 2,000 files made in 200 new folders as fast as the machine can are 2,000 events.
func TestNewFoldersAtFullSpeed(t *testing.T) {
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "tree"), 0o755))
	l := begin(t, root, newStore(), paths("/tree/**"))
	want := map[string]bool{}
	for i := range 200 {
		dir := fmt.Sprintf("/tree/d%d", i)
		must(t, os.Mkdir(l.at(dir), 0o755))
		for j := range 10 {
			p := fmt.Sprintf("%s/f%d", dir, j)
			put(t, l.at(p), "x")
			want["created "+p] = true
		}
	}
	l.until(t, "2,000 events", func() bool { return len(l.signals) >= 2000 })
	got := l.changes()
	for _, g := range got {
		if !want[g] {
			t.Errorf("told %q, which is too many or twice", g)
		}
		delete(want, g)
	}
	if len(got) != 2000 || len(want) != 0 {
		t.Errorf("told %d, missing %v", len(got), want)
	}
}

// A program that does not run for a while between opening a file and writing to it makes one change, not two.
func TestStalledWriter(t *testing.T) {
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "tree"), 0o755))
	l := begin(t, root, newStore(), paths("/tree/**"))
	must(t, os.Mkdir(l.at("/tree/new"), 0o755))
	<-time.After(2 * DefaultSettle) // what the beacon must sit out
	f, err := os.Create(l.at("/tree/new/f"))
	must(t, err)
	<-time.After(2 * DefaultSettle)
	_, err = f.WriteString("late")
	must(t, err)
	must(t, f.Close())
	if got := l.changes(); !slices.Equal(got, []string{"created /tree/new/f"}) {
		t.Errorf("told %q", got)
	}
}

// A new folder that stays empty is told, after a while.
func TestEmptyFolder(t *testing.T) {
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "tree"), 0o755))
	l := begin(t, root, newStore(), paths("/tree/**"))
	must(t, os.Mkdir(l.at("/tree/empty"), 0o755))
	l.until(t, "the folder", func() bool { return len(l.signals) == 1 })
	if d := l.take()[0].Data.(Data); d.Change != Created || d.Path != "/tree/empty" {
		t.Errorf("told %+v", d)
	}
}

// The most specific of several configured paths tells a change, once.
func TestOverlappingPaths(t *testing.T) {
	root := t.TempDir()
	command(t, root, "sh", "-c", "mkdir -p etc/ssh/deep; echo 1 > etc/ssh/conf; echo 1 > etc/ssh/deep/x; echo 1 > etc/motd")
	l := begin(t, root, newStore(), paths("/etc/**", "/etc/ssh", "/etc/ssh/conf"))
	command(t, root, "sh", "-c", "echo 2 > etc/ssh/conf; echo 2 > etc/ssh/deep/x; echo 2 > etc/motd")
	got := l.changes()
	if slices.Sort(got); !slices.Equal(got, []string{"modified /etc/motd", "modified /etc/ssh/conf", "modified /etc/ssh/deep/x"}) {
		t.Errorf("told %q", got)
	}
}

// Each configured path's note counts for itself: one whose path belongs to another must not hide that one's.
func TestInboxKeepsRootsApart(t *testing.T) {
	a, b := &root{path: "/etc"}, &root{path: "/etc/motd"}
	in := newInbox(time.Now)
	for range 2 {
		in.put(a, beacons.Note{Path: "/etc/motd"})
		in.put(b, beacons.Note{Path: "/etc/motd"})
	}
	if got := in.take(); len(got) != 2 || got[0].root != a || got[1].root != b {
		t.Errorf("taken %v", got)
	}
}
