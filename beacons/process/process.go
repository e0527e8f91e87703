// Package process is the beacon that watches processes: which begin and end, how they end, and which are missing or too many. It asks the
// kernel; it must never know what is done about what it sees.
package process

import (
	_ "embed"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "process".
func Module() beacons.Module {
	return beacons.Module{
		Name:     "process",
		Sample:   sample,
		Data:     Data{},
		Config:   func() beacons.Config { return &Config{Watches: defaults()} },
		Interval: 5 * time.Second,
		AtStart:  true,
		Purpose:  "Watches processes: which begin, which end and how, and which are missing or too many.",
		Tags:     tags(),
		Cost: "Some 50 µs for each program that is executed, nothing in between: the kernel tells. With missing or too_many, /proc is read once a minute besides; where the " +
			"kernel does not tell, once an interval, some 20 µs for each process.",
		Permissions: "CAP_NET_ADMIN, and the host's own namespaces of processes, users and network, to be told by the kernel (the proc connector). Without, what " +
			"is there is compared once an interval: processes that live for less are missed, and exit codes and signals are not known. CAP_SYS_PTRACE to know the " +
			"programs of other users' processes.",
		Blind: "What begins and ends while the minion does not run. The program and the command line of a process that has ended before they could be read, " +
			"within a millisecond or so: its name is there as a rule. Who sent a signal, and whether it was the kernel for want of memory.",
	}
}

// What happened: the values of Data.Change.
const (
	Started = "started" // a process executed a program
	Ended   = "ended"   // it ended, in whatever way
	Failed  = "failed"  // it ended with another exit code than 0, or by a signal
	Crashed = "crashed" // it ended by a signal that tells of a fault of its own
	Missing = "missing" // fewer run than should
	TooMany = "too_many"
	More    = "more" // what is not told one by one: too many at once
	Lost    = "lost" // what the kernel had no room to tell
)

// Data is what the beacon's events carry.
type Data struct {
	Watch   string `json:"watch"`             // the name of the watch
	Change  string `json:"change"`            // started, ended, failed, crashed, missing, too_many, more, lost
	PID     int64  `json:"pid,omitempty"`     // of the process; 0 where the event is not about one
	PPID    int64  `json:"ppid,omitempty"`    // of the process that made it
	Name    string `json:"name,omitempty"`    // the kernel's short name, at most 15 bytes
	Exe     string `json:"exe,omitempty"`     // the program's path; empty: not known
	Cmdline string `json:"cmdline,omitempty"` // arguments joined by spaces; at most 256 bytes
	UID     *int64 `json:"uid,omitempty"`     // the effective one; null: not known
	User    string `json:"user,omitempty"`    // its name in /etc/passwd
	Parent  string `json:"parent,omitempty"`  // the short name of the process that made it; empty: not known
	Forked  bool   `json:"forked,omitempty"`  // it executed no program of its own, but runs its parent's

	ExitCode *int64    `json:"exit_code,omitempty"` // with the ends: null where a signal ended it, or the kernel does not tell
	Signal   string    `json:"signal,omitempty"`    // with the ends: such as SIGSEGV; empty: none, or not known
	Core     bool      `json:"core,omitempty"`      // with the ends: it left a core file
	Began    time.Time `json:"began,omitzero"`      // when the process began
	RunTime  float64   `json:"run_time,omitempty"`  // with the ends: seconds

	State     string    `json:"state,omitempty"`     // with missing and too_many: "entered" or "left"
	Count     int64     `json:"count"`               // with missing and too_many: processes that run; with more and lost: how many
	Threshold float64   `json:"threshold,omitempty"` // with missing and too_many: the limit itself
	Since     time.Time `json:"since,omitzero"`      // with missing and too_many: since when the count has been, or had been, beyond the limit
	Worst     float64   `json:"worst"`               // with missing and too_many: the count furthest beyond the limit
	Lasted    float64   `json:"lasted,omitempty"`    // with missing and too_many: seconds since then
}

func tags() []beacons.Tag {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	uid, code := int64(998), int64(3)
	began := Data{Watch: "web", Change: Started, PID: 811, PPID: 1, Name: "nginx", Exe: "/usr/sbin/nginx", Cmdline: "nginx: master process", UID: &uid,
		User: "www-data", Parent: "systemd", Began: at}
	failed := began
	failed.Change, failed.ExitCode, failed.RunTime = Failed, &code, 12.5
	ended := failed
	ended.Change = Ended
	crashed := began
	crashed.Change, crashed.Signal, crashed.Core, crashed.RunTime, crashed.Forked = Crashed, "SIGSEGV", true, 12.5, true
	missing := Data{Watch: "web", Change: Missing, State: "entered", Threshold: 1, Since: at, Lasted: 10}
	many := Data{Watch: "web", Change: TooMany, State: "left", Count: 12, Threshold: 20, Since: at, Worst: 31, Lasted: 95}
	return []beacons.Tag{
		{Tail: "<watch>/started", When: "a program was executed", Data: began},
		{Tail: "<watch>/ended", When: "a process has ended, in a way that tell does not name more closely", Data: ended},
		{Tail: "<watch>/failed", When: "a process has ended with another exit code than 0, or by a signal", Data: failed},
		{Tail: "<watch>/crashed", When: "a process has ended by a signal that tells of a fault: SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS", Data: crashed},
		{Tail: "<watch>/missing", When: "fewer processes run than the watch's missing says", Data: missing},
		{Tail: "<watch>/missing/cleared", When: "enough run again", Data: missing},
		{Tail: "<watch>/too_many", When: "more processes run than the watch's too_many says", Data: many},
		{Tail: "<watch>/too_many/cleared", When: "they no longer do", Data: many},
		{Tail: "<watch>/more", When: "more than 200 would be told within one interval: how many are not told one by one", Data: Data{Watch: "web", Change: More, Count: 512}},
		{Tail: "lost", When: "the kernel had no room for what happened, or it could not be kept: what still runs was looked up, but some ends were missed", Data: Data{Change: Lost, Count: 1}},
	}
}
