package file_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"brine/internal/config"
	"brine/internal/statetest"
	"brine/states"
	"brine/states/file"
)

var off = new(bool)

func TestOptionsConformance(t *testing.T) {
	bomCRLF := "\xef\xbb\xbfone\r\ntwo\r\n"
	statetest.Cases(t, []statetest.Case{
		{Name: "replace: false leaves content", Fun: "managed", Path: motd, Right: true,
			Setup: func(h *statetest.Host) { h.Write(motd, "own", 0o644) },
			State: managed(func(m *file.Managed, h *statetest.Host) { hello(m, h); m.Replace = off })},
		{Name: "replace: false, and the mode differs", Fun: "managed", Path: motd,
			Setup: func(h *statetest.Host) { h.Write(motd, "own", 0o644) },
			State: managed(func(m *file.Managed, h *statetest.Host) { hello(m, h); m.Replace, m.Mode = off, "0600" }), After: holds("own", 0o600)},
		{Name: "replace: false makes what is not there", Fun: "managed", Path: motd, Setup: func(h *statetest.Host) { h.Mkdir("/etc") },
			State: managed(func(m *file.Managed, h *statetest.Host) { hello(m, h); m.Replace = off }), After: holds("hello\n", 0o644)},
		{Name: "replace: false and a symlink", Fun: "managed", Path: motd, Setup: func(h *statetest.Host) { h.Link("/x", motd, os.Geteuid()) },
			State: managed(func(m *file.Managed, h *statetest.Host) { hello(m, h); m.Replace = off }), Err: "replace: false"},
		{Name: "create: false, and nothing there", Fun: "managed", Path: motd, Right: true,
			State: managed(func(m *file.Managed, h *statetest.Host) { hello(m, h); m.Create = off })},
		{Name: "create: false, and something there", Fun: "managed", Path: motd, Setup: func(h *statetest.Host) { h.Write(motd, "x", 0o640) },
			State: managed(func(m *file.Managed, h *statetest.Host) { hello(m, h); m.Create = off }), After: holds("hello\n", 0o640)},
		{Name: "folders on the way get their mode", Fun: "managed", Path: motd,
			State: managed(func(m *file.Managed, h *statetest.Host) { hello(m, h); m.MakeDirs, m.DirMode = true, "0711" }), After: hasMode("/etc", fs.ModeDir|0o711)},
		{Name: "the mode of the source", Fun: "managed", Path: motd, Setup: func(h *statetest.Host) { h.Write(motd, "x", 0o644) },
			State: managed(func(m *file.Managed, h *statetest.Host) {
				m.Source, m.Mode = h.Content("x"), "keep"
				m.Source.Mode = 0o750
			}), After: holds("x", 0o750)},
		{Name: "line ends and byte order mark are bytes like others", Fun: "managed", Path: motd, Right: true,
			Setup: func(h *statetest.Host) { h.Write(motd, bomCRLF, 0o644) },
			State: managed(func(m *file.Managed, h *statetest.Host) { m.Source = h.Content(bomCRLF) })},
		{Name: "line ends and byte order mark stay when only the mode differs", Fun: "managed", Path: motd,
			Setup: func(h *statetest.Host) { h.Write(motd, bomCRLF, 0o644) },
			State: managed(func(m *file.Managed, h *statetest.Host) { m.Mode = "0600" }), After: holds(bomCRLF, 0o600)},
		{Name: "only line ends differ", Fun: "managed", Path: motd, Setup: func(h *statetest.Host) { h.Write(motd, bomCRLF, 0o644) },
			State: managed(func(m *file.Managed, h *statetest.Host) { m.Source = h.Content("one\ntwo\n") }), After: holds("one\ntwo\n", 0o644)},
		{Name: "a check that accepts", Fun: "managed", Path: motd, Setup: func(h *statetest.Host) { h.Write(motd, "x", 0o644) },
			State: managed(func(m *file.Managed, h *statetest.Host) {
				hello(m, h)
				m.CheckCmd = file.Command{"grep", "-q", "hello"}
			}), After: holds("hello\n", 0o644)},
		{Name: "what was there is kept", Fun: "managed", Path: motd, Setup: func(h *statetest.Host) { h.Write(motd, "x", 0o644) },
			State: managed(func(m *file.Managed, h *statetest.Host) { hello(m, h); m.Backup = "minion" }),
			After: func(t *testing.T, h *statetest.Host) {
				if got := h.Replaced(); len(got) != 1 || got[0] != "x" {
					t.Errorf("kept %q", got)
				}
			}},
	})
}

