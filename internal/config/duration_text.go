package config

import (
	"strings"
	"time"
)

// ShortDuration writes a duration that ParseDuration reads, without the zeros that Go writes: 10m, not 10m0s.
func ShortDuration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
