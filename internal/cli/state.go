package cli

import "github.com/spf13/cobra"

func newState(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use: "state", Short: "Put minions into the state they were meant to be in",
		Example: "  brine state apply web1 motd\n  brine state apply '*' --test\n  brine state drift\n  brine state undo web1 /etc/motd",
	}, newStateApply(a), newStateSingle(a), newStateDrift(a), newStateUndo(a), newStateAdopt(a))
}
