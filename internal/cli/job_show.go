package cli

import (
	"fmt"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"

	"github.com/spf13/cobra"
)

func newJobShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show JID", Short: "Show one job, and what it did on each target", Args: exactly(1, "the jid"),
		Example:           "  brine job show g2tsmuom4pkhxexd",
		ValidArgsFunction: a.asked(false, jids),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := a.client()
			defer c.Close()
			jobs, err := c.Job(cmd.Context(), args[0])
			if api.IsNotFound(err) {
				if r, err := c.Run(cmd.Context(), args[0], event.ID{}); err == nil {
					return a.showRun(r)
				}
				return failf("`brine job list` shows the jobs there are", "%v", err)
			}
			if err != nil {
				return err
			}
			if done, err := machineList(a, jobs); done {
				return err
			}
			return a.showJob(cmd, c, jobs)
		},
	}
}

func (a *app) showJob(cmd *cobra.Command, c *api.Client, jobs []job.Job) error {
	j := jobs[0] // they differ in their targets only
	cause := ""
	if len(j.Causes) > 0 {
		cause = j.Causes[0].String()
	}
	err := a.facts(
		"jid", j.JID,
		"what", clean(call(j.Fun, j.Args)),
		"rule", clean(j.Rule),
		"by", clean(j.By),
		"cause", cause,
		"created", showTime(j.Created),
		"deadline", showTime(j.Deadline),
	)
	if err != nil {
		return err
	}
	p := a.colors()
	fmt.Fprintln(a.out)
	for _, j := range jobs {
		status := jobStatus(p, j)
		if j.Merged > 0 {
			status += fmt.Sprintf(", %s joined it while it waited", plural(j.Merged, "later decision"))
		}
		if j.Ret.IsZero() {
			fmt.Fprintf(a.out, "%s  %s\n\n", p.bold(clean(j.Target)), status)
			continue
		}
		e, err := c.Event(cmd.Context(), j.Ret.String())
		r, ok := resultOf(e)
		if err != nil || !ok {
			fmt.Fprintf(a.out, "%s  %s (its result is no longer in the log)\n\n", p.bold(clean(j.Target)), status)
			continue
		}
		if err := a.showApplied(applied{JID: j.JID, Minion: j.Target, Status: "done", Result: &r}); err != nil {
			return err
		}
	}
	for _, id := range j.Runs {
		if r, err := c.Run(cmd.Context(), id, firstCause(j)); err == nil {
			if err := a.showRun(r); err != nil {
				return err
			}
		}
	}
	_, err = fmt.Fprintf(a.out, "why: brine event trace %s\n", j.New)
	return err
}

func firstCause(j job.Job) event.ID {
	if len(j.Causes) == 0 {
		return event.ID{}
	}
	return j.Causes[0]
}

// showRun prints the steps of a rule, in their order.
func (a *app) showRun(r api.Run) error {
	if done, err := a.machine(r); done {
		return err
	}
	p := a.colors()
	fmt.Fprintf(a.out, "%s  %s\n", p.bold("the steps of rule "+clean(r.Rule)), p.dim(fmt.Sprintf("run %s, %s", r.Run, r.Status)))
	for _, s := range r.Steps {
		text := oneLine(stepText(s), maxTraceLine)
		switch s.Status {
		case "failed":
			text = p.red(text)
		case "skipped", "pending":
			text = p.dim(text)
		}
		fmt.Fprintf(a.out, "  %s\n", text)
	}
	_, err := fmt.Fprintf(a.out, "why: brine event trace %s\n", clean(r.Event))
	return err
}
