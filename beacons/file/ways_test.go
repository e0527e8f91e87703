package file

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/watch"
)

// patient gives a loaded machine the time to start the next command, or to get on with a write that its disk holds up.
func patient(c *Config) *Config {
	settle := 250 * time.Millisecond
	for p, o := range c.Paths {
		o.Settle = &settle
		c.Paths[p] = o
	}
	return c
}

// Each way of changing a file is exactly one event with the right change.
func TestOneChangeIsOneEvent(t *testing.T) {
	f := "etc/motd"
	at := func(dir string) string { return filepath.Join(dir, f) }
	actors := &actors{}
	t.Cleanup(func() { actors.check(t) })
	for _, c := range []struct {
		way  string
		want string
		do   func(t *testing.T, dir string)
	}{
		{"written in place", "modified", func(t *testing.T, d string) { put(t, at(d), "other\n") }},
		{"appended", "modified", func(t *testing.T, d string) { command(t, d, "sh", "-c", "echo more >> "+f) }},
		{"truncated", "modified", func(t *testing.T, d string) { must(t, os.Truncate(at(d), 0)) }},
		{"echo >", "modified", func(t *testing.T, d string) { command(t, d, "sh", "-c", "echo other > "+f) }},
		{"written in three parts", "modified", func(t *testing.T, d string) {
			command(t, d, "sh", "-c", "exec 3> "+f+"; echo a >&3; sleep 0.005; echo b >&3; sleep 0.005; echo c >&3")
		}},
		{"sed -i", "modified", func(t *testing.T, d string) { command(t, d, "sed", "-i", "s/hello/other/", f) }},
		{"mv over", "modified", func(t *testing.T, d string) { command(t, d, "sh", "-c", "echo other > new; mv new "+f) }},
		{"cp over", "modified", func(t *testing.T, d string) { command(t, d, "sh", "-c", "echo other > new; cp new "+f) }},
		{"rm", "removed", func(t *testing.T, d string) { command(t, d, "rm", f) }},
		{"rm and created", "modified", func(t *testing.T, d string) { command(t, d, "sh", "-c", "rm "+f+"; echo other > "+f) }},
		{"rm and created as it was", "", func(t *testing.T, d string) { command(t, d, "sh", "-c", "rm "+f+"; echo hello > "+f) }},
		{"changed and put back at once", "", func(t *testing.T, d string) {
			command(t, d, "sh", "-c", "exec 3>> "+f+"; echo x >&3; truncate -s 6 "+f)
		}},
		{"touched", "", func(t *testing.T, d string) { command(t, d, "touch", f) }},
		{"chmod", "attributes", func(t *testing.T, d string) { must(t, os.Chmod(at(d), 0o600)) }},
		{"chmod to what it is", "", func(t *testing.T, d string) { must(t, os.Chmod(at(d), 0o644)) }},
		{"replaced by a link", "modified", func(t *testing.T, d string) { command(t, d, "ln", "-sf", "../new", f) }},
		{"replaced by a folder", "modified", func(t *testing.T, d string) { command(t, d, "sh", "-c", "rm "+f+"; mkdir "+f) }},
		{"replaced by a fifo", "modified", func(t *testing.T, d string) { command(t, d, "sh", "-c", "rm "+f+"; mkfifo "+f) }},
		{"folder removed", "removed", func(t *testing.T, d string) { command(t, d, "rm", "-r", "etc") }},
		{"folder removed and remade", "modified", func(t *testing.T, d string) {
			command(t, d, "sh", "-c", "rm -r etc; mkdir etc; echo other > "+f)
		}},
		{"folder moved away", "removed", func(t *testing.T, d string) { command(t, d, "mv", "etc", "away") }},
		{"folder moved away and back", "", func(t *testing.T, d string) { command(t, d, "sh", "-c", "mv etc away; mv away etc") }},
		{"vim", "modified", vim("auto")},
		{"vim, backupcopy=yes", "modified", vim("yes")},
		{"vim, backupcopy=no", "modified", vim("no")},
		{"vim, backupcopy=auto,breakhardlink", "modified", vim("auto,breakhardlink")},
		{"python writes in place", "modified", python("open('etc/motd', 'w').write('other')")},
		{"python appends and syncs", "modified", python("import os; f = open('etc/motd', 'a'); f.write('x'); f.flush(); os.fsync(f.fileno()); f.write('y'); f.close()")},
		{"python writes a temporary file and renames it", "modified", python("import os; open('etc/.tmp', 'w').write('other'); os.replace('etc/.tmp', 'etc/motd')")},
		{"install", "modified", func(t *testing.T, d string) { command(t, d, "sh", "-c", "echo other > new; install -m 644 new "+f) }},
		{"cp -a --remove-destination", "modified", func(t *testing.T, d string) {
			command(t, d, "sh", "-c", "echo other > new; cp -a --remove-destination new "+f)
		}},
		{"ln over", "modified", func(t *testing.T, d string) { command(t, d, "sh", "-c", "echo other > new; ln -f new "+f) }},
		{"backup and rename", "modified", func(t *testing.T, d string) {
			command(t, d, "sh", "-c", "cp "+f+" etc/motd.bak; echo other > etc/.motd.new; mv etc/.motd.new "+f)
		}},
		{"renamed away and another made", "modified", func(t *testing.T, d string) { command(t, d, "sh", "-c", "mv "+f+" etc/motd~; echo other > "+f) }},
		{"rsync's way", "modified", func(t *testing.T, d string) {
			command(t, d, "sh", "-c", "echo other > etc/.motd.Ab12; chmod 644 etc/.motd.Ab12; touch -r "+f+" etc/.motd.Ab12; mv etc/.motd.Ab12 "+f)
		}},
		{"dpkg -i", "modified", dpkg},
		{"folder swapped by a link", "modified", func(t *testing.T, d string) {
			command(t, d, "sh", "-c", "mkdir v2; echo other > v2/motd; mv etc v1; ln -s v2 etc")
		}},
		{"chown", "attributes", func(t *testing.T, d string) {
			if os.Getuid() != 0 {
				t.Skip("needs root")
			}
			must(t, os.Chown(at(d), 12345, 12345))
		}},
	} {
		t.Run(c.way, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			must(t, os.Mkdir(filepath.Join(root, "etc"), 0o755))
			put(t, at(root), "hello\n")
			l := begin(t, root, newStore(), patient(paths("/etc/motd")), actors.ask)
			c.do(t, root)
			var want []string
			if c.want != "" {
				want = []string{c.want + " /etc/motd"}
			}
			l.settle()
			actors.count(t, l)
			if got := l.told(); !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
			put(t, filepath.Join(root, "kept"), "") // and it still sees what comes after
			command(t, root, "sh", "-c", "mkdir -p etc; rm -rf etc/motd; echo last > etc/motd")
			l.until(t, "the next change", func() bool { return len(l.signals) > 0 })
		})
	}
}

