package cli

import "github.com/spf13/cobra"

func newEvent(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use: "event", Short: "What happened, why, and what came of it",
		Example: "  brine event list --since 1h --tag 'brine/beacon/**'\n  brine event trace 42\n  brine event fire deploy/finished version=1.4.2",
	}, newEventList(a), newEventWatch(a), newEventShow(a), newEventTrace(a), newEventFire(a))
}
