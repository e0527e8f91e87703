// Package exec is the beacon that runs a command again and again, and tells when what it gives has changed. It must never know what the
// command is for.
package exec

import (
	_ "embed"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "exec".
func Module() beacons.Module {
	return beacons.Module{
		Name:     "exec",
		Sample:   sample,
		Data:     Data{},
		Config:   func() beacons.Config { return &Config{} },
		Interval: time.Minute,
		AtStart:  true,
		Purpose:  "Runs commands on an interval and tells when their exit code or their output has changed, or what they print each time.",
		Tags:     tags(),
		Cost:     "One process, and what it starts, for each command an interval; they run one after the other.",
		Permissions: "Those of the command. A minion takes this beacon from the master's files only where its section \"allow\" permits the function cmd.run and the command; in " +
			"the minion's own file it needs no permission.",
		Blind: "What comes and goes between two runs, what a command prints past 32 KiB, and whether a change of the output was made by what the command looks at or by the command.",
	}
}

// What happened: the values of Data.Change.
const (
	First   = "first"   // it was run for the first time, or emitatstartup asks for it
	Exit    = "exit"    // the exit code is another
	Output  = "output"  // the exit code is the same, and what it prints another
	Same    = "same"    // nothing changed, and each run is told
	Failed  = "failed"  // it could not be run, or was stopped at its timeout
	Running = "running" // it could be run again
)

// Data is what the beacon's events carry.
type Data struct {
	Name     string            `json:"name"`     // of the command in the configuration
	Change   string            `json:"change"`   // first, exit, output, same, failed, running
	Argv     []string          `json:"argv"`     // the command
	Exit     int64             `json:"exit"`     // exit code; -1: a signal ended it
	Before   *int64            `json:"before"`   // with exit: the exit code of the run before
	Stdout   string            `json:"stdout"`   // what it printed; at most 16384 bytes
	Stderr   string            `json:"stderr"`   // at most 4096 bytes
	JSON     any               `json:"json"`     // what it printed, where that is asked for and it is JSON
	Groups   map[string]string `json:"groups"`   // what the named groups of match hold
	Error    string            `json:"error"`    // with failed: why
	Duration float64           `json:"duration"` // seconds
}

func tags() []beacons.Tag {
	before := int64(0)
	changed := Data{Name: "raid", Change: Exit, Argv: []string{"/usr/sbin/mdadm", "--detail", "--test", "/dev/md0"}, Exit: 1, Before: &before,
		Stdout: "State : clean, degraded", Stderr: "mdadm: md0 is degraded", Groups: map[string]string{"state": "degraded"}, Duration: 0.1}
	queue := Data{Name: "queue", Change: Output, Argv: []string{"/usr/local/bin/queue", "--json"}, Stdout: `{"waiting": 12}`, JSON: map[string]any{"waiting": int64(12)}, Duration: 0.02}
	failed := Data{Name: "raid", Change: Failed, Argv: changed.Argv, Exit: -1, Error: "stopped after its timeout of 10s", Duration: 10}
	return []beacons.Tag{
		{Tail: "<name>", When: "the command ended, and what it gives has changed or each run is told", Data: changed},
		{Tail: "<name>", When: "the same, with output that is JSON", Data: queue},
		{Tail: "<name>/failed", When: "it could not be run, or did not end in time; told once until it runs again", Data: failed},
	}
}
