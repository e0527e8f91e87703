package cli

import "github.com/spf13/cobra"

func newReactor(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use: "reactor", Short: "The rules that turn events into actions",
		Example: "  brine reactor list\n  brine reactor lint ./reactors",
	}, newReactorList(a), newReactorWindows(a), newReactorLint(a), newReactorTest(a), newReactorExplain(a), newReactorReplay(a),
		newReactorApprovals(a), newReactorApprove(a), newReactorDeny(a),
		newReactorPause(a), newReactorResume(a))
}
