package file

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*.conf", "a.conf", true},
		{"*.conf", "x/y/a.conf", true},
		{"*.conf", "a.conf.d/x", false},
		{"x/*.conf", "x/a.conf", true},
		{"x/*.conf", "x/y/a.conf", false},
		{"x/**", "x/y/a.conf", true},
		{"x/**", "x", true},
		{"**/cache", "a/b/cache", true},
		{"**/cache", "cache", true},
		{"a/**/z/*", "a/z/f", true},
		{"a/**/z/*", "a/b/c/z/f", true},
		{"a/**/z/*", "a/b/c/f", false},
		{"**/" + strings.Repeat("a*/**/", 20) + "b", strings.Repeat("aaa/", 100) + "c", false}, // in no time
	} {
		if got := matchPattern(c.pattern, c.name); got != c.want {
			t.Errorf("%q with %q: %v", c.pattern, c.name, got)
		}
	}
}

func TestIncludeAndExclude(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	command(t, root, "sh", "-c", "mkdir -p tree/d tree/.git; echo 1 > tree/d/a.conf; echo 1 > tree/d/b.txt; echo 1 > tree/.git/x.conf")
	c := patient(paths("/tree/**"))
	o := c.Paths["/tree"]
	o.Include, o.Exclude = []string{"*.conf"}, []string{".git", "skip/**/no.*"}
	c.Paths["/tree"] = o
	s := newStore()
	l := begin(t, root, s, c)
	for _, c := range []struct {
		do   string
		want []string
	}{
		{"echo 2 > tree/d/a.conf; echo 2 > tree/d/b.txt; echo 2 > tree/.git/x.conf; chmod 700 tree/d", []string{"modified /tree/d/a.conf"}},
		{"mkdir -p tree/n/m; echo 1 > tree/n/m/c.conf; echo 1 > tree/n/m/c.txt", []string{"created /tree/n/m/c.conf"}},
		{"mkdir -p tree/skip/a; echo 1 > tree/skip/a/no.conf; echo 1 > tree/skip/a/yes.conf", []string{"created /tree/skip/a/yes.conf"}},
		{"mv tree/n away", []string{"removed /tree/n/m/c.conf"}},
		{"mv tree/d/a.conf tree/d/a.txt", []string{"removed /tree/d/a.conf"}},
		{"rm -r tree/.git tree/d", nil},
	} {
		command(t, root, "sh", "-c", c.do)
		got := l.changes()
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%s: told %q, want %q", c.do, got, c.want)
		}
	}
	l.stop()
	if got := begin(t, root, s, c).changes(); got != nil {
		t.Errorf("told after a restart: %q", got)
	}
}

// With renames a file renamed within the path is one event; whatever else looks like it is not.
func TestRenames(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	command(t, root, "sh", "-c", "mkdir -p tree/d out; echo 1 > tree/a; echo 2 > tree/b; ln -s x tree/l; echo 3 > tree/d/deep")
	c := patient(paths("/tree/**"))
	o := c.Paths["/tree"]
	o.Renames, o.Diff = true, true
	c.Paths["/tree"] = o
	s := newStore()
	l := begin(t, root, s, c)
	for _, c := range []struct {
		do   string
		want []string
	}{
		{"mv tree/a tree/d/z", []string{"renamed /tree/a > /tree/d/z"}},
		{"mv tree/l tree/k", []string{"renamed /tree/l > /tree/k"}},
		{"mv tree/d/z tree/y; mv tree/y tree/a", []string{"renamed /tree/d/z > /tree/a"}},
		{"mv tree/d tree/e", []string{"removed /tree/d", "renamed /tree/d/deep > /tree/e/deep"}},
		{"mv tree/a tree/n; echo more >> tree/n", []string{"created /tree/n", "removed /tree/a"}},
		{"mv tree/n tree/b", []string{"modified /tree/b", "removed /tree/n"}},
		{"rm tree/b; echo 2 > tree/c", []string{"created /tree/c", "removed /tree/b"}},
		{"mv tree/c out/c", []string{"removed /tree/c"}},
		{"mv out/c tree/c", []string{"created /tree/c"}},
	} {
		command(t, root, "sh", "-c", c.do)
		got := l.changes()
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%s: told %q, want %q", c.do, got, c.want)
		}
	}
	l.stop()
	if got := begin(t, root, s, c).changes(); got != nil {
		t.Errorf("told after a restart: %q", got)
	}
	if s.kept[keyEntry+"/tree/a"] != nil || s.kept[keyText+"/tree/a"] != nil || s.kept[keyText+"/tree/c"] == nil {
		t.Errorf("kept %q", s.kept)
	}
}

