package file_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"brine/internal/config"
	"brine/internal/hostfs"
	"brine/internal/statetest"
	"brine/states"
	"brine/states/file"
)

// removers are the states that remove what is below a folder.
func removers() map[string]states.State {
	return map[string]states.State{
		"absent":  &file.Absent{Name: app},
		"clean":   &file.Directory{Name: app, Clean: true},
		"symlink": &file.Symlink{Name: app, Target: "x", Force: true},
	}
}

func TestNothingIsRemovedAcrossAMount(t *testing.T) {
	for _, kind := range []string{"folder", "file"} {
		for name, s := range removers() {
			h := statetest.NewHost(t)
			h.Write(app+"/a/other", "other", 0o644)
			h.Write("/elsewhere/precious", "precious", 0o644)
			from, to := h.Abs("/elsewhere"), h.Abs(app+"/a/mount")
			if kind == "file" {
				from += "/precious"
				h.Write(app+"/a/mount", "", 0o644)
			} else {
				h.Mkdir(app + "/a/mount")
			}
			if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
				t.Skip("nothing can be mounted here")
			}
			_, err := s.Check(ctx, h.Env(false))
			if err == nil || !strings.Contains(err.Error(), "mount point") {
				t.Errorf("%s, %s: Check: %v", name, kind, err)
			}
			must(t, unix.Unmount(to, 0))
			changes := check(t, h, s)
			must(t, unix.Mount(from, to, "", unix.MS_BIND, ""))
			if err := s.Apply(ctx, h.Env(false), changes); err == nil {
				t.Errorf("%s, %s: Apply of what was mounted meanwhile", name, kind)
			}
			if got := h.Read("/elsewhere/precious"); got != "precious" {
				t.Errorf("%s, %s: what was mounted holds %q", name, kind, got)
			}
			must(t, unix.Unmount(to, 0))
		}
	}
}

func TestWhatCameBelowMeanwhileIsReported(t *testing.T) {
	for name, s := range removers() {
		h := statetest.NewHost(t)
		tree(h, "a/was", "b/stays")
		changes := check(t, h, s)
		h.Write(app+"/a/was", "written meanwhile", 0o644)
		h.Write(app+"/a/came", "came meanwhile", 0o644)
		must(t, s.Apply(ctx, h.Env(false), changes))
		if got := strings.Join(h.Displaced(), "|"); got != "came meanwhile|written meanwhile" {
			t.Errorf("%s: reported %q", name, got)
		}
		if got := strings.Join(h.Replaced(), "|"); got != "b/stays" {
			t.Errorf("%s: kept %q", name, got)
		}
		if left, err := s.Check(ctx, h.Env(false)); err != nil || len(left) > 0 {
			t.Errorf("%s: afterwards %v, %v", name, left, err)
		}
	}
}

func TestAnotherFolderThatCameMeanwhileIsLeftAlone(t *testing.T) {
	for name, s := range removers() {
		if name == "clean" {
			continue
		}
		h := statetest.NewHost(t)
		tree(h, "a")
		changes := check(t, h, s)
		must(t, os.Rename(h.Abs(app), h.Abs("/srv/aside")))
		tree(h, "precious")
		if err := s.Apply(ctx, h.Env(false), changes); err == nil || !strings.Contains(err.Error(), "another folder") {
			t.Errorf("%s: %v", name, err)
		}
		if got := h.Read(app + "/precious"); got != "precious" {
			t.Errorf("%s: it holds %q", name, got)
		}
	}
}

// A link of the folder's owner in place of a folder must lead neither a removal nor a change of owner out of it.
func TestLinksPutThereMeanwhileAreNotFollowed(t *testing.T) {
	all := removers()
	all["recurse"] = &file.Directory{Name: app, FileMode: "0600", Recurse: config.Strings{"mode"}}
	for name, s := range all {
		h := statetest.NewHost(t)
		tree(h, "a/b/c")
		h.Write("/elsewhere/c", "precious", 0o644)
		changes := check(t, h, s)
		must(t, os.RemoveAll(h.Abs(app+"/a/b")))
		h.Link("/elsewhere", app+"/a/b", os.Geteuid())
		_ = s.Apply(ctx, h.Env(false), changes)
		if got := h.Read("/elsewhere/c"); got != "precious" || modeOf(t, h, "/elsewhere/c") != 0o644 {
			t.Errorf("%s: behind the link is %q of mode %v", name, got, modeOf(t, h, "/elsewhere/c"))
		}
	}
}

