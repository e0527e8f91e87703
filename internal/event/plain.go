package event

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// textIsUTF8 walks well-formed CBOR of definite lengths (RFC 8949, 3) and looks at the text strings alone. Nesting does not
// matter to the walk: the heads of all items stand one after the other.
func textIsUTF8(b []byte) bool {
	for i := 0; i < len(b); {
		major, info := b[i]>>5, b[i]&0x1f
		i++
		n := uint64(info)
		if info >= 24 {
			size := 1 << (info - 24) // 24..27: 1, 2, 4 or 8 bytes
			if info > 27 || len(b)-i < size {
				return false
			}
			var arg [8]byte
			copy(arg[8-size:], b[i:i+size])
			n = binary.BigEndian.Uint64(arg[:])
			i += size
		}
		if major != 2 && major != 3 {
			continue
		}
		if n > uint64(len(b)-i) {
			return false
		}
		if major == 3 && !utf8.Valid(b[i:i+int(n)]) {
			return false
		}
		i += int(n)
	}
	return true
}

// mend makes the text in b UTF-8.
func mend(b []byte) ([]byte, error) {
	var v any
	if err := mendDec.Unmarshal(b, &v); err != nil {
		return nil, fmt.Errorf("event data: %w", err)
	}
	b, err := dataEnc.Marshal(eachString(v, func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }))
	if err != nil {
		return nil, fmt.Errorf("event data: %w", err)
	}
	return b, nil
}

func eachString(v any, f func(string) string) any {
	switch v := v.(type) {
	case string:
		return f(v)
	case []any:
		for i := range v {
			v[i] = eachString(v[i], f)
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[f(k)] = eachString(e, f)
		}
		return out
	}
	return v
}

// showBytes puts text in place of bytes, changing v.
func showBytes(v any) any {
	switch v := v.(type) {
	case []byte:
		if isText(v) {
			return string(v)
		}
		return "base64:" + base64.StdEncoding.EncodeToString(v)
	case []any:
		for i := range v {
			v[i] = showBytes(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = showBytes(v[k])
		}
	}
	return v
}

func isText(b []byte) bool {
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 || unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' {
			return false
		}
		b = b[size:]
	}
	return true
}
