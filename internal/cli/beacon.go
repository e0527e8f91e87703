package cli

import "github.com/spf13/cobra"

func newBeacon(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use: "beacon", Short: "What watches the minions' hosts",
		Example: "  brine beacon list\n  brine beacon list 'web*'",
	}, newBeaconList(a))
}
