// Package log is the beacon that reads what programs append to files, through rotation and restarts. It owns where it stands in
// each file; it must never know what is done about a line.
package log

import (
	_ "embed"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "log".
func Module() beacons.Module {
	return beacons.Module{
		Name:    "log",
		Sample:  sample,
		Data:    Data{},
		Config:  func() beacons.Config { return &Config{Watches: defaults()} },
		Purpose: "Reads what is appended to files, matches lines or records of several lines with regular expressions, and tells them with their named groups.",
		Tags:    tags(),
		Cost: "Nothing while nothing is written: the kernel tells of writes. Each byte is read once and matched by each pattern (RE2: time that grows with the line only). " +
			"A look at each file once a minute, as a net. An open file for each that is followed, at most 512.",
		Permissions: "To read the files.",
		Blind: "What is written and removed again before it could be read; what was rotated away and compressed, or removed, while the minion was down, which it tells; " +
			"a file that is copied and truncated before its first line was read; " +
			"a writer that stays with a rotated file for more than a minute after its last line. A pattern that is added later sees lines from then on, and a rate counts anew after a restart.",
	}
}

// What happened: the values of Data.Change.
const (
	Match = "match" // a line, or a record, matches
	More  = "more"  // matches that are not told one by one: too many at once
	Rate  = "rate"  // matches come too fast, or no longer do
	Lost  = "lost"  // something that was written cannot be read
)

// Data is what the beacon's events carry.
type Data struct {
	Watch   string            `json:"watch"`   // the name of the watch
	Pattern string            `json:"pattern"` // the name of the pattern
	Change  string            `json:"change"`  // match, more, rate, lost
	Path    string            `json:"path"`    // of the file
	Line    string            `json:"line"`    // what matches; of a record all its lines; at most 4096 bytes
	Cut     bool              `json:"cut"`     // there was more of it
	Groups  map[string]string `json:"groups"`  // what the pattern's named groups hold; at most 1024 bytes each
	Offset  int64             `json:"offset"`  // where it begins in the file, in bytes
	Reason  string            `json:"reason"`  // with lost: why

	State     string    `json:"state"`     // with rate: "entered" or "left"
	By        string    `json:"by"`        // with rate: the group that is counted by; empty: all together
	Key       string    `json:"key"`       // with rate: of which one
	Count     int64     `json:"count"`     // with rate: matches within the window; with more: how many
	Threshold float64   `json:"threshold"` // with rate: the limit itself
	Within    float64   `json:"within"`    // with rate and more: seconds
	Since     time.Time `json:"since"`     // with rate: since when the count has been, or had been, beyond the limit
	Worst     float64   `json:"worst"`     // with rate: the count furthest beyond the limit
	Lasted    float64   `json:"lasted"`    // with rate: seconds since then
}

func tags() []beacons.Tag {
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	match := Data{Watch: "auth", Pattern: "failed", Change: Match, Path: "/var/log/auth.log",
		Line:   "Mar  1 10:00:00 web1 sshd[811]: Failed password for root from 192.0.2.7 port 50112 ssh2",
		Groups: map[string]string{"user": "root", "address": "192.0.2.7"}, Offset: 71022}
	rate := Data{Watch: "auth", Pattern: "failed", Change: Rate, State: "entered", By: "address", Key: "192.0.2.7", Count: 6, Threshold: 5, Within: 60, Since: since, Worst: 6, Lasted: 1}
	return []beacons.Tag{
		{Tail: "<watch>/<pattern>", When: "a line, or a record, matches the pattern", Data: match},
		{Tail: "<watch>/<pattern>/more", When: "more matched within a minute than are told one by one: how many more", Data: Data{Watch: "auth", Pattern: "failed", Change: More, Count: 5120, Within: 60}},
		{Tail: "<watch>/<pattern>/rate", When: "matches come faster than the pattern's rate", Data: rate},
		{Tail: "<watch>/<pattern>/rate/cleared", When: "they no longer do", Data: rate},
		{Tail: "<watch>/lost", When: "a file cannot be read, or was rotated away while nobody read it and is not found", Data: Data{Watch: "auth", Change: Lost,
			Path: "/var/log/auth.log", Reason: "open /var/log/auth.log: permission denied"}},
	}
}
