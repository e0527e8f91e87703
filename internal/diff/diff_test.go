package diff

import (
	"strings"
	"testing"
)

func TestSecretPath(t *testing.T) {
	for p, want := range map[string]bool{
		"/etc/shadow": true, "/etc/shadow-": true, "/etc/gshadow": true, "/etc/ssl/private/x": true, "/root/.ssh/id_rsa": true,
		"/etc/ssh/ssh_host_rsa_key": true, "/root/.netrc": true, "/etc/sudoers.d/ops": true,
		"/root/.ssh/id_ed25519": true, "/srv/tls/site.key": true, "/srv/tls/site.pem": true,
		"/root/.ssh/id_rsa.pub": false, "/etc/passwd": false, "/etc/ssh/sshd_config": false, "/etc/motd": false, "/etc/ssl/private": false, "/etc/keys": false,
	} {
		if got := SecretPath(p); got != want {
			t.Errorf("%s: %v", p, got)
		}
	}
	if !SecretText([]byte("x\n-----BEGIN OPENSSH PRIVATE KEY-----\n")) || SecretText([]byte("PUBLIC KEY-----")) {
		t.Error("SecretText")
	}
	if IsText([]byte{'a', 0}) || IsText([]byte{0xff}) || !IsText([]byte("ä\n")) {
		t.Error("IsText")
	}
}

func TestUnifiedIsCutAtALine(t *testing.T) {
	if d := Unified("a", "b", []byte("x\n"), []byte("y\n"), MaxOutput); d != "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n" {
		t.Errorf("%q", d)
	}
	d := Unified("a", "b", []byte(strings.Repeat("x\n", 1000)), nil, 100)
	if !strings.Contains(d, "\n... and ") || len(d) > 140 {
		t.Errorf("%d bytes: %q", len(d), d)
	}
}
