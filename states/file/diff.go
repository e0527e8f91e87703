package file

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"

	"brine/internal/hostfs"
	"brine/states"
)

// Bounds of a diff: it is for people, and travels in every result.
const (
	maxDiffInput  = 64 << 10 // bytes of either side
	maxDiffOutput = 16 << 10 // bytes; cut at a line's end beyond that
)

// secretNames are the base names whose content never stands in a diff, as path.Match patterns: password files, private keys, key
// stores, and what commonly holds a password in clear.
var secretNames = [...]string{
	"shadow*", "gshadow*", "*.key", "*.pem", "*.p12", "*.pfx", "*.jks", "*.keytab", "id_*", "ssh_host_*_key",
	".netrc", ".pgpass", ".my.cnf", ".htpasswd", "*.kdbx", "*.age", "*.gpg",
}

// secretFolders hold nothing but secrets.
var secretFolders = [...]string{"/etc/ssl/private/", "/etc/wireguard/", "/etc/sudoers.d/"}

func secretPath(p string) bool {
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

// diff is the unified diff of the content as it is and as it is wanted; empty where there is no sense or no right in one.
func (m *Managed) diff(ctx context.Context, env states.Env, w want, now seen) (string, error) {
	if !is(m.ShowChanges, true) || secretPath(m.Name) || now.Size > maxDiffInput || m.Source != nil && m.Source.Size > maxDiffInput {
		return "", nil
	}
	var before []byte
	if now.exists && now.IsRegular() && now.Ino != 0 {
		dir, name, err := hostfs.Parent(env.Root, m.Name, false)
		if err != nil {
			return "", nil // gone by now, which Apply will find out
		}
		defer dir.Close()
		f, _, err := dir.Open(name)
		if err != nil {
			return "", nil
		}
		before = readText(ctx, f)
		if before == nil {
			return "", nil
		}
	}
	content, err := m.open(env, nil, "", w, now)
	if err != nil {
		return "", err
	}
	after := readText(ctx, content)
	if after == nil {
		return "", nil
	}
	return unified(m.Name, string(before), string(after)), nil
}

// readText reads and closes r. It is nil for what is no text, or too long.
func readText(ctx context.Context, r io.ReadCloser) []byte {
	defer r.Close()
	var b bytes.Buffer
	if _, err := hostfs.Copy(ctx, &b, io.LimitReader(r, maxDiffInput+1)); err != nil || b.Len() > maxDiffInput {
		return nil
	}
	if bytes.IndexByte(b.Bytes(), 0) >= 0 || !utf8.Valid(b.Bytes()) {
		return nil
	}
	return append([]byte{}, b.Bytes()...)
}

func unified(name, before, after string) string {
	d := udiff.Unified(name+" (is)", name+" (wanted)", before, after)
	if len(d) <= maxDiffOutput {
		return d
	}
	cut := strings.LastIndexByte(d[:maxDiffOutput], '\n') + 1
	return d[:cut] + fmt.Sprintf("... and %d more bytes of diff\n", len(d)-cut)
}
