package cli

import "github.com/spf13/cobra"

func newKey(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use: "key", Short: "Which minions are let in",
		Long: `Which minions are let in. A minion makes its key when it first starts, and waits until it is accepted here, or brings a join token.
Compare its fingerprint (the minion's log has it) before you accept it.`,
		Example: "  brine key list\n  brine key accept web1\n  brine key token --id web2",
	},
		newKeyList(a),
		newKeyAct(a, acceptKeys()),
		newKeyAct(a, rejectKeys()),
		newKeyAct(a, deleteKeys()),
		newKeyFingerprint(a),
		newKeyToken(a),
	)
}
