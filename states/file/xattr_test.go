package file

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"brine/internal/statetest"
	"brine/states"
)

func TestXattrsAreSetAndKept(t *testing.T) {
	text := func(s string) *string { return &s }
	want := Xattrs{"user.text": text("brine"), "user.hex": text("0x00ff"), "user.base64": text("0sYnJpbmU="), "user.none": nil}
	for name, create := range map[string]func() states.State{
		"a file":   func() states.State { return &Managed{Name: "/x/at", Contents: new(Text), Xattrs: want} },
		"a folder": func() states.State { return &Directory{Name: "/x/at", Xattrs: want} },
	} {
		h := statetest.NewHost(t)
		at := filepath.Join(h.Root, "x/at")
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, drift := range []func() error{
			func() error { return nil }, // it is not there at all
			func() error { return unix.Setxattr(at, "user.text", []byte("other"), 0) },
			func() error { return unix.Removexattr(at, "user.hex") },
			func() error { return unix.Setxattr(at, "user.none", []byte("some"), 0) },
			func() error { return os.Remove(at) },
		} {
			if err := drift(); err != nil {
				t.Fatal(name, err)
			}
			for _, changes := range []bool{true, false} {
				s := create()
				if err := s.Validate(); err != nil {
					t.Fatal(name, err)
				}
				got, err := s.Check(context.Background(), h.Env(false))
				if err != nil || (len(got) > 0) != changes {
					t.Fatalf("%s: %+v, %v", name, got, err)
				}
				if err := s.Apply(context.Background(), h.Env(false), got); err != nil {
					t.Fatal(name, err)
				}
			}
			buf := make([]byte, 64)
			for attr, v := range map[string]string{"user.text": "brine", "user.hex": "\x00\xff", "user.base64": "brine"} {
				if n, err := unix.Getxattr(at, attr, buf); err != nil || string(buf[:n]) != v {
					t.Errorf("%s: %s is %q, %v", name, attr, buf[:max(n, 0)], err)
				}
			}
			if _, err := unix.Getxattr(at, "user.none", buf); err != unix.ENODATA {
				t.Errorf("%s: user.none: %v", name, err)
			}
		}
	}
}

func TestXattrFaults(t *testing.T) {
	bad := "0xz"
	for want, m := range map[string]*Managed{
		`"origin": want a name below`:          {Xattrs: Xattrs{"origin": nil}},
		`"user.": want a name below`:           {Xattrs: Xattrs{"user.": nil}},
		`is what the argument selinux is for`:  {Xattrs: Xattrs{"security.selinux": nil}},
		`xattrs: user.x: encoding/hex`:         {Xattrs: Xattrs{"user.x": &bad}},
		`selinux is empty`:                     {SELinux: &SELinux{}},
		`"etc_t:s0": a user, a role or a type`: {SELinux: &SELinux{Type: "etc_t:s0"}},
	} {
		m.Name = "/x"
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// A label is set where the kernel has SELinux, in the parts that are said; where it has not, that is an error and nothing is touched.
func TestSELinuxLabel(t *testing.T) {
	h := statetest.NewHost(t)
	s := &Managed{Name: "/motd", Contents: new(Text), SELinux: &SELinux{Type: "etc_t"}}
	if _, err := s.Check(context.Background(), h.Env(false)); err == nil || !strings.Contains(err.Error(), "no SELinux") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(h.Root, "motd")); err == nil {
		t.Error("the file was made")
	}
	for now, want := range map[string]string{
		"system_u:object_r:tmp_t:s0\x00":   "system_u:object_r:etc_t:s0",
		"system_u:object_r:tmp_t:s0:c1,c2": "system_u:object_r:etc_t:s0:c1,c2",
		"system_u:object_r:tmp_t":          "system_u:object_r:etc_t",
		"":                                 "",
	} {
		if got, err := s.SELinux.over(now); got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", now, got, err, want)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("labels are root's")
	}
	// A kernel without SELinux lets root write the attribute as any other.
	if err := os.MkdirAll(filepath.Join(h.Root, "sys/fs/selinux"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.Root, "sys/fs/selinux/enforce"), []byte("0"), 0o644); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(h.Root, "motd")
	if err := os.WriteFile(at, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(at, "security.selinux", []byte("u:r:tmp_t:s0\x00"), 0); err != nil {
		t.Skip("this kernel has a policy of its own: ", err)
	}
	changes, err := s.Check(context.Background(), h.Env(false))
	if err != nil || len(changes) != 1 || changes[0].From != "u:r:tmp_t:s0" || changes[0].To != "u:r:etc_t:s0" {
		t.Fatalf("%+v, %v", changes, err)
	}
	if err := s.Apply(context.Background(), h.Env(false), changes); err != nil {
		t.Fatal(err)
	}
	if changes, err = s.Check(context.Background(), h.Env(false)); err != nil || len(changes) != 0 {
		t.Errorf("%+v, %v", changes, err)
	}
}
