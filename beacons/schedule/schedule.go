// Package schedule is the beacon that tells when a time has come: cron expressions and intervals, in any time zone, with those that were
// missed. It must never know what is done then.
package schedule

import (
	_ "embed"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "schedule".
func Module() beacons.Module {
	return beacons.Module{
		Name:        "schedule",
		Sample:      sample,
		Data:        Data{},
		Config:      func() beacons.Config { return &Config{} },
		Purpose:     "Tells when a time has come: cron expressions and intervals, in any time zone, and what was missed while the minion did not run.",
		Tags:        tags(),
		Cost:        "A timer; once a minute a look whether somebody has set the clock.",
		Permissions: "None.",
		Blind: "A clock that is set is noticed within a minute. Of two hours that a summer time brings twice, or not at all, what the time zone says counts: a time that does " +
			"not exist is passed over, and one that comes twice is told twice.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Name   string    `json:"name"`   // of the schedule
	Due    time.Time `json:"due"`    // when it was due, in its time zone
	Late   float64   `json:"late"`   // seconds since then
	Missed int64     `json:"missed"` // times before this one that passed while the minion did not run, and are not told one by one
	Caught bool      `json:"caught"` // it was due while the minion did not run
	Next   time.Time `json:"next"`   // when it is due again
}

func tags() []beacons.Tag {
	at := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	return []beacons.Tag{{Tail: "<name>", When: "the time has come", Data: Data{Name: "nightly", Due: at, Late: 30, Missed: 2, Caught: true, Next: at.AddDate(0, 0, 1)}}}
}
