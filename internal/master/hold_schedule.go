package master

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"brine/internal/target"

	"github.com/adhocore/gronx"
)

// maintainEvery is how often the schedules are looked at, at least: the wall clock may be set.
const maintainEvery = time.Minute

// maxMaintenance bounds the windows that a configuration names.
const maxMaintenance = 100

// Maintenance is a window that recurs, in which the minions of a target are left as they are.
type Maintenance struct {
	Tgt      string        `yaml:"tgt,required"`
	TgtType  string        `yaml:"tgt_type"`
	Schedule string        `yaml:"schedule,required"`
	For      time.Duration `yaml:"for,required"`
	TimeZone string        `yaml:"time_zone"`
	Why      string        `yaml:"why"`
}

// Validate says what is wrong, naming the value.
func (w *Maintenance) Validate() error {
	if _, err := target.Parse(w.TgtType, w.Tgt); err != nil {
		return fmt.Errorf("tgt: %w", err)
	}
	if w.For < time.Minute || w.For > MaxPause {
		return fmt.Errorf("for: %s; want 1m to 366d", w.For)
	}
	if len(w.Why) > MaxPauseWhy {
		return fmt.Errorf("why: %d bytes; at most %d", len(w.Why), MaxPauseWhy)
	}
	if _, err := w.zone(); err != nil {
		return fmt.Errorf("time_zone: %q is no time zone, such as Europe/Berlin or UTC", w.TimeZone)
	}
	_, err := w.cron()
	return err
}

// zone is where the schedule's times are read: the host's own when nothing is said.
func (w *Maintenance) zone() (*time.Location, error) {
	if w.TimeZone == "" {
		return time.Local, nil
	}
	return time.LoadLocation(w.TimeZone)
}

// dayTime is a schedule as people write it: sat,sun 02:00
var dayTime = regexp.MustCompile(`^([a-z,*-]+) +([01]?\d|2[0-3]):([0-5]\d)$`)

// dayNames are the words for days in it.
var dayNames = map[string]string{"daily": "*", "weekdays": "mon-fri", "weekend": "sat,sun"}

var weekday = regexp.MustCompile(`^(sun|mon|tue|wed|thu|fri|sat)(-(sun|mon|tue|wed|thu|fri|sat))?$`)

// cron is the schedule as a cron expression of five fields.
func (w *Maintenance) cron() (string, error) {
	text := strings.ToLower(strings.TrimSpace(w.Schedule))
	m := dayTime.FindStringSubmatch(text)
	if m == nil {
		if len(strings.Fields(text)) != 5 || !gronx.IsValid(text) {
			return "", fmt.Errorf("schedule: %q: want days and a time, such as 'sat,sun 02:00', 'weekdays 22:30' or 'daily 03:00', or five fields of cron", w.Schedule)
		}
		return text, nil
	}
	days := m[1]
	if known, ok := dayNames[days]; ok {
		days = known
	}
	for d := range strings.SplitSeq(days, ",") {
		if d != "*" && !weekday.MatchString(d) {
			return "", fmt.Errorf("schedule: %q is no day; want mon to sun, such as sat,sun or mon-fri, or daily, weekdays, weekend", d)
		}
	}
	return fmt.Sprintf("%s %s %s", strings.TrimPrefix(m[3], "0"), strings.TrimPrefix(m[2], "0"), "* * "+days), nil
}

// now is the window that is open at a time, if one is; else when the next one begins.
func (w *Maintenance) now(at time.Time) (begin, next time.Time, err error) {
	expr, err := w.cron()
	if err != nil {
		return time.Time{}, time.Time{}, err
	}
	zone, err := w.zone()
	if err != nil {
		return time.Time{}, time.Time{}, err
	}
	at = at.In(zone)
	if begin, err = gronx.PrevTickBefore(expr, at, true); err != nil || !at.Before(begin.Truncate(time.Minute).Add(w.For)) {
		begin = time.Time{}
	}
	next, err = gronx.NextTickAfter(expr, at, false)
	return begin.Truncate(time.Minute), next, err
}

// hold is the hold of the window that began at a time. Its id follows from both, so that it begins once.
func (w *Maintenance) hold(begin time.Time) Hold {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", w.Tgt, w.TgtType, w.Schedule, begin.Unix()))
	h := Hold{ID: hex.EncodeToString(sum[:8]), Tgt: w.Tgt, TgtType: w.TgtType, Until: begin.Add(w.For).UTC(), Why: w.Why}
	if h.TgtType == "" {
		h.TgtType = string(target.Glob)
	}
	if h.Why == "" {
		h.Why = "maintenance, " + w.Schedule
	}
	return h
}

// maintenance begins the windows that the configuration names when their time comes, and at the start those that are open.
func (m *Master) maintenance(ctx context.Context) error {
	for {
		now := time.Now()
		wait := maintainEvery
		windows := m.live.config().Maintenance
		for i := range windows {
			w := &windows[i]
			begin, next, err := w.now(now)
			if err != nil && begin.IsZero() {
				m.log.Error("maintenance window not known", "schedule", w.Schedule, "error", err)
				continue
			}
			if !begin.IsZero() {
				if err := m.input(ctx, Maintain{w.hold(begin)}); err != nil {
					return nil // the master stops
				}
			}
			if left := next.Sub(now); err == nil && left < wait {
				wait = max(left, time.Second)
			}
		}
		var due <-chan time.Time
		if len(windows) > 0 {
			due = time.After(wait)
		}
		select {
		case <-due:
		case <-m.live.maintenance:
		case <-ctx.Done():
			return nil
		}
	}
}

// checkMaintenance says what is wrong with all of them together.
func checkMaintenance(list []Maintenance) error {
	if len(list) > maxMaintenance {
		return fmt.Errorf("maintenance: %d windows; at most %d", len(list), maxMaintenance)
	}
	return nil
}
