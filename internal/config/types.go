package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3},
	{"B", 1}, // last: the others end in it
}

// UnmarshalText reads a whole or decimal number with B, KiB, MiB, GiB, TiB (powers of 1024) or kB, MB, GB, TB (of 1000).
func (s *Size) UnmarshalText(text []byte) error {
	in := strings.TrimSpace(string(text))
	for _, u := range sizeUnits {
		num, ok := strings.CutSuffix(in, u.name)
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
		if err != nil || f < 0 || !(f*float64(u.bytes) < math.MaxInt64) {
			break
		}
		*s = Size(math.Round(f * float64(u.bytes)))
		return nil
	}
	if in == "0" {
		*s = 0
		return nil
	}
	return fmt.Errorf("%q is no size: want a number and its unit, such as 64MiB", shorten(in))
}

// String has the largest unit that leaves a whole number.
func (s Size) String() string {
	for _, u := range sizeUnits[:4] {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// MarshalText is String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Percent is a share: 90 stands for 90 %.
type Percent float64

// UnmarshalText reads a number from 0 to 100 that ends in '%'.
func (p *Percent) UnmarshalText(text []byte) error {
	in := strings.TrimSpace(string(text))
	num, ok := strings.CutSuffix(in, "%")
	f, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
	if !ok || err != nil || !(f >= 0 && f <= 100) {
		return fmt.Errorf("%q is no share: want 0%% to 100%%, such as 90%%", shorten(in))
	}
	*p = Percent(f)
	return nil
}

// String ends in '%'.
func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'g', -1, 64) + "%" }

// MarshalText is String.
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

var durationUnits = map[string]time.Duration{
	"ns": time.Nanosecond, "us": time.Microsecond, "µs": time.Microsecond, "ms": time.Millisecond,
	"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

// ParseDuration reads numbers with their units, such as 30s, 5m, 1h30m, 1.5h, 7d, 2w. It is never negative, and only 0 may
// go without a unit: a bare number would be seconds to some and minutes to others.
func ParseDuration(text string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no duration: want a number and its unit, such as 30s, 5m, 7d", shorten(text))
	rest := strings.TrimSpace(text)
	if rest == "0" {
		return 0, nil
	}
	var sum float64
	for first := true; first || rest != ""; first = false {
		num := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789."))]
		rest = rest[len(num):]
		unit := rest[:len(rest)-len(strings.TrimLeft(rest, "nuµmshdw"))]
		rest = rest[len(unit):]
		f, err := strconv.ParseFloat(num, 64)
		if err != nil || durationUnits[unit] == 0 {
			return 0, bad
		}
		sum += f * float64(durationUnits[unit])
	}
	if !(sum < math.MaxInt64) {
		return 0, fmt.Errorf("%q is too long: at most 292 years", shorten(text))
	}
	return time.Duration(math.Round(sum)), nil
}