func vim(backupcopy string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if _, err := exec.LookPath("vim"); err != nil {
			t.Skip("no vim here")
		}
		command(t, dir, "vim", "-u", "NONE", "-es", "-c", "set backup backupcopy="+backupcopy, "-c", "%s/hello/other/", "-c", "wq", "etc/motd")
	}
}

func python(code string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		exe, err := exec.LookPath("python3")
		if err != nil {
			t.Skip("no python here")
		}
		command(t, dir, exe, "-c", code)
	}
}

// dpkg unpacks and configures a package that holds the file.
func dpkg(t *testing.T, dir string) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil || os.Getuid() != 0 {
		t.Skip("no dpkg here, or not root")
	}
	command(t, dir, "sh", "-c", `mkdir -p pkg/DEBIAN pkg/etc admin/updates admin/info && : > admin/status && : > admin/available
		echo other > pkg/etc/motd && printf 'Package: brine-test\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' > pkg/DEBIAN/control
		dpkg-deb -b pkg brine-test_1_all.deb`)
	command(t, dir, "dpkg", "--admindir="+filepath.Join(dir, "admin"), "--instdir="+dir, "--force-not-root", "--log=/dev/null", "-i", filepath.Join(dir, "brine-test_1_all.deb"))
}

// actors counts how often the programs that a test started are named.
type actors struct {
	mu             sync.Mutex
	known, unknown int
}

func (a *actors) ask(e *beacons.Env) { e.Actor = e.Files.(*watch.Watcher).Actors() }

// count looks at the actors of what has been told: a program that the test started, or nobody, which also stands for the test itself.
func (a *actors) count(t *testing.T, l *life) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	me := filepath.Base(os.Args[0])
	for _, s := range l.signals {
		d := s.Data.(Data)
		switch {
		case strings.HasPrefix(d.Path, probes) && d.Actor == nil:
		case d.Actor == nil || d.Actor.Exe == nil:
			a.unknown++
		case !slices.Contains(d.Actor.Parents, me[:min(15, len(me))]):
			t.Errorf("%s %s by %q of %q", d.Change, d.Path, *d.Actor.Exe, d.Actor.Parents)
		case t.Name() == "TestOneChangeIsOneEvent/dpkg_-i":
			if d.Actor.PackageManager == nil || *d.Actor.PackageManager != "dpkg" || d.Actor.Package == nil || *d.Actor.Package != "brine-test" {
				t.Errorf("by %+v", d.Actor)
			}
			fallthrough
		default:
			a.known++
		}
	}
}

// check wants most of them: other tests run beside, and what the test does itself is nobody's. internal/watch measures it.
func (a *actors) check(t *testing.T) {
	t.Logf("actors known %d, not known %d", a.known, a.unknown)
	if a.known > 0 && a.known < a.unknown {
		t.Errorf("actors known %d, not known %d", a.known, a.unknown)
	}
}
