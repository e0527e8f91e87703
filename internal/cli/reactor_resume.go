package cli

import (
	"context"

	"brine/internal/api"

	"github.com/spf13/cobra"
)

func newReactorResume(a *app) *cobra.Command {
	var r api.Resume
	cmd := &cobra.Command{
		Use: "resume [RULE ...] [--tgt TARGET | --state KEY | --all]", Short: "End pauses, suspensions, and what froze a state",
		Long: `End what keeps rules, minions or states from being acted on, before its time: a pause of rules or, with --tgt, of the target that was paused;
a maintenance window, by its target; the suspension of a rule that fired too often; with --state, what blast_radius froze. --all ends all of
them but the last: a state that drifts on many minions wants to be looked at.

What was held back is done now.`,
		Example: `  brine reactor resume restore-motd
  brine reactor resume --tgt 'web*'
  brine reactor resume --state 'file.managed: /etc/motd'
  brine reactor resume --all`,
		ValidArgsFunction: a.asked(true, heldRules),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Rules = args
			if err := checkResume(&r); err != nil {
				return err
			}
			c := a.client()
			defer c.Close()
			g, err := c.Resume(cmd.Context(), r)
			if err != nil {
				return err
			}
			if len(g.Rules)+len(g.Holds) == 0 {
				return failf("", "nothing is paused or suspended")
			}
			return a.showActs(g, "resumed")
		},
	}
	cmd.Flags().StringVar(&r.Tgt, "tgt", "", "the target as it was paused")
	addTgtType(cmd, &r.TgtType)
	cmd.Flags().StringVar(&r.State, "state", "", "a frozen state, as `KEY`: function and name")
	cmd.Flags().BoolVar(&r.All, "all", false, "all rules and targets")
	return cmd
}

func checkResume(r *api.Resume) error {
	named := 0
	for _, is := range []bool{len(r.Rules) > 0, r.Tgt != "", r.State != "", r.All} {
		if is {
			named++
		}
	}
	const hint = "brine reactor resume RULE, or --tgt TARGET, or --state KEY, or --all; `brine reactor list` shows what there is"
	switch named {
	case 0:
		return usagef(hint, "what is to be resumed?")
	case 1:
		return nil
	}
	return usagef(hint, "rules, --tgt, --state and --all: one of them")
}

func heldRules(ctx context.Context, c *api.Client) ([]string, error) {
	g, err := c.Guards(ctx)
	names := make([]string, len(g.Rules))
	for i, r := range g.Rules {
		names[i] = r.Rule
	}
	return names, err
}
