package cli

import (
	"fmt"
	"strings"

	"brine/internal/api"

	"github.com/spf13/cobra"
)

func newReactorList(a *app) *cobra.Command {
	var held bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the rules in force, and what is paused, suspended or frozen", Args: exactly(0, ""), Example: "  brine reactor list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := a.client()
			defer c.Close()
			r, err := c.Rules(cmd.Context())
			if err != nil {
				return err
			}
			g, err := c.Guards(cmd.Context())
			if err != nil {
				return err
			}
			if held {
				return a.showHeld(g)
			}
			rules := guardedRules(r.Rules, g)
			if done, err := machineList(a, rules); done {
				return a.refused(r, err)
			}
			if err := a.showRules(rules); err != nil || len(g.Rules)+len(g.Holds) == 0 {
				return a.refused(r, err)
			}
			fmt.Fprintln(a.out)
			return a.refused(r, a.showGuards(g))
		},
	}
	cmd.Flags().BoolVar(&held, "held", false, "only what is paused, suspended or frozen")
	return cmd
}

func (a *app) showRules(rules []guardedRule) error {
	if len(rules) == 0 {
		fmt.Fprintln(a.err, "no rules in force")
		return nil
	}
	p := a.colors()
	t := newTable(a.out, p, "RULE", "STATUS", "ON", "WHEN", "THROTTLE", "DO", "WHERE")
	for _, r := range rules {
		t.row(clean(r.Name), p.ruleStatus(r), oneLine(strings.Join(r.On, ", "), 60), oneLine(r.When, 50), oneLine(r.Throttle, 30), oneLine(strings.Join(r.Do, ", "), 40),
			fmt.Sprintf("%s:%d", clean(r.File), r.Line))
	}
	return t.flush()
}

// refused tells that the files say something else than what is in force.
func (a *app) refused(r api.Rules, err error) error {
	if err != nil || r.Faults == "" {
		return err
	}
	return failf("put the files right; the master reads them again by itself", "the rule files have faults, so the last good set stays in force:\n%s", r.Faults)
}
