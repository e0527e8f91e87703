package cli

import "github.com/spf13/cobra"

func newCmd(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use: "cmd", Short: "Commands on minions that allow it",
		Example: "  brine cmd run 'web*' -- uptime",
	}, newCmdRun(a))
}
