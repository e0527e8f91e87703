package event

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// Reserved is what only Brine's own code fires below; a minion only below its own name.
const Reserved = "brine/"

// CheckTag says what is wrong with a tag: segments separated by '/', none of them empty, no control characters,
// no '*', UTF-8, at most MaxTag bytes.
func CheckTag(tag string) error {
	if tag == "" {
		return fmt.Errorf("tag is empty")
	}
	if len(tag) > MaxTag {
		return fmt.Errorf("tag %.40q... has %d bytes; at most %d", tag, len(tag), MaxTag)
	}
	if i := badByte(tag, true); i >= 0 {
		return fmt.Errorf("tag %q: %q at position %d must be percent-encoded", tag, tag[i], i+1)
	}
	if tag[0] == '/' || tag[len(tag)-1] == '/' || strings.Contains(tag, "//") {
		return fmt.Errorf("tag %q has an empty segment", tag)
	}
	return nil
}

// IsReserved reports whether a tag lies in Brine's own part.
func IsReserved(tag string) bool { return strings.HasPrefix(tag, Reserved) || tag+"/" == Reserved }

// MayFire says whether a minion may send an event with this tag: anything outside Reserved, and below it only
// what carries its own name in the place that the kind of tag has for it.
func MayFire(minion, tag string) bool {
	if !IsReserved(tag) {
		return true
	}
	s := strings.SplitN(strings.TrimPrefix(tag, Reserved), "/", 4)
	switch s[0] {
	case "beacon", "drift", "gap", "minion":
		return len(s) > 1 && s[1] == minion
	case "job":
		return len(s) == 4 && s[2] == "ret" && s[3] == minion
	}
	return false
}

// badByte is the position of the first byte that may not stand in a tag: a control character, '*' if told so, or what is
// no UTF-8. It is -1 when there is none.
func badByte(s string, star bool) int {
	ascii := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < 0x20 || c == 0x7f || star && c == '*' {
			return i
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if ascii {
		return -1
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

// MaxPathTag bounds what PathTag gives, in bytes, so that the longest id of a minion and a beacon's name still fit
// before it within MaxTag.
const MaxPathTag = 700

// PathTag makes the tail of a tag out of a path: the leading slash is dropped, and what would break a tag ('*', '%', control
// characters, bytes that are no UTF-8) is percent-encoded. "/" itself is "%2F". A longer one than MaxPathTag is cut, and ends in "~" and
// 16 hex digits of its SHA-256: paths that differ have tags that differ.
func PathTag(p string) string {
	p = path.Clean("/" + p)
	if p == "/" {
		return "%2F"
	}
	tag := EscapeTag(p[1:])
	if len(tag) <= MaxPathTag {
		return tag
	}
	sum := sha256.Sum256([]byte(p))
	end := "~" + hex.EncodeToString(sum[:8])
	cut := tag[:MaxPathTag-len(end)]
	if i := strings.LastIndexByte(cut, '%'); i >= len(cut)-2 {
		cut = cut[:i]
	}
	for len(cut) > 0 && !utf8.ValidString(cut) {
		cut = cut[:len(cut)-1] // within a letter
	}
	return cut + end
}

// EscapeTag percent-encodes what may not stand in a tag, and leaves slashes.
func EscapeTag(s string) string { return escape(s, false) }

// EscapeSegment is EscapeTag for one segment: slashes are encoded too.
func EscapeSegment(s string) string { return escape(s, true) }

func escape(s string, slash bool) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); {
		c, size := rune(s[i]), 1
		bad := c < 0x20 || c == 0x7f || c == '*' || c == '%' || slash && c == '/'
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(s[i:])
			bad = c == utf8.RuneError && size == 1
		}
		if bad {
			b.WriteByte('%')
			b.WriteByte(hexDigits[s[i]>>4])
			b.WriteByte(hexDigits[s[i]&15])
		} else {
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// UnescapeTag is the opposite of EscapeTag and EscapeSegment. A '%' that two hex digits do not follow is an error.
func UnescapeTag(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		var c [1]byte
		if i+2 >= len(s) {
			return "", fmt.Errorf("tag %q: '%%' at position %d wants two hex digits", s, i+1)
		}
		if _, err := hex.Decode(c[:], []byte(s[i+1:i+3])); err != nil {
			return "", fmt.Errorf("tag %q: '%%' at position %d wants two hex digits", s, i+1)
		}
		b = append(b, c[0])
		i += 2
	}
	return string(b), nil
}
