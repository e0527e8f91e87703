// Package exec is the action master.exec: it runs a command on the master's host, as an argument vector, never as a shell's line. It gets the
// event as JSON on its standard input; BRINE_JOB_ID is the same each time the same decision is carried out, BRINE_ATTEMPT counts from 1.
// Its environment is PATH, HOME, LANG and TZ of the master and what env adds. It owns the arguments; it must never know how a process is run.
//
// A few run at once, the others wait. What is printed is kept in the log, of stdout and of stderr 32 KiB each: the
// beginning and the end.
package exec

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"brine/internal/action"
	"brine/internal/command"
	"brine/internal/job"
)

//go:embed sample.yaml
var sample string

// Module describes the action master.exec.
func Module() action.Module {
	return action.Module{
		Name: job.MasterExec, Sample: sample, Run: run,
		Args: func() any { return &Args{Timeout: command.DefaultTimeout} },
	}
}

// Args are what a rule says. A plain list is argv alone.
type Args struct {
	Argv    []string          `yaml:"argv,required"` // the command and its arguments
	Env     map[string]string `yaml:"env"`           // variables, beside those it always has
	Timeout time.Duration     `yaml:"timeout"`       // then its process group is stopped; at most 1h
}

// Validate says what the kernel could not pass on.
func (a *Args) Validate() error {
	if len(a.Argv) == 0 || a.Argv[0] == "" {
		return fmt.Errorf("argv: the command is empty")
	}
	if a.Timeout < 0 || a.Timeout > command.MaxTimeout {
		return fmt.Errorf("timeout: %s; want at most %s", a.Timeout, command.MaxTimeout)
	}
	for _, s := range a.Argv {
		if strings.ContainsRune(s, 0) {
			return fmt.Errorf("argv: %q holds a zero byte", s)
		}
	}
	return nil
}

func run(ctx context.Context, c action.Call) job.Result {
	a := c.Args.(*Args)
	stdin := c.Job.Args.Stdin
	if !c.Event.ID.IsZero() {
		stdin, _ = c.Event.MarshalJSON()
	}
	return command.Run(ctx, command.Command{
		Argv: a.Argv, Env: a.Env, Stdin: stdin, Timeout: a.Timeout, JID: c.Job.JID, Attempt: c.Job.Attempt})
}
