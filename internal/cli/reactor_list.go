package cli

import (
	"fmt"
	"strings"

	"brine/internal/api"

	"github.com/spf13/cobra"
)

func newReactorList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the rules in force", Args: exactly(0, ""), Example: "  brine reactor list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := a.client()
			defer c.Close()
			r, err := c.Rules(cmd.Context())
			if err != nil {
				return err
			}
			if done, err := machineList(a, r.Rules); done {
				return a.refused(r, err)
			}
			return a.refused(r, a.showRules(r.Rules))
		},
	}
}

func (a *app) showRules(rules []api.Rule) error {
	if len(rules) == 0 {
		fmt.Fprintln(a.err, "no rules in force")
		return nil
	}
	t := newTable(a.out, a.colors(), "RULE", "ON", "WHEN", "THROTTLE", "DO", "WHERE")
	for _, r := range rules {
		t.row(clean(r.Name), oneLine(strings.Join(r.On, ", "), 60), oneLine(r.When, 50), oneLine(r.Throttle, 30), oneLine(strings.Join(r.Do, ", "), 40),
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
