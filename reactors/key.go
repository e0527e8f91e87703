package reactors

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// windowKey makes the key of a window out of the values of by: a JSON list, cut and hashed where it is long.
func windowKey(by []*expr, s *scope) (string, error) {
	if len(by) == 0 {
		return noKey, nil
	}
	values := make([]any, len(by))
	for i, x := range by {
		got, err := x.eval(s)
		if err != nil {
			return "", err
		}
		if values[i], err = plain(got); err != nil {
			return "", fmt.Errorf("%s: %w", x.at.String(0), err)
		}
	}
	b, err := json.Marshal(values)
	if err != nil {
		return "", fmt.Errorf("by: %w", err)
	}
	if len(b) <= maxKey {
		return string(b), nil
	}
	sum := sha256.Sum256(b)
	return strings.ToValidUTF8(string(b[:maxKey]), "") + "#" + hex.EncodeToString(sum[:16]), nil
}

// fingerprint tells one throttle or condition from another.
func fingerprint(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}