func TestDiff(t *testing.T) {
	root := t.TempDir()
	command(t, root, "sh", "-c", "mkdir tree; printf 'one\\ntwo\\n' > tree/f; printf 'a\\0' > tree/bin; echo s > tree/x.key; echo 1 > tree/k; touch tree/empty")
	plain := func() *Config { return paths("/tree/**") }
	with := func() *Config {
		c := plain()
		c.Paths["/tree"] = Options{Recurse: true, Diff: true}
		return c
	}
	s := newStore()
	begin(t, root, s, plain()).stop()
	l := begin(t, root, s, with()) // switched on later
	l.until(t, "the texts", func() bool { return s.kept[keyText+"/tree/f"] != nil && s.kept[keyText+"/tree/empty"] != nil })
	l.stop()
	l = begin(t, root, s, with())
	long := strings.Repeat("a long line that is repeated\n", 1500)
	for _, c := range []struct{ name, do, want string }{
		{"f", "echo three >> tree/f", "@@ -1,2 +1,3 @@\n one\n two\n+three\n"},
		{"f", "sed -i s/one/1/ tree/f", "-one\n+1\n two\n three\n"},
		{"empty", "echo x > tree/empty", "+x\n"},
		{"new", "echo new > tree/new", "+new\n"},
		{"new", "rm tree/new", "-new\n"},
		{"bin", "printf 'b\\0' > tree/bin", ""},
		{"x.key", "echo t > tree/x.key", ""},
		{"k", "echo '-----BEGIN OPENSSH PRIVATE KEY-----' > tree/k", ""},
		{"k", "echo nothing secret any more > tree/k", ""},
		{"k", "echo more >> tree/k", "+more\n"},
		{"f", "printf '" + long + "' > tree/f", "more bytes of diff\n"},
		{"f", "head -c 70000 /dev/zero | tr '\\0' x > tree/f", ""},
		{"f", "chmod 600 tree/f", ""},
	} {
		command(t, root, "sh", "-c", c.do)
		l.until(t, c.name, func() bool { return len(l.signals) > 0 })
		d := l.take()[0].Data.(Data)
		if d.Path != "/tree/"+c.name || !strings.HasSuffix(d.Diff, c.want) || (c.want == "") != (d.Diff == "") || len(d.Diff) > maxDiff+64 {
			t.Errorf("%.60s: %s %s, diff %q", c.do, d.Change, d.Path, d.Diff)
		}
		if d.Diff != "" && !strings.HasPrefix(d.Diff, "--- "+d.Path+" (before)\n+++ "+d.Path+" (after)\n@@ -") {
			t.Errorf("%.60s: diff %q", c.do, d.Diff)
		}
	}
	for key, value := range s.kept {
		if strings.Contains(string(value), "PRIVATE") || key == keyText+"/tree/x.key" {
			t.Errorf("kept %s: %q", key, value)
		}
	}
	l.stop()
	begin(t, root, s, plain()).until(t, "no texts", func() bool {
		for key := range s.kept {
			if strings.HasPrefix(key, keyText) {
				return false
			}
		}
		return true
	})
}

func TestSecretPaths(t *testing.T) {
	for p, secret := range map[string]bool{
		"/etc/shadow": true, "/etc/shadow-": true, "/etc/gshadow": true, "/etc/ssh/ssh_host_rsa_key": true, "/root/.ssh/id_ed25519": true,
		"/root/.ssh/id_ed25519.pub": false, "/etc/ssl/x.key": true, "/etc/ssl/private/x": true, "/etc/ssl/cert.pem": false, "/etc/motd": false, "/etc/passwd": false,
	} {
		if secretPath(p) != secret {
			t.Errorf("%s: secret %v; want %v", p, !secret, secret)
		}
	}
}

// A change of an extended attribute, which ACLs and labels are too, is one of attributes; another's baseline without them is none.
func TestXattrs(t *testing.T) {
	root := t.TempDir()
	command(t, root, "sh", "-c", "mkdir -p tree/d; echo 1 > tree/f")
	if err := unix.Setxattr(filepath.Join(root, "tree/f"), "user.test", []byte("0"), 0); err != nil {
		t.Skip("no extended attributes here: ", err)
	}
	s := newStore()
	l := begin(t, root, s, paths("/tree/**"))
	for i, p := range []string{"/tree/f", "/tree/d", "/tree/f"} {
		must(t, unix.Setxattr(l.at(p), "user.test", []byte(fmt.Sprint(i+1)), 0))
		l.until(t, p, func() bool { return len(l.signals) == 1 })
		d := l.take()[0].Data.(Data)
		if d.Change != Attributes || d.Path != p || d.Before.Xattrs == d.After.Xattrs || d.After.Xattrs == "" {
			t.Errorf("told %s %s, %q, %q", d.Change, d.Path, d.Before.Xattrs, d.After.Xattrs)
		}
	}
	must(t, unix.Setxattr(l.at("/tree/f"), "user.test", []byte("3"), 0)) // as it is
	if got := l.changes(); got != nil {
		t.Errorf("told %q", got)
	}
	l.stop()
	for _, p := range []string{"/tree/f", "/tree/d"} {
		rec, err := decodeRecord(s.kept[keyEntry+p])
		must(t, err)
		rec.Xattrs = xattrsUnknown
		s.kept[keyEntry+p] = rec.encode()
		must(t, os.Chtimes(filepath.Join(root, p), time.Now(), time.Now()))
	}
	if got := begin(t, root, s, paths("/tree/**")).changes(); got != nil {
		t.Errorf("told of a baseline without them: %q", got)
	}
}
