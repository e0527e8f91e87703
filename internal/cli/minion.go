package cli

import "github.com/spf13/cobra"

func newMinion(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use: "minion", Short: "The minions that are let in",
		Example: "  brine minion list\n  brine minion ping 'web*'",
	}, newMinionList(a), newMinionPing(a))
}
