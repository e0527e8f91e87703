package file_test

import (
	"io/fs"
	"os"
	"slices"
	"syscall"
	"testing"

	"brine/internal/statetest"
	"brine/states"
	"brine/states/file"
)

const motd = "/etc/motd"

func text(s string) *file.Text { t := file.Text(s); return &t }

func managed(change func(m *file.Managed, h *statetest.Host)) func(*statetest.Host) states.State {
	return func(h *statetest.Host) states.State {
		m := &file.Managed{Name: motd}
		change(m, h)
		return m
	}
}

func absent(h *statetest.Host) states.State { return &file.Absent{Name: motd} }

func hello(m *file.Managed, h *statetest.Host) { m.Contents = text("hello") }

func TestConformance(t *testing.T) {
	statetest.Run(t, file.Module(), slices.Concat(managedCases(), absentCases(), directoryCases(), symlinkCases(), recurseCases()))
}

func managedCases() []statetest.Case {
	return []statetest.Case{
		{Name: "a file that is not there", Fun: "managed", Path: motd,
			Setup: func(h *statetest.Host) { h.Mkdir("/etc") }, State: managed(hello), After: holds("hello\n", 0o644)},
		{Name: "other content", Fun: "managed", Path: motd,
			Setup: func(h *statetest.Host) { h.Write(motd, "drift\n", 0o640) }, State: managed(hello), After: holds("hello\n", 0o640)},
		{Name: "content from a source", Fun: "managed", Path: motd,
			Setup: func(h *statetest.Host) { h.Write(motd, "drift\n", 0o600) },
			State: managed(func(m *file.Managed, h *statetest.Host) { m.Source = h.Content("from afar") }), After: holds("from afar", 0o600)},
		{Name: "setuid and setgid bits are kept", Fun: "managed", Path: motd,
			Setup: func(h *statetest.Host) { h.Write(motd, "drift\n", 0o755|fs.ModeSetuid|fs.ModeSetgid) },
			State: managed(hello), After: holds("hello\n", 0o755|fs.ModeSetuid|fs.ModeSetgid)},
		{Name: "as it should be", Fun: "managed", Path: motd, Right: true,
			Setup: func(h *statetest.Host) { h.Write(motd, "hello\n", 0o644) }, State: managed(hello)},
		{Name: "only the mode differs", Fun: "managed", Path: motd,
			Setup: func(h *statetest.Host) { h.Write(motd, "as it is", 0o666) },
			State: managed(func(m *file.Managed, h *statetest.Host) { m.Mode = "04755" }), After: holds("as it is", 0o755|fs.ModeSetuid)},
		{Name: "only the mode differs, and the file has a second name", Fun: "managed", Path: motd,
			Setup: func(h *statetest.Host) {
				h.Write("/secret", "as it is", 0o600)
				h.Mkdir("/etc")
				if err := os.Link(h.Abs("/secret"), h.Abs(motd)); err != nil {
					h.T.Fatal(err)
				}
			},
			State: managed(func(m *file.Managed, h *statetest.Host) { m.Mode = "644" }),
			After: func(t *testing.T, h *statetest.Host) {
				holds("as it is", 0o644)(t, h)
				info, err := os.Stat(h.Abs("/secret"))
				if err != nil || info.Mode() != 0o600 {
					t.Errorf("the other name has mode %v, %v; want 0600 as before", info.Mode(), err)
				}
			}},
		{Name: "nothing said, nothing there", Fun: "managed", Path: motd,
			Setup: func(h *statetest.Host) { h.Mkdir("/etc") }, State: managed(func(*file.Managed, *statetest.Host) {}), After: holds("", 0o644)},
		{Name: "nothing said, something there", Fun: "managed", Path: motd, Right: true,
			Setup: func(h *statetest.Host) { h.Write(motd, "as it is", 0o604) }, State: managed(func(*file.Managed, *statetest.Host) {})},
		{Name: "folders on the way are made", Fun: "managed", Path: motd,
			State: managed(func(m *file.Managed, h *statetest.Host) { hello(m, h); m.MakeDirs = true }), After: holds("hello\n", 0o644)},
		{Name: "the folder is missing", Fun: "managed", Path: motd, State: managed(hello), Err: "makedirs: true"},
		{Name: "a symlink in the way is replaced, not followed", Fun: "managed", Path: motd,
			Setup: func(h *statetest.Host) {
				h.Write("/target", "target", 0o600)
				h.Link("/target", motd, os.Geteuid())
			},
			State: managed(hello), After: func(t *testing.T, h *statetest.Host) {
				holds("hello\n", 0o644)(t, h)
				if got := h.Read("/target"); got != "target" {
					t.Errorf("the link was followed: its target holds %q", got)
				}
			}},
		{Name: "a symlink in the way, and nothing said", Fun: "managed", Path: motd,
			Setup: func(h *statetest.Host) { h.Link("/target", motd, os.Geteuid()) },
			State: managed(func(m *file.Managed, h *statetest.Host) { m.Mode = "0600" }), Err: "is a symlink to"},
		{Name: "a folder in the way", Fun: "managed", Path: motd,
			Setup: func(h *statetest.Host) { h.Mkdir(motd) }, State: managed(hello), Err: `"/etc/motd" is a directory`},
		{Name: "a pipe in the way", Fun: "managed", Path: motd, Setup: pipe, State: managed(hello), Err: `"/etc/motd" is a named pipe`},
	}
}

func absentCases() []statetest.Case {
	return []statetest.Case{
		{Name: "a file", Fun: "absent", Path: motd, Setup: func(h *statetest.Host) { h.Write(motd, "x", 0o644) }, State: absent, After: isGone},
		{Name: "a dangling symlink", Fun: "absent", Path: motd,
			Setup: func(h *statetest.Host) { h.Link("/nowhere", motd, os.Geteuid()) }, State: absent, After: isGone},
		{Name: "a pipe", Fun: "absent", Path: motd, Setup: pipe, State: absent, After: isGone},
		{Name: "nothing", Fun: "absent", Path: motd, Right: true, Setup: func(h *statetest.Host) { h.Mkdir("/etc") }, State: absent},
		{Name: "a folder", Fun: "absent", Path: motd, Setup: func(h *statetest.Host) { h.Mkdir(motd) }, State: absent,
			After: isGone},
		{Name: "a folder with all it holds, and a link out of it", Fun: "absent", Path: motd, Setup: func(h *statetest.Host) {
			h.Write(motd+"/a/b/c", "c", 0o600)
			h.Write("/elsewhere/precious", "precious", 0o600)
			h.Link("/elsewhere", motd+"/a/link", os.Geteuid())
		}, State: absent, After: func(t *testing.T, h *statetest.Host) {
			isGone(t, h)
			if got := h.Read("/elsewhere/precious"); got != "precious" {
				t.Errorf("behind the link: %q", got)
			}
		}},
	}
}

func pipe(h *statetest.Host) {
	h.Mkdir("/etc")
	if err := syscall.Mkfifo(h.Abs(motd), 0o644); err != nil {
		h.T.Fatal(err)
	}
}

func holds(want string, mode fs.FileMode) func(*testing.T, *statetest.Host) {
	return func(t *testing.T, h *statetest.Host) {
		t.Helper()
		info, err := os.Lstat(h.Abs(motd))
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Read(motd); got != want || info.Mode() != mode {
			t.Errorf("it holds %q with mode %v; want %q with %v", got, info.Mode(), want, mode)
		}
	}
}

func isGone(t *testing.T, h *statetest.Host) {
	if _, err := os.Lstat(h.Abs(motd)); err == nil {
		t.Error("it is still there")
	}
}
