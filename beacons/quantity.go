package beacons

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Unit is what a quantity is measured in.
type Unit string

// The units. A threshold is written in any of a unit's forms, and compared in the unit itself.
const (
	Plain          Unit = ""    // a number: 4, 1.5
	Percent        Unit = "%"   // 90%
	Bytes          Unit = "B"   // 500MiB (powers of 1024), 2GB (of 1000)
	Seconds        Unit = "s"   // 250ms, 30s, 5m, 12h, 7d
	PerSecond      Unit = "/s"  // 100/s
	BytesPerSecond Unit = "B/s" // 10MiB/s
)

// Quantity is a number with its unit. In a configuration it is a scalar, such as 90%, 500MiB or 30s.
type Quantity struct {
	Value float64 // in Unit: 2KiB is 2048, 1m is 60
	Unit  Unit
}

// Of makes a quantity, for a default.
func Of(value float64, unit Unit) *Quantity { return &Quantity{Value: value, Unit: unit} }

// forms are what may stand behind a number; of two that fit the longer counts.
var forms = []struct {
	suffix string
	unit   Unit
	times  float64
}{
	{"KiB", Bytes, 1 << 10}, {"MiB", Bytes, 1 << 20}, {"GiB", Bytes, 1 << 30}, {"TiB", Bytes, 1 << 40},
	{"kB", Bytes, 1e3}, {"KB", Bytes, 1e3}, {"MB", Bytes, 1e6}, {"GB", Bytes, 1e9}, {"TB", Bytes, 1e12},
	{"us", Seconds, 1e-6}, {"µs", Seconds, 1e-6}, {"ms", Seconds, 1e-3},
	{"%", Percent, 1}, {"B", Bytes, 1}, {"s", Seconds, 1}, {"m", Seconds, 60}, {"h", Seconds, 3600}, {"d", Seconds, 86400}, {"", Plain, 1},
}

// UnmarshalText reads a number that is not negative, with its unit.
func (q *Quantity) UnmarshalText(text []byte) error {
	in := strings.TrimSpace(string(text))
	num, rate := strings.CutSuffix(in, "/s")
	for _, f := range forms {
		digits, ok := strings.CutSuffix(num, f.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || !(v >= 0) || math.IsInf(v*f.times, 0) {
			break
		}
		out := Quantity{Value: v * f.times, Unit: f.unit}
		if rate {
			out.Unit += PerSecond
		}
		switch out.Unit {
		case Plain, Percent, Bytes, Seconds, PerSecond, BytesPerSecond:
			*q = out
			return nil
		}
		break
	}
	return fmt.Errorf("%q is no quantity: want a number and its unit, such as 90%%, 500MiB, 30s, 100/s", clip(in))
}

// String is the quantity as a configuration may have it.
func (q Quantity) String() string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	switch base, rate := strings.CutSuffix(string(q.Unit), "/s"); {
	case base == string(Bytes):
		for i := 3; i >= 0; i-- { // KiB to TiB
			if q.Value > 0 && math.Mod(q.Value, forms[i].times) == 0 {
				tail := ""
				if rate {
					tail = "/s"
				}
				return number(q.Value/forms[i].times) + forms[i].suffix + tail
			}
		}
	case q.Unit == Seconds:
		for _, f := range []struct {
			suffix string
			times  float64
		}{{"d", 86400}, {"h", 3600}, {"m", 60}} {
			if q.Value > 0 && math.Mod(q.Value, f.times) == 0 {
				return number(q.Value/f.times) + f.suffix
			}
		}
	}
	return number(q.Value) + string(q.Unit)
}

// MarshalText is String.
func (q Quantity) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
