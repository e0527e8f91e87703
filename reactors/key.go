package reactors

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"brine/internal/config"
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

// canonical writes a node so that two that mean the same are the same text, wherever they stand.
func canonical(n *config.Node) string {
	switch n.Kind() {
	case config.Map:
		var parts []string
		for _, p := range n.Pairs() {
			parts = append(parts, strconv.Quote(p.Key.Text())+":"+canonical(p.Value))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case config.List:
		var parts []string
		for _, it := range n.Items() {
			parts = append(parts, canonical(it))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return strconv.Quote(n.Text())
}
