package file

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"

	"brine/beacons"
)

const (
	// MaxDiffInput is the size in bytes up to which the text of a file is kept, with diff, to tell how it differs.
	MaxDiffInput = 64 << 10
	// maxDiff bounds the diff of an event, in bytes: it is cut at the end of a line.
	maxDiff = 16 << 10
	// maxTexts bounds the texts that are made durable at once, in bytes.
	maxTexts = 4 << 20
	// keyText is the key of a file's text in the baseline: + path: textMark + text.
	keyText  = "d:"
	textMark = "t" // so that the value of an empty file is not empty
)

// secretNames are the base names whose content is neither kept nor told, as path.Match patterns: password files, private keys, key
// stores, and what commonly holds a password in clear. What they do not name, and the content does not show, is told.
func secretNames() []string {
	return []string{
		"shadow*", "gshadow*", "*.key", "*.p12", "*.pfx", "*.jks", "*.keytab", "id_*", "ssh_host_*_key",
		".netrc", ".pgpass", ".my.cnf", ".htpasswd", "*.kdbx", "*.age", "*.gpg",
	}
}

// secretFolders hold nothing but secrets.
func secretFolders() []string {
	return []string{"/etc/ssl/private/", "/etc/wireguard/", "/etc/sudoers.d/"}
}

// secretPath reports whether the content of a path is never told.
func secretPath(p string) bool {
	base := path.Base(p)
	if strings.HasPrefix(base, "id_") && strings.HasSuffix(base, ".pub") {
		return false
	}
	for _, pattern := range secretNames() {
		if ok, _ := path.Match(pattern, base); ok {
			return true
		}
	}
	for _, folder := range secretFolders() {
		if strings.HasPrefix(p, folder) {
			return true
		}
	}
	return false
}

// secretText reports whether content gives itself away as a private key.
func secretText(b []byte) bool {
	return bytes.Contains(b, []byte("PRIVATE KEY-----")) || bytes.Contains(b, []byte("AGE-SECRET-KEY-"))
}

// keeps reports whether the text of a file is kept.
func (t *root) keeps(p string, size int64) bool {
	return t.options.Diff && size <= MaxDiffInput && !secretPath(p)
}

// asText gives content that may be kept; nil: it is no text, or secret.
func asText(b []byte) []byte {
	if b == nil || !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 || secretText(b) {
		return nil
	}
	return b
}

// textKV is the baseline of a file's text; nil: none is kept.
func textKV(p string, text []byte) beacons.KV {
	kv := beacons.KV{Key: keyText + p}
	if text != nil {
		kv.Value = append([]byte(textMark), text...)
	}
	return kv
}

// kept is the text that is kept of a file as it was recorded; nil: none, or not of that.
func (r *run) kept(p string, before record) []byte {
	if before.Kind == absent {
		return []byte{}
	}
	b, err := r.env.Baseline.Get(keyText + p)
	if err != nil || !bytes.HasPrefix(b, []byte(textMark)) || sha256.Sum256(b[len(textMark):]) != before.Sum {
		return nil
	}
	return b[len(textMark):]
}

// diff tells how text differs; empty where one side is no text that may be told.
func (r *run) diff(p string, before, after record, now []byte) string {
	if after.Kind == absent {
		now = []byte{}
	}
	if now == nil || before.Sum == after.Sum {
		return ""
	}
	was := r.kept(p, before)
	if was == nil {
		return ""
	}
	return unified(text(p), string(was), string(now))
}

func unified(name, before, after string) string {
	d := udiff.Unified(name+" (before)", name+" (after)", before, after)
	if len(d) <= maxDiff {
		return d
	}
	cut := strings.LastIndexByte(d[:maxDiff], '\n') + 1
	for cut == 0 { // one long line
		for cut = maxDiff; !utf8.RuneStart(d[cut]); cut-- {
		}
	}
	return d[:cut] + fmt.Sprintf("... and %d more bytes of diff\n", len(d)-cut)
}

// loadTexts gives up texts that are no longer to be kept, and has files read whose text is not kept yet.
func (r *run) loadTexts() error {
	have := map[string]bool{}
	err := r.env.Baseline.Each(keyText, func(key string, _ []byte) error {
		p := strings.TrimPrefix(key, keyText)
		if t := r.owner(p); t != nil && t.keeps(p, 0) && t.entries[p].Kind != absent {
			have[p] = true
		} else {
			r.set = append(r.set, beacons.KV{Key: key})
		}
		return nil
	})
	for _, t := range r.roots {
		for p, rec := range t.entries {
			if rec.Kind == regular && t.keeps(p, rec.Size) && !have[p] {
				rec.Racy = true // as if the stamps proved nothing
				t.entries[p] = rec
			}
		}
	}
	return err
}

// keepText keeps the text of a file that has not changed, where none was kept.
func (r *run) keepText(it *item, s sight) {
	if s.text == nil || r.fails > 0 || r.kept(it.path, s.record) != nil {
		return
	}
	r.set = append(r.set, textKV(it.path, s.text))
	if r.texts += len(s.text); r.texts > maxTexts {
		r.texts = 0
		r.flush()
	}
}