func TestACheckThatRefusesLeavesAllAsItIs(t *testing.T) {
	for _, c := range []struct {
		name    string
		command file.Command
		deny    string
		part    string
	}{
		{"refuses", file.Command{"sh", "-c", `echo "line 1 of $0 is wrong" >&2; exit 3`}, "", `refused the new content (exit status 3): line 1 of the file is wrong`},
		{"is not there", file.Command{"/no/such/program"}, "", "no such file"},
		{"is not allowed", file.Command{"true"}, "cmd.run", "check_cmd runs a command: cmd.run"},
	} {
		h := statetest.NewHost(t)
		h.Write(motd, "old", 0o644)
		m := &file.Managed{Name: motd, Contents: text("new"), CheckCmd: c.command}
		changes := check(t, h, m)
		h.Deny = map[string]bool{c.deny: true}
		if err := m.Apply(ctx, h.Env(false), changes); err == nil || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s: %v; want %q", c.name, err, c.part)
		}
		if files, _ := os.ReadDir(h.Abs("/etc")); h.Read(motd) != "old" || len(files) != 1 {
			t.Errorf("%s: it holds %q, beside %v", c.name, h.Read(motd), files)
		}
	}
}

func TestACheckEndsWithItsRun(t *testing.T) {
	h := statetest.NewHost(t)
	h.Write(motd, "old", 0o644)
	pid := h.Abs("/pid")
	m := &file.Managed{Name: motd, Contents: text("new"), CheckCmd: file.Command{"sh", "-c", "sleep 1000 & echo $! > " + pid + "; wait"}}
	changes := check(t, h, m)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- m.Apply(ctx, h.Env(false), changes) }()
	for i := 0; ; i++ {
		if b, err := os.ReadFile(pid); err == nil && len(b) > 0 {
			break
		}
		runtime.Gosched()
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	child := strings.TrimSpace(h.Read("/pid"))
	for deadline := time.Now().Add(10 * time.Second); ; { // the child is reaped by whoever adopts it
		stat, err := os.ReadFile("/proc/" + child + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the command's child lives on")
		}
		runtime.Gosched()
	}
}

func TestShowChanges(t *testing.T) {
	for _, show := range []*bool{nil, off} {
		h := statetest.NewHost(t)
		h.Write(motd, "old\n", 0o644)
		changes := check(t, h, &file.Managed{Name: motd, Contents: text("new"), ShowChanges: show})
		if (changes[0].Diff == "") != (show == off) {
			t.Errorf("diff %q", changes[0].Diff)
		}
	}
}

func TestWhatCannotBeKeptIsNotTouched(t *testing.T) {
	for name, s := range map[string]states.State{
		"managed":   &file.Managed{Name: motd, Contents: text("new"), Backup: "minion"},
		"absent":    &file.Absent{Name: motd, Backup: "minion"},
		"symlink":   &file.Symlink{Name: motd, Target: "x", Force: true, Backup: "minion"},
		"directory": &file.Directory{Name: motd, Force: true, Backup: "minion"},
		"clean":     &file.Directory{Name: app, Clean: true, Backup: "minion"},
	} {
		h := statetest.NewHost(t)
		p := motd
		if name == "clean" {
			p = app + "/motd"
		}
		h.Write(p, "old", 0o644)
		h.NoRoom = true
		if err := s.Apply(ctx, h.Env(false), check(t, h, s)); err == nil || !strings.Contains(err.Error(), "no room") {
			t.Errorf("%s: %v", name, err)
		}
		if files, _ := os.ReadDir(h.Abs(p[:len(p)-5])); h.Read(p) != "old" || len(files) != 1 {
			t.Errorf("%s: it holds %q, beside %v", name, h.Read(p), files)
		}
	}
}

