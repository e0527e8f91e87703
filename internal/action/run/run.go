// Package run is the action cmd.run: it runs a command on minions, as an argument vector, never as a shell's line. It owns what a rule may say of it;
// it must never know how a process is run.
//
// A minion refuses it unless its own configuration names cmd.run in allow.functions; allow.commands there says which commands.
// BRINE_JOB_ID is the same each time the same decision is carried out, BRINE_ATTEMPT counts from 1: a command that was interrupted by the minion's
// end is run again. What is printed is kept in the log, of stdout and of stderr 32 KiB each: the beginning and the end.
package run

import (
	_ "embed"

	"brine/internal/action"
	"brine/internal/command"
	"brine/internal/job"
)

//go:embed sample.yaml
var sample string

// Module describes the action cmd.run.
func Module() action.Module {
	return action.Module{
		Name: job.CmdRun, Sample: sample, OnMinion: true, Short: "argv", Fixed: []string{"user", "cwd"},
		Args: func() any { return &command.Args{Timeout: command.DefaultTimeout} },
	}
}
