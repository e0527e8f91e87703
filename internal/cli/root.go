package cli

import (
	"strings"

	"brine/internal/daemon"

	"github.com/spf13/cobra"
)

const exitCodes = `Exit codes:
  0  done
  1  done, and something failed, or nothing matched
  2  wrong usage
  3  the master cannot be reached, or did not answer in time`

func newRoot(a *app) *cobra.Command {
	root := group(&cobra.Command{
		Use:   "brine",
		Short: "Brine keeps servers in the state they were meant to be in.",
		Long: `Brine keeps servers in the state they were meant to be in. This command asks the master on this host, over its unix socket:
--socket, then BRINE_SOCKET, then /run/brine/master.sock.

` + exitCodes,
		Example: `  brine key accept web1                      # let a new minion in
  brine event list --since 1h                # what happened
  brine event trace 42                       # why it happened, and what came of it
  brine state apply 'web*' --test            # what would change
  brine event watch --tag 'brine/beacon/**'  # look on`,
		SilenceErrors: true, SilenceUsage: true,
		Version: daemon.Version,
	},
		// Every command stands here, and nowhere else.
		newEvent(a),
		newBeacon(a),
		newKey(a),
		newMinion(a),
		newState(a),
		newJob(a),
		newReactor(a),
		newCmd(a),
		newDemo(a),
		newVersion(a),
	)
	flags := root.PersistentFlags()
	flags.StringVar(&a.socket, "socket", "", "the daemon's unix `socket` (BRINE_SOCKET; default /run/brine/master.sock)")
	flags.StringVarP(&a.format, "output", "o", formatTable, "`format`: table, json or yaml")
	flags.BoolVar(&a.noColor, "no-color", false, "no colours (NO_COLOR; never in a pipe)")
	_ = root.RegisterFlagCompletionFunc("output", words(formats...)) // fails for an unknown flag only
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.checkFormat() }
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("`"+cmd.CommandPath()+" --help` shows the flags", "%v", err)
	})
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetVersionTemplate("brine {{.Version}}\n")
	return root
}

// group is a command that only holds others.
func group(cmd *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(subs...)
	cmd.Args = cobra.ArbitraryArgs
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		hint := "`" + cmd.CommandPath() + " --help` shows what there is"
		if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
			hint = "did you mean " + cmd.CommandPath() + " " + strings.Join(s, " or "+cmd.CommandPath()+" ") + "?"
		}
		return usagef(hint, "there is no command %q", cmd.CommandPath()+" "+args[0])
	}
	return cmd
}

// atLeast asks for so many arguments; want says what is missing.
func atLeast(n int, want string) cobra.PositionalArgs { return between(n, -1, want) }

// exactly asks for so many arguments, no more and no less.
func exactly(n int, want string) cobra.PositionalArgs { return between(n, n, want) }

func between(least, most int, want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		hint := "usage: " + cmd.UseLine()
		switch {
		case len(args) < least:
			return usagef(hint, "%s is missing", want)
		case most >= 0 && len(args) > most:
			return usagef(hint, "%q is one argument too many", args[most])
		}
		return nil
	}
}
