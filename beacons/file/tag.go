package file

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxTag bounds the tail of a tag, in bytes: it is event.MaxPathTag.
const maxTag = 700

// pathTag makes the tail of a tag of a clean, absolute path, exactly as event.PathTag does, which no beacon may import.
func pathTag(path string) string {
	if path == "/" {
		return "%2F"
	}
	tag := escape(strings.TrimPrefix(path, "/"))
	if len(tag) <= maxTag {
		return tag
	}
	end := fmt.Sprintf("~%x", sha256.Sum256([]byte(path)))[:17]
	cut := tag[:maxTag-len(end)]
	if i := strings.LastIndexByte(cut, '%'); i >= len(cut)-2 {
		cut = cut[:i]
	}
	for len(cut) > 0 && !utf8.ValidString(cut) {
		cut = cut[:len(cut)-1] // within a letter
	}
	return cut + end
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
