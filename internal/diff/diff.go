// Package diff says what may be shown of a file's content, and how two contents differ. It must never know a state, a beacon or a
// job, and it reads nothing itself.
package diff

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"
)

// Bounds of a diff that travels in a result: it is for people.
const (
	MaxInput  = 64 << 10 // bytes of either side
	MaxOutput = 16 << 10 // bytes; cut at a line's end beyond that
)

// secretNames are the base names whose content is never shown unasked, as path.Match patterns: password files, private keys, key
// stores, and what commonly holds a password in clear.
var secretNames = [...]string{
	"shadow*", "gshadow*", "*.key", "*.pem", "*.p12", "*.pfx", "*.jks", "*.keytab", "id_*", "ssh_host_*_key",
	".netrc", ".pgpass", ".my.cnf", ".htpasswd", "*.kdbx", "*.age", "*.gpg",
}

// secretFolders hold nothing but secrets.
var secretFolders = [...]string{"/etc/ssl/private/", "/etc/wireguard/", "/etc/sudoers.d/"}

// SecretPath reports whether a path holds a secret by its name.
func SecretPath(p string) bool {
	base := path.Base(p)
	if strings.HasPrefix(base, "id_") && strings.HasSuffix(base, ".pub") {
		return false
	}
	for _, pattern := range secretNames {
		if ok, _ := path.Match(pattern, base); ok {
			return true
		}
	}
	for _, folder := range secretFolders {
		if strings.HasPrefix(p, folder) {
			return true
		}
	}
	return false
}

// SecretText reports whether content gives itself away as a private key.
func SecretText(b []byte) bool {
	return bytes.Contains(b, []byte("PRIVATE KEY-----")) || bytes.Contains(b, []byte("AGE-SECRET-KEY-"))
}

// IsText reports whether content can be shown at all.
func IsText(b []byte) bool { return bytes.IndexByte(b, 0) < 0 && utf8.Valid(b) }

// Unified is the unified diff of two texts, cut at the end of a line when it has more than most bytes.
func Unified(from, to string, before, after []byte, most int) string {
	d := udiff.Unified(from, to, string(before), string(after))
	if len(d) <= most {
		return d
	}
	cut := strings.LastIndexByte(d[:most], '\n') + 1
	return d[:cut] + fmt.Sprintf("... and %d more bytes of diff\n", len(d)-cut)
}
