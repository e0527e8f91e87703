package cli

import (
	"fmt"
	"slices"

	"brine/internal/api"
	"brine/internal/job"

	"github.com/spf13/cobra"
)

// defaultJobs is how many jobs are listed when nothing is said.
const defaultJobs = 50

func newJobList(a *app) *cobra.Command {
	var open, dead bool
	var tgt string
	limit := defaultJobs
	cmd := &cobra.Command{
		Use: "list", Short: "List jobs, the newest last: one line for each target", Args: exactly(0, ""),
		Example: "  brine job list --open\n  brine job list --dead\n  brine job list --target 'web*' --limit 10",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usagef("0 is for as many as there are", "--limit: %d is less than 0", limit)
			}
			if open && dead {
				return usagef("a dead letter waits for nothing", "--open and --dead exclude each other")
			}
			c := a.client()
			defer c.Close()
			jobs, err := c.Jobs(cmd.Context(), api.JobQuery{Open: open, Dead: dead, Target: tgt, Limit: limit, Reverse: true})
			if err != nil {
				return err
			}
			slices.Reverse(jobs)
			if done, err := machineList(a, jobs); done {
				return err
			}
			if len(jobs) == 0 {
				fmt.Fprintln(a.err, "no jobs")
				return nil
			}
			return a.showJobs(jobs)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&open, "open", false, "only jobs that still wait for something")
	flags.BoolVar(&dead, "dead", false, "only dead letters: what rules decided, and was given up")
	flags.StringVar(&tgt, "target", "", "only jobs of targets that match this `glob`")
	flags.IntVar(&limit, "limit", defaultJobs, "at most so many; 0 for as many as there are")
	_ = cmd.RegisterFlagCompletionFunc("target", a.asked(false, minionIDs)) // fails for an unknown flag only
	return cmd
}

func (a *app) showJobs(jobs []job.Job) error {
	p := a.colors()
	t := newTable(a.out, p, "JID", "CREATED", "TARGET", "WHAT", "FROM", "STATUS")
	for _, j := range jobs {
		t.row(j.JID, showTime(j.Created), clean(j.Target), oneLine(call(j.Fun, j.Args), 60), clean(origin(j)), jobStatus(p, j))
	}
	return t.flush()
}

// origin is who asked for a job: a rule, or an operator.
func origin(j job.Job) string {
	if j.Rule != "" {
		return "rule " + j.Rule
	}
	return j.By
}

func jobStatus(p palette, j job.Job) string {
	text := string(j.Status)
	switch j.Status {
	case job.Succeeded:
		text = p.green(text)
	case job.Waiting, job.Sent:
		text = p.yellow(text)
	default:
		text = p.red(text)
	}
	if j.Error != "" {
		text += ": " + oneLine(j.Error, summaryWidth)
	}
	return text
}
