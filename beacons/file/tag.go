package file

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxTag bounds the tail of a tag, in bytes: with the rest of it, and the longest name of a minion, it must stay below the 1024 of a tag.
const maxTag = 700

// pathTag makes the tail of a tag of a clean, absolute path, as event.PathTag does: the leading slash is dropped, and what would
// break a tag is percent-encoded. Bytes that are not UTF-8 are encoded too; "/" itself is "%2F"; what is too long is cut at a slash
// where there is one, and ends in a hash of the path.
func pathTag(path string) string {
	tag := escape(strings.TrimPrefix(path, "/"))
	if tag == "" {
		return "%2F"
	}
	if len(tag) <= maxTag {
		return tag
	}
	head := tag[:maxTag-20]
	if i := strings.LastIndexByte(head, '/'); i > 0 {
		head = head[:i]
	} else {
		for len(head) > 0 && !utf8.ValidString(head) {
			head = head[:len(head)-1]
		}
	}
	return fmt.Sprintf("%s/%x", head, sha256.Sum256([]byte(path)))[:len(head)+17]
}

func escape(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = c >= 0x20 && c < 0x7f && c != '*' && c != '%'
	}
	if plain {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if c := s[0]; c < 0x20 || c == 0x7f || c == '*' || c == '%' || r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}
