package file

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"brine/states"
)

func TestSecretPaths(t *testing.T) {
	for p, secret := range map[string]bool{
		"/etc/shadow": true, "/etc/shadow-": true, "/etc/gshadow": true, "/root/.ssh/id_ed25519": true, "/etc/ssh/ssh_host_rsa_key": true,
		"/srv/tls/site.key": true, "/srv/tls/site.pem": true, "/etc/ssl/private/anything": true, "/root/.netrc": true,
		"/root/.ssh/id_ed25519.pub": false, "/etc/motd": false, "/etc/passwd": false, "/etc/ssh/sshd_config": false,
	} {
		if secretPath(p) != secret {
			t.Errorf("%s: secret %v; want %v", p, !secret, secret)
		}
	}
}

func TestDiffIsBoundedAndOnlyOfText(t *testing.T) {
	lines := func(n int, with string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%s %d\n", with, i)
		}
		return b.String()
	}
	for _, c := range []struct {
		name, path, before, after string
		has                       []string
	}{
		{"text", "/f", "one\ntwo\n", "one\n2\n", []string{"-two\n", "+2\n", "/f (wanted)"}},
		{"secret", "/f.key", "one\n", "two\n", nil},
		{"binary before", "/f", "a\x00b", "two\n", nil},
		{"not UTF-8 after", "/f", "a", "\xff\xfe\n", nil},
		{"input too long", "/f", strings.Repeat("x", maxDiffInput+1), "two\n", nil},
		{"output too long", "/f", lines(2000, "old"), lines(2000, "new"), []string{"more bytes of diff\n"}},
	} {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, c.path), []byte(c.before), 0o644); err != nil {
			t.Fatal(err)
		}
		text := Text(c.after)
		changes, err := (&Managed{Name: c.path, Contents: &text}).Check(context.Background(), states.Env{Root: root, Log: slog.New(slog.DiscardHandler)})
		if err != nil || len(changes) != 1 || changes[0].What != "content" {
			t.Fatalf("%s: %v, %v", c.name, changes, err)
		}
		d := changes[0].Diff
		if c.has == nil && d != "" {
			t.Errorf("%s: a diff was shown: %.80q", c.name, d)
		}
		for _, part := range c.has {
			if !strings.Contains(d, part) || len(d) > maxDiffOutput+100 {
				t.Errorf("%s: %d bytes of diff, %.200q; want it to hold %q", c.name, len(d), d, part)
			}
		}
	}
}
