package file

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
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
			l := begin(t, root, newStore(), patient(paths("/etc/motd")))
			c.do(t, root)
			var want []string
			if c.want != "" {
				want = []string{c.want + " /etc/motd"}
			}
			if got := l.changes(); !slices.Equal(got, want) {
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
