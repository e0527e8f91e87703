package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/adhocore/gronx"

	"brine/beacons"
)

// Bounds of a schedule.
const (
	minEvery  = time.Second
	maxEvery  = 366 * 24 * time.Hour
	maxExpr   = 256
	maxCaught = 100 // times that were missed and are told one by one
	maxMissed = 100_000
)

// Config is what stands below "schedule:": schedules under names of the operator's own.
type Config struct {
	Schedules map[string]Schedule `yaml:",rest"` // a schedule
}

// Schedule says when.
type Schedule struct {
	Cron    string        `yaml:"cron"`     // minute, hour, day of the month, month, day of the week; or @daily and the like
	Every   time.Duration `yaml:"every"`    // instead: at whole multiples of this in UTC; 1s to 366d
	Zone    string        `yaml:"zone"`     // of cron, such as Europe/Berlin; the host's own when nothing is said
	CatchUp string        `yaml:"catch_up"` // of the times that were missed while the minion did not run: last, all (the latest 100) or none; last when nothing is said
}

const (
	catchLast = "last"
	catchAll  = "all"
	catchNone = "none"
)

// Validate tells what is wrong with the schedules.
func (c *Config) Validate() error {
	return beacons.CheckLimits(c.Schedules, func(name string, s Schedule) error {
		var faults []error
		fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(name+": "+format, args...)) }
		switch {
		case (s.Cron == "") == (s.Every == 0):
			fault("want one of cron and every")
		case s.Cron != "" && (len(s.Cron) > maxExpr || !gronx.IsValid(s.Cron)):
			fault("cron: %.100q is no cron expression: want such as '*/15 8-18 * * 1-5' or @daily", s.Cron)
		case s.Cron != "" && strings.Contains(s.Cron, "@reboot"):
			fault("cron: @reboot is no time: brine/minion/<id>/start tells that the minion has started")
		case s.Every != 0 && (s.Every < minEvery || s.Every > maxEvery):
			fault("every: %s; want %s to %s", s.Every, minEvery, maxEvery)
		}
		if _, err := s.location(); err != nil {
			fault("zone: %q is not known: want such as Europe/Berlin or UTC", s.Zone)
		}
		switch s.CatchUp {
		case "", catchLast, catchAll, catchNone:
		default:
			fault("catch_up: %q; want last, all or none", s.CatchUp)
		}
		return errors.Join(faults...)
	})
}

// location reads the host's time zones, or those that the program holds.
func (s Schedule) location() (*time.Location, error) {
	if s.Zone == "" {
		return time.Local, nil
	}
	return time.LoadLocation(s.Zone)
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{c, env} }
