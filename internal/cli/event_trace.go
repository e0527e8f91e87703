package cli

import (
	"github.com/spf13/cobra"
)

func newEventTrace(a *app) *cobra.Command {
	var diff bool
	cmd := &cobra.Command{
		Use: "trace EVENT", Short: "Show why an event happened, and what came of it", Args: exactly(1, "the event's id or position"),
		Long: `Show the tree that an event stands in: from the event that everything began with, through the rules that decided and the jobs they
made, to what was changed. The first column is the time since the first event was observed. Any event of the tree leads to it.`,
		Example: "  brine event trace 42\n  brine event trace web1:k3f7a2mc:42 --diff",
		RunE: func(cmd *cobra.Command, args []string) error {
			c := a.client()
			defer c.Close()
			t, err := c.Trace(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if done, err := a.machine(t); done {
				return err
			}
			return a.showTrace(t, diff)
		},
	}
	cmd.Flags().BoolVar(&diff, "diff", false, "show the diffs of what was changed")
	return cmd
}
