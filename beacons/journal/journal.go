// Package journal is the beacon that reads systemd's journal, through journalctl. It owns how far the journal was read; it must never
// know what is done about a record.
package journal

import (
	_ "embed"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "journal".
func Module() beacons.Module {
	return beacons.Module{
		Name:    "journal",
		Sample:  sample,
		Data:    Data{},
		Config:  func() beacons.Config { return &Config{Program: defaultProgram, Watches: defaults()} },
		Purpose: "Reads systemd's journal, matches its records by unit, priority, identifier and regular expressions, and tells them with their named groups.",
		Tags:    tags(),
		Cost:    "One process, journalctl, that waits for the kernel to tell of records. Each record is decoded once and matched by each watch (RE2: time that grows with the text only).",
		Permissions: "To read the system's journal: root, or the group systemd-journal. Without journalctl nothing is seen; the minion says so at the level debug. A minion takes another " +
			"program than " + defaultProgram + " from the master's files only where its section \"allow\" permits the function cmd.run and the program.",
		Blind: "What journald drops because it comes too fast, and what it has removed before it was read. Of journals that lost the record that was read last, the first that is left may " +
			"be passed over. Records of before the first start; a record longer than 1 MiB, which is told as lost. An identifier is what the program says of itself: any user may write one; " +
			"a unit is not. A rate counts anew after a restart.",
	}
}

// What happened: the values of Data.Change.
const (
	Match = "match" // a record matches
	More  = "more"  // matches that are not told one by one: too many at once
	Rate  = "rate"  // matches come too fast, or no longer do
	Lost  = "lost"  // something that was written cannot be read
)

// Data is what the beacon's events carry.
type Data struct {
	Watch      string            `json:"watch"`      // the name of the watch
	Change     string            `json:"change"`     // match, more, rate, lost
	Message    string            `json:"message"`    // of the record; at most 4096 bytes
	Cut        bool              `json:"cut"`        // there was more of it
	Groups     map[string]string `json:"groups"`     // what the pattern's named groups hold; at most 1024 bytes each
	Unit       string            `json:"unit"`       // of systemd, that the record is from or of
	Identifier string            `json:"identifier"` // what the program calls itself
	Priority   int64             `json:"priority"`   // 0, emerg, to 7, debug
	PID        int64             `json:"pid"`        // of the process
	At         time.Time         `json:"at"`         // when the journal took it
	Reason     string            `json:"reason"`     // with lost: why

	State     string    `json:"state"`     // with rate: "entered" or "left"
	By        string    `json:"by"`        // with rate: the group, or unit or identifier, that is counted by; empty: all together
	Key       string    `json:"key"`       // with rate: of which one
	Count     int64     `json:"count"`     // with rate: matches within the window; with more: how many
	Threshold float64   `json:"threshold"` // with rate: the limit itself
	Within    float64   `json:"within"`    // with rate and more: seconds
	Since     time.Time `json:"since"`     // with rate: since when the count has been, or had been, beyond the limit
	Worst     float64   `json:"worst"`     // with rate: the count furthest beyond the limit
	Lasted    float64   `json:"lasted"`    // with rate: seconds since then
}

func tags() []beacons.Tag {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	match := Data{Watch: "app", Change: Match, Message: "E1042: no space left on device", Groups: map[string]string{"code": "E1042"},
		Unit: "app.service", Identifier: "app", Priority: 3, PID: 811, At: at}
	rate := Data{Watch: "auth", Change: Rate, State: "entered", By: "address", Key: "192.0.2.7", Count: 6, Threshold: 5, Within: 60, Since: at, Worst: 6, Lasted: 1}
	return []beacons.Tag{
		{Tail: "<watch>", When: "a record matches the watch", Data: match},
		{Tail: "<watch>/more", When: "more matched within a minute than are told one by one: how many more", Data: Data{Watch: "app", Change: More, Count: 5120, Within: 60}},
		{Tail: "<watch>/rate", When: "matches come faster than the watch's rate", Data: rate},
		{Tail: "<watch>/rate/cleared", When: "they no longer do", Data: rate},
		{Tail: "lost", When: "a record is too long or garbled, or the journal cannot be read on from where it was read to", Data: Data{Change: Lost, Reason: "a record has more than 1048576 bytes"}},
	}
}
