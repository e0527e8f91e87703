package file_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"brine/internal/statetest"
	"brine/states"
	"brine/states/file"
)

var ctx = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// check finds what differs, and fails where nothing does.
func check(t *testing.T, h *statetest.Host, s states.State) states.Changes {
	t.Helper()
	changes, err := s.Check(ctx, h.Env(false))
	must(t, err)
	if len(changes) == 0 {
		t.Fatal("nothing differs")
	}
	return changes
}

func TestWhatChangesBetweenCheckAndApplyIsReported(t *testing.T) {
	rewrite := func(h *statetest.Host) { h.Write(motd, "by somebody else", 0o644) }
	replace := func(h *statetest.Host) {
		h.Write("/etc/new", "by somebody else", 0o644)
		must(h.T, os.Rename(h.Abs("/etc/new"), h.Abs(motd)))
	}
	for _, c := range []struct {
		name      string
		before    string
		meanwhile func(h *statetest.Host)
		reported  []string
	}{
		{name: "rewritten in place", before: "drift", meanwhile: rewrite, reported: []string{"by somebody else"}},
		{name: "replaced", before: "drift", meanwhile: replace, reported: []string{"by somebody else"}},
		{name: "made", meanwhile: rewrite, reported: []string{"by somebody else"}},
		{name: "mode changed", before: "drift", reported: []string{"drift"},
			meanwhile: func(h *statetest.Host) { must(h.T, os.Chmod(h.Abs(motd), 0o777)) }},
		{name: "removed", before: "drift", meanwhile: func(h *statetest.Host) { must(h.T, os.Remove(h.Abs(motd))) }},
		{name: "nothing", before: "drift", meanwhile: func(*statetest.Host) {}},
	} {
		for fun, newState := range map[string]func() states.State{
			"managed": func() states.State { return &file.Managed{Name: motd, Contents: text("hello")} },
			"absent":  func() states.State { return &file.Absent{Name: motd} },
		} {
			if fun == "absent" && c.before == "" {
				continue
			}
			t.Run(fun+" "+c.name, func(t *testing.T) {
				h := statetest.NewHost(t)
				h.Mkdir("/etc")
				if c.before != "" {
					h.Write(motd, c.before, 0o644)
				}
				s := newState()
				changes := check(t, h, s)
				c.meanwhile(h)
				must(t, s.Apply(ctx, h.Env(false), changes))
				if got := h.Displaced(); strings.Join(got, "|") != strings.Join(c.reported, "|") {
					t.Errorf("reported %q; want %q", got, c.reported)
				}
				if left, err := s.Check(ctx, h.Env(false)); err != nil || len(left) > 0 {
					t.Errorf("afterwards: %v, %v", left, err)
				}
			})
		}
	}
}

func TestAFolderThatAppearsMeanwhileIsPutBack(t *testing.T) {
	for _, s := range []states.State{&file.Managed{Name: motd, Contents: text("hello")}, &file.Absent{Name: motd}} {
		h := statetest.NewHost(t)
		h.Write(motd, "drift", 0o644)
		changes := check(t, h, s)
		must(t, os.Remove(h.Abs(motd)))
		h.Write(motd+"/precious", "precious", 0o644)
		if err := s.Apply(ctx, h.Env(false), changes); err == nil || !strings.Contains(err.Error(), "directory") {
			t.Errorf("%T: error %v; want one that names the directory", s, err)
		}
		if got := h.Read(motd + "/precious"); got != "precious" {
			t.Errorf("%T: it holds %q", s, got)
		}
		if files, _ := os.ReadDir(h.Abs("/etc")); len(files) != 1 {
			t.Errorf("%T: left %v", s, files)
		}
	}
}

func TestContentThatIsNotWhatItsHashSaysIsNotWritten(t *testing.T) {
	h := statetest.NewHost(t)
	h.Write(motd, "drift", 0o644)
	s := &file.Managed{Name: motd, Source: h.Content("right")}
	changes := check(t, h, s)
	env := h.Env(false)
	content := env.Content
	wrong := h.Content("wrong")
	env.Content = func(string) (io.ReadCloser, error) { return content(wrong.Hash) }
	if err := s.Apply(ctx, env, changes); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error %v; want one about damage", err)
	}
	if got := h.Read(motd); got != "drift" {
		t.Errorf("it holds %q", got)
	}
	if files, _ := os.ReadDir(h.Abs("/etc")); len(files) != 1 {
		t.Errorf("left %v", files)
	}
}

func TestASecondNameKeepsItsContent(t *testing.T) {
	h := statetest.NewHost(t)
	h.Write(motd, "drift", 0o644)
	must(t, os.Link(h.Abs(motd), h.Abs("/other")))
	s := &file.Managed{Name: motd, Contents: text("hello")}
	must(t, s.Apply(ctx, h.Env(false), check(t, h, s)))
	if a, b := h.Read(motd), h.Read("/other"); a != "hello\n" || b != "drift" {
		t.Errorf("the file holds %q, its second name %q", a, b)
	}
}

