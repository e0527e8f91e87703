package event

import (
	"fmt"
	"path"
	"strings"
)

// Reserved is what only Brine's own code fires below; a minion only below its own name.
const Reserved = "brine/"

// CheckTag says what is wrong with a tag: segments separated by '/', none of them empty, no control characters,
// no '*', at most MaxTag bytes.
func CheckTag(tag string) error {
	if tag == "" {
		return fmt.Errorf("tag is empty")
	}
	if len(tag) > MaxTag {
		return fmt.Errorf("tag %.40q... has %d bytes; at most %d", tag, len(tag), MaxTag)
	}
	for i := 0; i < len(tag); i++ {
		if c := tag[i]; c < 0x20 || c == 0x7f || c == '*' {
			return fmt.Errorf("tag %q: %q at position %d must be percent-encoded", tag, c, i+1)
		}
	}
	if tag[0] == '/' || tag[len(tag)-1] == '/' || strings.Contains(tag, "//") {
		return fmt.Errorf("tag %q has an empty segment", tag)
	}
	return nil
}

// MayFire says whether a minion may send an event with this tag: anything outside Reserved, and below it only
// what carries its own name in the place that the kind of tag has for it.
func MayFire(minion, tag string) bool {
	if !strings.HasPrefix(tag, Reserved) {
		return true
	}
	s := strings.SplitN(tag[len(Reserved):], "/", 4)
	switch s[0] {
	case "beacon", "drift", "gap", "minion":
		return len(s) > 1 && s[1] == minion
	case "job":
		return len(s) == 4 && s[2] == "ret" && s[3] == minion
	}
	return false
}

// PathTag makes the tail of a tag out of a path: the leading slash is dropped, and what would break a tag
// ('*', '%', control characters) is percent-encoded.
func PathTag(p string) string {
	return EscapeTag(strings.TrimPrefix(path.Clean("/"+p), "/"))
}

// EscapeTag percent-encodes what may not stand in a tag, and leaves slashes.
func EscapeTag(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == 0x7f || c == '*' || c == '%' {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// EscapeSegment is EscapeTag for one segment: slashes are encoded too.
func EscapeSegment(s string) string { return strings.ReplaceAll(EscapeTag(s), "/", "%2F") }
