package minion

import (
	"context"
	"fmt"

	"brine/internal/command"
	"brine/internal/config"
	"brine/internal/job"
	"brine/internal/wire"
)

// maxCommands is how many commands run at once; others wait for them, until their deadline.
const maxCommands = 8

// cmdRun runs a command. That allow permits it has been seen before.
func (m *Minion) cmdRun(ctx context.Context, j *wire.Job, r *job.Result) *job.LowState {
	c, err := commandOf(j)
	if err != nil {
		r.Error, r.Final = err.Error(), true
		return nil
	}
	select {
	case m.commands <- struct{}{}:
		defer func() { <-m.commands }()
	case <-ctx.Done():
		r.Error = fmt.Sprintf("%d commands ran until its deadline", maxCommands)
		return nil
	}
	if c.Cwd == "" {
		c.Cwd = "/"
	}
	ran := command.Run(ctx, c.Command(j.JID, j.Attempt))
	r.OK, r.Error, r.Stdout, r.Stderr, r.Exit, r.Started = ran.OK, ran.Error, ran.Stdout, ran.Stderr, ran.Exit, ran.Started
	return nil
}

// commandOf reads the arguments of a cmd.run.
func commandOf(j *wire.Job) (*command.Args, error) {
	plain := map[string]any{}
	if err := j.Args.Decode(&plain); err != nil {
		return nil, fmt.Errorf("arguments of %s: %w", j.Fun, err)
	}
	c := &command.Args{Timeout: command.DefaultTimeout}
	if faults := config.Of(j.Fun, plain).Decode(c); len(faults) > 0 {
		return nil, faults.Err()
	}
	return c, nil
}
