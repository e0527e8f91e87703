package watch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhereDpkgKeepsWhatItKnows(t *testing.T) {
	for args, want := range map[string]string{
		"dpkg -i a.deb": "/var/lib/dpkg",
		"dpkg --admindir=/srv/x/admin --instdir=/srv/x -i": "/srv/x/admin",
		"dpkg --admindir /srv/x/admin -i a.deb":            "/srv/x/admin",
		"dpkg --root=/target --unpack a.deb":               "/target/var/lib/dpkg",
		"dpkg -i --admindir":                               "",
	} {
		if got := adminOf(strings.Fields(args)); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}

// What dpkg works on is what it noted last; where it has folded its notes, what it is unpacking.
func TestPackageThatDpkgWorksOn(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nothing is going on", nil, ""},
		{"the latest note", map[string]string{"updates/0008": "Package: old\n", "updates/0010": "Package: libc6\nStatus: install ok half-installed\n", "updates/0009": "Package: mid\n"}, "libc6"},
		{"one in the making does not count", map[string]string{"updates/0001": "Package: a\n", "updates/tmp.i": "Package: b\n"}, "a"},
		{"notes folded", map[string]string{"tmp.ci/control": "Source: x\nPackage: unpacked\n"}, "unpacked"},
		{"a note cut off", map[string]string{"updates/0001": "Pack"}, ""},
		{"no name", map[string]string{"updates/0001": "Package: ../../etc\n"}, ""},
	} {
		dir := t.TempDir()
		for name, text := range c.files {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
			put(t, filepath.Join(dir, name), text)
		}
		if got := dpkgAt(dir); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Whatever stands in such a file, what is told is a name or nothing.
func FuzzPackageField(f *testing.F) {
	f.Add([]byte("Package: libc6\nStatus: install ok unpacked\n"), false)
	f.Add([]byte("Source: x\nPackage:"), true)
	f.Fuzz(func(t *testing.T, b []byte, cut bool) {
		if name := parsePackage(b, cut); strings.ContainsAny(name, "/ \n\x00") || len(name) > len(b) {
			t.Errorf("%q", name)
		}
	})
}