func TestExtendedAttributesAreKept(t *testing.T) {
	h := statetest.NewHost(t)
	h.Write(motd, "drift", 0o640)
	if err := unix.Setxattr(h.Abs(motd), "user.note", []byte("kept"), 0); errors.Is(err, unix.ENOTSUP) {
		t.Skip("no extended attributes here")
	}
	// user::rw-, user:65533:r--, group::r--, mask::r--, other::---, as linux/posix_acl_xattr.h has it
	acl := "\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\xfd\xff\x00\x00" + "\x04\x00\x04\x00\xff\xff\xff\xff" +
		"\x10\x00\x04\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff"
	must(t, unix.Setxattr(h.Abs(motd), "system.posix_acl_access", []byte(acl), 0))
	s := &file.Managed{Name: motd, Contents: text("hello")}
	must(t, s.Apply(ctx, h.Env(false), check(t, h, s)))
	for name, want := range map[string]string{"user.note": "kept", "system.posix_acl_access": acl} {
		b := make([]byte, 256)
		n, err := unix.Getxattr(h.Abs(motd), name, b)
		if err != nil || string(b[:n]) != want {
			t.Errorf("%s is %q, %v; want %q", name, b[:max(n, 0)], err, want)
		}
	}
}

func TestOwnerIsSetAndKept(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	h := statetest.NewHost(t)
	h.Write(motd, "hello\n", 0o4755)
	owner := func() (int, int) {
		info, err := os.Lstat(h.Abs(motd))
		must(t, err)
		st := info.Sys().(*syscall.Stat_t)
		return int(st.Uid), int(st.Gid)
	}
	s := &file.Managed{Name: motd, User: "65533", Group: "65532"}
	must(t, s.Apply(ctx, h.Env(false), check(t, h, s)))
	if u, g := owner(); u != 65533 || g != 65532 {
		t.Errorf("set in place: %d:%d", u, g)
	}
	s = &file.Managed{Name: motd, Contents: text("new"), Group: "root"}
	must(t, s.Apply(ctx, h.Env(false), check(t, h, s)))
	if u, g := owner(); u != 65533 || g != 0 {
		t.Errorf("kept and set in a new file: %d:%d", u, g)
	}
	s = &file.Managed{Name: motd, User: "no-such-user-here"}
	if _, err := s.Check(ctx, h.Env(false)); err == nil || !strings.Contains(err.Error(), `user "no-such-user-here"`) {
		t.Errorf("error %v; want one that names the user", err)
	}
}

// immutable is FS_IMMUTABLE_FL of linux/fs.h.
const immutable = 0x10

func TestImmutableFilesAreNamedAsSuch(t *testing.T) {
	h := statetest.NewHost(t)
	h.Write(motd, "drift", 0o644)
	f, err := os.Open(h.Abs(motd))
	must(t, err)
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, immutable); err != nil {
		t.Skip("no immutable files here")
	}
	defer unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0)
	for _, s := range []states.State{&file.Managed{Name: motd, Contents: text("hello")}, &file.Managed{Name: motd, Mode: "0600"}, &file.Absent{Name: motd}} {
		if err := s.Apply(ctx, h.Env(false), check(t, h, s)); err == nil || !strings.Contains(err.Error(), "chattr -i") {
			t.Errorf("%T: error %v; want one that names chattr", s, err)
		}
	}
	if files, _ := os.ReadDir(h.Abs("/etc")); len(files) != 1 {
		t.Errorf("left %v", files)
	}
}

func TestValidate(t *testing.T) {
	source := &states.Source{URL: "brine://x"}
	for _, c := range []struct {
		name string
		m    file.Managed
		part string
	}{
		{"both contents", file.Managed{Name: motd, Source: source, Contents: text("x")}, "source and contents"},
		{"relative", file.Managed{Name: "etc/motd"}, "not absolute"},
		{"upwards", file.Managed{Name: "/etc/../motd"}, "shortest form"},
		{"decimal mode", file.Managed{Name: motd, Mode: "0698"}, `mode "0698"`},
		{"mode of five digits", file.Managed{Name: motd, Mode: "17777"}, "mode"},
		{"mode of words", file.Managed{Name: motd, Mode: "u+x"}, "mode"},
		{"empty source", file.Managed{Name: motd, Source: &states.Source{}}, "source is empty"},
		{"much too long", file.Managed{Name: motd, Contents: text(strings.Repeat("x", 1<<20))}, "use source"},
	} {
		if err := c.m.Validate(); err == nil || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s: %v; want %q", c.name, err, c.part)
		}
	}
	if err := (&file.Managed{Name: motd, Mode: "0644", User: "root", Source: source}).Validate(); err != nil {
		t.Error(err)
	}
}