func TestSystemFoldersAreKnownByWhatTheyAre(t *testing.T) {
	h := statetest.NewHost(t)
	h.Write("/usr/lib/precious", "precious", 0o644)
	h.Link("/usr", "/link", os.Geteuid())
	h.Link("/", "/rootlink", os.Geteuid())
	for _, s := range []states.State{&file.Absent{Name: "/link/lib"}, &file.Absent{Name: "/rootlink/usr"}, &file.Directory{Name: "/link/lib", Clean: true},
		&file.Directory{Name: "/rootlink/usr", Clean: true}, &file.Symlink{Name: "/link/lib", Target: "x", Force: true},
		&file.Recurse{Name: "/link/lib", Source: h.Tree(nil), Clean: true}} {
		must(t, s.Validate())
		if _, err := s.Check(ctx, h.Env(false)); err == nil || !strings.Contains(err.Error(), "folder of the system") {
			t.Errorf("%T: %v", s, err)
		}
	}
}

func TestDevicesStay(t *testing.T) {
	for name, s := range map[string]states.State{"absent": &file.Absent{Name: motd}, "symlink": &file.Symlink{Name: motd, Target: "x", Force: true},
		"directory": &file.Directory{Name: motd, Force: true}} {
		h := statetest.NewHost(t)
		h.Mkdir("/etc")
		if err := unix.Mknod(h.Abs(motd), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
			t.Skip("no devices can be made here")
		}
		if _, err := s.Check(ctx, h.Env(false)); err == nil || !strings.Contains(err.Error(), "character device") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOwnersOfTreesAndLinks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	h := statetest.NewHost(t)
	tree(h, "a/b")
	h.Link("/etc/shadow", app+"/a/link", 0)
	h.Write("/etc/shadow", "secret", 0o600)
	owner := func(p string) uint32 {
		info, err := os.Lstat(h.Abs(p))
		must(t, err)
		return info.Sys().(*syscall.Stat_t).Uid
	}
	for _, s := range []states.State{&file.Directory{Name: app, User: "65533", Recurse: config.Strings{"user"}},
		&file.Symlink{Name: "/srv/link", Target: "app", User: "65532", Group: "65532"}, &file.Recurse{Name: "/srv/site", Source: h.Tree(map[string]string{"x/y": "z"}), User: "65531"}} {
		must(t, s.Apply(ctx, h.Env(false), check(t, h, s)))
		if left, err := s.Check(ctx, h.Env(false)); err != nil || len(left) > 0 {
			t.Errorf("%T: afterwards %v, %v", s, left, err)
		}
	}
	for p, want := range map[string]uint32{app: 65533, app + "/a": 65533, app + "/a/b": 65533, app + "/a/link": 65533, "/etc/shadow": 0,
		"/srv/link": 65532, "/srv/site": 65531, "/srv/site/x": 65531, "/srv/site/x/y": 65531} {
		if got := owner(p); got != want {
			t.Errorf("%s belongs to %d; want %d", p, got, want)
		}
	}
	s := &file.Symlink{Name: "/srv/link", Target: "app", User: "0"} // only the owner: in place
	must(t, s.Apply(ctx, h.Env(false), check(t, h, s)))
	if got := owner("/srv/link"); got != 0 {
		t.Errorf("the link belongs to %d", got)
	}
}

// What a crash left of a folder that was being replaced is removed by the next write.
func TestALeftoverFolderIsRemoved(t *testing.T) {
	h := statetest.NewHost(t)
	h.Write("/etc/"+hostfs.TempName("motd")+"/x", "left", 0o644)
	s := &file.Managed{Name: motd, Contents: text("hello")}
	must(t, s.Apply(ctx, h.Env(false), check(t, h, s)))
	if files, _ := os.ReadDir(h.Abs("/etc")); len(files) != 1 || len(h.Displaced()) != 1 {
		t.Errorf("left %v, reported %v", files, h.Displaced())
	}
}

func TestTheReportIsBounded(t *testing.T) {
	h := statetest.NewHost(t)
	files := map[string]string{}
	for i := range 100 {
		files["f"+strings.Repeat("x", i+1)] = strings.Repeat("line\n", 500)
	}
	s := &file.Recurse{Name: app, Source: h.Tree(files)}
	h.Mkdir("/srv")
	changes := check(t, h, s)
	diff := 0
	for _, c := range changes {
		diff += len(c.Diff)
	}
	if last := changes[len(changes)-1]; len(changes) > 65 || last.To != "137 further differences" || diff > 32<<10 {
		t.Errorf("%d changes, %d bytes of diffs, the last %v", len(changes), diff, last)
	}
	must(t, s.Apply(ctx, h.Env(false), changes))
	if left, err := s.Check(ctx, h.Env(false)); err != nil || len(left) > 0 {
		t.Errorf("afterwards %v, %v", left, err)
	}
}
