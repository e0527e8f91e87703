// Package conn is the beacon that watches TCP connections, listeners and UDP sockets. It asks the kernel; it must never know what is
// done about what it sees.
package conn

import (
	_ "embed"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "conn".
func Module() beacons.Module {
	return beacons.Module{
		Name:     "conn",
		Sample:   sample,
		Data:     Data{},
		Config:   func() beacons.Config { return &Config{Watches: defaults()} },
		Interval: time.Second,
		AtStart:  true,
		Purpose:  "Watches TCP connections that are opened and closed, listeners, and UDP sockets: one by one, how many there are, and how fast they come.",
		Tags:     tags(),
		Cost: "One question to the kernel an interval for listeners, and one for connections where a watch wants them: some 2 µs for each socket, ports being filtered in " +
			"the kernel. For an event that names its process, the open files of all processes are read until it is found.",
		Permissions: "CAP_NET_ADMIN to be told of the end of every connection, the shortest-lived too; without, those that live for less than the interval are " +
			"missed, and bytes are not told. CAP_SYS_PTRACE to name the processes of other users.",
		Blind: "Other network namespaces than the minion's, connection attempts that were refused or dropped, and whether a connection that lived for less than the " +
			"interval came in or went out when its listener has gone as well. UDP sockets that live for less than the interval.",
	}
}

// What happened: the values of Data.Change.
const (
	New       = "new"       // a connection
	Closed    = "closed"    // a connection
	Listening = "listening" // a TCP listener, or a UDP socket that takes from anybody
	Gone      = "gone"      // it no longer does
	Rate      = "rate"      // connections come too fast, or no longer do
	Open      = "open"      // too many or too few are open, or no longer are
	More      = "more"      // connections that are not told one by one: too many at once
	Lost      = "lost"      // ends of connections that the kernel had no room to tell
)

// Data is what the beacon's events carry.
type Data struct {
	Watch      string   `json:"watch"`                 // the name of the watch
	Change     string   `json:"change"`                // new, closed, listening, gone, rate, open, more, lost
	Proto      string   `json:"proto"`                 // tcp or udp
	Direction  string   `json:"direction,omitempty"`   // in: to a listener of this host; out
	Local      string   `json:"local,omitempty"`       // address
	LocalPort  int64    `json:"local_port,omitempty"`  //
	Remote     string   `json:"remote,omitempty"`      // address; empty for a listener
	RemotePort int64    `json:"remote_port,omitempty"` // 0 for a listener
	UID        *int64   `json:"uid,omitempty"`         // of who made the socket; null: not known
	User       string   `json:"user,omitempty"`        // its name in /etc/passwd
	Process    *Process `json:"process,omitempty"`     // who has it open; null: not known

	Opened   time.Time `json:"opened,omitzero"`    // with closed: when it was first seen
	Duration float64   `json:"duration,omitempty"` // with closed: seconds since then
	Sent     *int64    `json:"sent,omitempty"`     // with closed: bytes, where the kernel tells
	Received *int64    `json:"received,omitempty"` // with closed: bytes, where the kernel tells

	State     string    `json:"state,omitempty"`     // with rate and open: "entered" or "left"
	By        string    `json:"by,omitempty"`        // with rate and open: what is counted by: remote, local_port, remote_port, user, process; empty: all together
	Key       string    `json:"key,omitempty"`       // with rate and open: of which one; with more: new or closed
	Count     int64     `json:"count,omitempty"`     // with rate: connections within the window; with open: those there are; with more and lost: how many
	Threshold float64   `json:"threshold,omitempty"` // with rate and open: the limit itself
	Within    float64   `json:"within,omitempty"`    // with rate: seconds
	Since     time.Time `json:"since,omitzero"`      // with rate and open: since when the count has been, or had been, beyond the limit
	Worst     float64   `json:"worst,omitempty"`     // with rate and open: the count furthest beyond the limit
	Lasted    float64   `json:"lasted,omitempty"`    // with rate and open: seconds since then
	Top       []Peer    `json:"top,omitempty"`       // with rate and open that count all together: the remote addresses that lead
}

// Process is who has a socket open.
type Process struct {
	PID     int64  `json:"pid"`
	Comm    string `json:"comm"`    // the short name
	Exe     string `json:"exe"`     // the program's path; empty: not known
	Cmdline string `json:"cmdline"` // at most 256 bytes
}

// Peer is one remote address and its count.
type Peer struct {
	Address string `json:"address"`
	Count   int64  `json:"count"`
}

func tags() []beacons.Tag {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	uid, sent, received := int64(998), int64(5120), int64(912)
	nginx := &Process{PID: 811, Comm: "nginx", Exe: "/usr/sbin/nginx", Cmdline: "nginx: worker process"}
	one := Data{Watch: "web", Change: New, Proto: "tcp", Direction: "in", Local: "10.0.0.5", LocalPort: 443, Remote: "192.0.2.7", RemotePort: 50112,
		UID: &uid, User: "www-data", Process: nginx}
	closed := one
	closed.Change, closed.Opened, closed.Duration, closed.Sent, closed.Received = Closed, at, 12.5, &sent, &received
	listening := Data{Watch: "listeners", Change: Listening, Proto: "tcp", Direction: "in", Local: "0.0.0.0", LocalPort: 8080, UID: &uid, User: "www-data", Process: nginx}
	gone := listening
	gone.Change, gone.Process = Gone, nil
	rate := Data{Watch: "web", Change: Rate, Proto: "tcp", Direction: "in", State: "entered", By: "remote", Key: "192.0.2.7", Count: 34, Threshold: 20, Within: 10, Since: at,
		Worst: 34, Lasted: 1}
	open := Data{Watch: "web", Change: Open, Proto: "tcp", Direction: "in", State: "left", Count: 310, Threshold: 500, Since: at, Worst: 740, Lasted: 95,
		Top: []Peer{{"192.0.2.7", 120}}}
	return []beacons.Tag{
		{Tail: "<watch>/new", When: "a connection is there that was not", Data: one},
		{Tail: "<watch>/closed", When: "a connection has ended", Data: closed},
		{Tail: "<watch>/listening", When: "something listens that did not", Data: listening},
		{Tail: "<watch>/gone", When: "it no longer does", Data: gone},
		{Tail: "<watch>/rate", When: "connections come faster than the watch's rate", Data: rate},
		{Tail: "<watch>/rate/cleared", When: "they no longer do", Data: rate},
		{Tail: "<watch>/open", When: "more, or fewer, are open than the watch's open says", Data: open},
		{Tail: "<watch>/open/cleared", When: "they no longer are", Data: open},
		{Tail: "<watch>/more", When: "more than 1000 are opened or closed within one interval: how many are not told one by one", Data: Data{Watch: "web", Change: More, Key: New, Count: 5120}},
		{Tail: "lost", When: "the kernel had no room for the ends of connections: those that lived for less than the interval were missed", Data: Data{Change: Lost, Count: 1}},
	}
}
