package cli

import "github.com/spf13/cobra"

func newJob(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use: "job", Short: "What minions were asked to do, and how it went",
		Example: "  brine job list --open\n  brine job show g2tsmuom4pkhxexd\n  brine job list --dead\n  brine job retry g2tsmuom4pkhxexd",
	}, newJobList(a), newJobShow(a), newJobRetry(a), newJobCancel(a))
}
