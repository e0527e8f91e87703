package reactors

import (
	"fmt"
	"time"

	"brine/internal/config"
)

// daily is a time of day at which something should have come, in a time zone, and from when on it may come.
type daily struct {
	hour, minute int
	zone         *time.Location
	since        time.Duration // how long before that it may come; 0 for all the time since the last one
	text         string
}

// String is the time of day as it was written.
func (d *daily) String() string { return d.text }

// next is the first such time after a moment. On a day whose clocks are put forward past it, it is as much later; on one
// where it comes twice, it is the first.
func (d *daily) next(after int64) int64 {
	at := time.Unix(0, after).In(d.zone)
	for day := 0; ; day++ { // twice at most, but for the days that a zone has skipped
		t := time.Date(at.Year(), at.Month(), at.Day()+day, d.hour, d.minute, 0, 0, d.zone)
		if t.UnixNano() > after {
			return t.UnixNano()
		}
	}
}

// last is the last such time that is not after a moment.
func (d *daily) last(now int64) int64 {
	at := time.Unix(0, now).In(d.zone)
	for day := 0; ; day-- {
		t := time.Date(at.Year(), at.Month(), at.Day()+day, d.hour, d.minute, 0, 0, d.zone)
		if t.UnixNano() <= now {
			return t.UnixNano()
		}
	}
}

// opens is when the wait for a deadline begins, given when the last one ended.
func (d *daily) opens(deadline, last int64) int64 {
	if d.since > 0 {
		return max(last, deadline-int64(d.since))
	}
	return last
}

// daily reads at, since and zone. Both are times of day in hours and minutes; what is not between since and at does not count.
func (c *ruleCompiler) daily(f onFile) *daily {
	d := &daily{zone: time.UTC, text: f.At.Text() + " UTC"}
	if f.Zone != nil {
		zone, err := time.LoadLocation(f.Zone.Text())
		if err != nil || f.Zone.Text() == "Local" || f.Zone.Text() == "" {
			c.fault(f.Zone.Fault("zone: %q is no time zone that is known here", f.Zone.Text()).WithHint("such as Europe/Berlin; UTC when there is none"))
		} else {
			d.zone, d.text = zone, f.At.Text()+" "+zone.String()
		}
	}
	d.hour, d.minute = c.clockTime(f.At, "at")
	if f.Since != nil {
		hour, minute := c.clockTime(f.Since, "since")
		length := time.Duration((d.hour-hour)*60+d.minute-minute) * time.Minute
		if length <= 0 {
			length += 24 * time.Hour
		}
		d.since, d.text = length, d.text+" since "+f.Since.Text()
	}
	return d
}

// clockTime reads a time of day.
func (c *ruleCompiler) clockTime(n *config.Node, key string) (hour, minute int) {
	t, err := time.Parse("15:04", n.Text())
	if err != nil || n.Kind() != config.Scalar {
		c.fault(n.Fault("%s: %q is no time of day", key, n.Text()).WithHint(fmt.Sprintf(`%s: "03:00", in hours and minutes`, key)))
		return 0, 0
	}
	return t.Hour(), t.Minute()
}
