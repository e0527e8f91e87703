package cli

import (
	"fmt"
	"time"

	"brine/internal/config"
)

// showTime is a time as tables have it: local, with milliseconds.
func showTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05.000")
}

// millis is a length of time for people: 0.8 ms, 12 ms, 3.2 s, 4m10s.
func millis(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	switch {
	case d < 99950*time.Microsecond:
		return fmt.Sprintf("%s%.1f ms", sign, float64(d)/float64(time.Millisecond))
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%s%.0f ms", sign, float64(d)/float64(time.Millisecond))
	case d < time.Minute:
		return fmt.Sprintf("%s%.1f s", sign, d.Seconds())
	case d < time.Hour:
		return sign + d.Round(time.Second).String()
	}
	return sign + ago(d)
}

// ago is a long time roughly: 42s, 5m, 3h20m, 6d.
func ago(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}

// timeLayouts are the forms of --since and --until beside a length of time; without a zone they are local.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02"}

// parseWhen reads a point in time: a length of time before now (1h, 7d), or a time.
func parseWhen(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := config.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("such as 30m, 7d, 2026-11-05, '2026-11-05 10:30:00' or 2026-11-05T10:30:00Z", "--%s: %q is no time", flag, text)
}

// duration is a flag: 30s, 5m, 7d.
type duration time.Duration

func (d *duration) String() string { return shortDuration(time.Duration(*d)) }
func (d *duration) Type() string   { return "duration" }
func (d *duration) Set(text string) error {
	v, err := config.ParseDuration(text)
	*d = duration(v)
	return err
}

// shortDuration leaves out the zeros that the library's form ends in.
func shortDuration(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}
