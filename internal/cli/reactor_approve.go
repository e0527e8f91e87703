package cli

import (
	"fmt"

	"brine/internal/api"

	"github.com/spf13/cobra"
)

func newReactorApprovals(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "approvals", Short: "List the steps of rules that wait for somebody to approve", Args: exactly(0, ""),
		Example: "  brine reactor approvals",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := a.client()
			defer c.Close()
			list, err := c.Approvals(cmd.Context())
			if err != nil {
				return err
			}
			if done, err := machineList(a, list); done {
				return err
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "nothing waits for approval")
				return nil
			}
			t := newTable(a.out, a.colors(), "ID", "RULE", "WHAT", "SINCE", "UNTIL", "THEN")
			for _, w := range list {
				then := "it stops"
				if w.Timeout == "continue" {
					then = "it goes on"
				}
				t.row(w.ID, clean(w.Rule), oneLine(w.Text, summaryWidth), showTime(w.Since), showTime(w.Until), then)
			}
			return t.flush()
		},
	}
}

func newReactorApprove(a *app) *cobra.Command {
	return a.answer(&cobra.Command{
		Use: "approve ID", Short: "Let a rule go on that waits for approval",
		Example: "  brine reactor approvals\n  brine reactor approve g2tsmuom4pkhxexd --why 'looked at the graphs'",
	}, false)
}

func newReactorDeny(a *app) *cobra.Command {
	return a.answer(&cobra.Command{
		Use: "deny ID", Short: "Stop a rule that waits for approval: its further steps do not run",
		Example: "  brine reactor deny g2tsmuom4pkhxexd --why 'not during the sale'",
	}, true)
}

func (a *app) answer(cmd *cobra.Command, deny bool) *cobra.Command {
	var why string
	cmd.Args = exactly(1, "the id that `brine reactor approvals` shows")
	cmd.Flags().StringVar(&why, "why", "", "a `text` that is kept with the answer")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c := a.client()
		defer c.Close()
		done, err := c.Approve(cmd.Context(), args[0], api.Answer{Deny: deny, Why: why})
		if api.IsNotFound(err) {
			return failf("`brine reactor approvals` shows what waits; perhaps somebody else was first", "%v", err)
		}
		if err != nil {
			return err
		}
		if shown, err := a.machine(done); shown {
			return err
		}
		text := "approved: " + done.Text
		if deny {
			text = "denied: " + done.Text
		}
		_, err = fmt.Fprintf(a.out, "%s\nwhat came of it: brine event trace %s\n", clean(text), clean(done.Event))
		return err
	}
	return cmd
}
