package cli

import (
	"context"
	"fmt"
	"strings"

	"brine/internal/api"

	"github.com/spf13/cobra"
)

func newJobRetry(a *app) *cobra.Command {
	return a.jobAct(&cobra.Command{
		Use: "retry JID [TARGET]", Short: "Let a job that was given up begin anew",
		Long: `Let a job that was given up, failed, expired or was cancelled begin anew: on the target that is named, or on all where it came to
no good end. It is another attempt of the same job, with all its tries. The steps that were to follow it in its rule do not run.`,
		Example: "  brine job list --dead\n  brine job retry g2tsmuom4pkhxexd\n  brine job retry g2tsmuom4pkhxexd web1",
	}, "begins anew", (*api.Client).RetryJob)
}

func newJobCancel(a *app) *cobra.Command {
	return a.jobAct(&cobra.Command{
		Use: "cancel JID [TARGET]", Short: "End a job that is still open, or the steps of a rule",
		Long: `End a job that is still open: on the target that is named, or on all. What a minion has begun already runs to its end, and nobody
waits for it; a command on the master is stopped. For the step of a rule this is a failure like others. With the id of a run, as
"brine event trace" shows it, all its steps end, and on_failure does not run.`,
		Example: "  brine job list --open\n  brine job cancel g2tsmuom4pkhxexd\n  brine job cancel g2tsmuom4pkhxexd web1",
	}, "was cancelled", (*api.Client).CancelJob)
}

func (a *app) jobAct(cmd *cobra.Command, what string, act func(c *api.Client, ctx context.Context, jid, target string) (api.JobActed, error)) *cobra.Command {
	cmd.Args = between(1, 2, "the jid, and a target if it is not for all")
	cmd.ValidArgsFunction = a.asked(false, jids)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c := a.client()
		defer c.Close()
		done, err := act(c, cmd.Context(), args[0], strings.Join(args[1:], ""))
		if api.IsNotFound(err) {
			return failf("`brine job list` shows the jobs there are", "%v", err)
		}
		if err != nil {
			return err
		}
		if shown, err := a.machine(done); shown {
			return err
		}
		if done.Run != "" {
			fmt.Fprintf(a.out, "run %s %s\n", done.Run, what)
		}
		for _, t := range done.Targets {
			fmt.Fprintf(a.out, "%s  %s %s\n", clean(t), done.JID, what)
		}
		return nil
	}
	return cmd
}