func TestValidateOptions(t *testing.T) {
	one := 1
	tree := &states.Tree{URL: "brine://x"}
	badTree := func(p string) *states.Tree {
		return &states.Tree{URL: "brine://x", Files: []states.TreeFile{{Path: p}}}
	}
	for _, c := range []struct {
		s    states.State
		part string
	}{
		{&file.Managed{Name: motd, Mode: "keep"}, "that of the source"},
		{&file.Managed{Name: motd, DirMode: "0755"}, "makedirs: true"},
		{&file.Managed{Name: motd, DirMode: "x", MakeDirs: true}, "dir_mode"},
		{&file.Managed{Name: motd, Backup: "master"}, "want 'minion'"},
		{&file.Managed{Name: motd, CheckCmd: file.Command{""}}, "check_cmd: argument 0"},
		{&file.Absent{Name: "/etc"}, "folder of the system"},
		{&file.Absent{Name: "/usr/lib"}, "folder of the system"},
		{&file.Absent{Name: "/proc/sys/x"}, "folder of the system"},
		{&file.Directory{Name: "/etc", Clean: true}, "clean: "},
		{&file.Directory{Name: app, Mode: "0755", DirMode: "0700"}, "mean the same"},
		{&file.Directory{Name: app, Recurse: config.Strings{"owner"}}, `recurse: "owner"`},
		{&file.Directory{Name: app, Recurse: config.Strings{"user"}}, "no user is given"},
		{&file.Directory{Name: app, Recurse: config.Strings{"mode"}}, "no mode is given"},
		{&file.Directory{Name: app, Recurse: config.Strings{"ignore_dirs", "ignore_files"}}, "leave nothing"},
		{&file.Directory{Name: app, MaxDepth: &one}, "max_depth bounds recurse"},
		{&file.Directory{Name: app, User: "root", Recurse: config.Strings{"user"}, MaxDepth: &one, Clean: true}, "exclude each other"},
		{&file.Directory{Name: app, ExcludePat: config.Strings{"E@("}}, "exclude_pat: "},
		{&file.Symlink{Name: app}, "target is empty"},
		{&file.Symlink{Name: app, Target: app}, "the link itself"},
		{&file.Symlink{Name: "/var", Target: "x", Force: true}, "folder of the system"},
		{&file.Recurse{Name: app}, "source is empty"},
		{&file.Recurse{Name: app, Source: tree, FileMode: "999"}, "file_mode"},
		{&file.Recurse{Name: "/usr", Source: tree, Clean: true}, "folder of the system"},
		{&file.Recurse{Name: app, Source: badTree("../x")}, "leads out of the folder"},
		{&file.Recurse{Name: app, Source: badTree("/x")}, "leads out of the folder"},
		{&file.Recurse{Name: app, Source: badTree("a//x")}, "shortest form"},
		{&file.Recurse{Name: app, Source: badTree(".")}, "shortest form"},
	} {
		if err := c.s.Validate(); err == nil || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%T: %v; want %q", c.s, err, c.part)
		}
	}
	for _, s := range []states.State{&file.Recurse{Name: app, Source: tree, FileMode: "keep", Clean: true}, &file.Directory{Name: "/etc"}, &file.Absent{Name: "/etc/x"},
		&file.Directory{Name: app, Mode: "0755", Recurse: config.Strings{"mode"}, MaxDepth: &one}, &file.Managed{Name: motd, Backup: "false"}} {
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
	}
}
