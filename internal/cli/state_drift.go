package cli

import (
	"fmt"

	"brine/internal/api"
	"brine/internal/job"

	"github.com/spf13/cobra"
)

func newStateDrift(a *app) *cobra.Command {
	var tgtType string
	var all bool
	cmd := &cobra.Command{
		Use: "drift [TARGET]", Short: "List enforced states that are out of line, and what was corrected", Args: between(0, 1, ""),
		Long: `List enforced states that are out of line now, since when, and how often each was corrected; those corrected within the last
24 hours below them. With --all every state that was ever told of. A state without "enforce: true" or "enforce: warn" is not watched,
and one that never drifted is not listed.

  drifted    it differs, and is only told of (enforce: warn)
  failed     it differs and could not be put right; the minion tries again
  undone     an operator has put back what was there before; it is left so until it is applied again
  contested  something else changes it again and again; the minion puts it right at growing intervals
  ok         it is right again

Exit code 1 if anything is out of line now.`,
		Example: `  brine state drift
  brine state drift 'web*' --all
  brine state drift -o json | jq 'select(.status != "ok")'`,
		ValidArgsFunction: a.asked(false, minionIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			tgt := ""
			if len(args) > 0 {
				tgt = args[0]
			}
			c := a.client()
			defer c.Close()
			list, err := c.Drift(cmd.Context(), tgt, tgtType, all)
			if err != nil {
				return err
			}
			g, err := c.Guards(cmd.Context())
			if err != nil {
				return err
			}
			a.tellHolds(g)
			return a.showDrift(list)
		},
	}
	addTgtType(cmd, &tgtType)
	cmd.Flags().BoolVar(&all, "all", false, "every state that was ever told of")
	return cmd
}

func (a *app) showDrift(list []api.Drift) error {
	out := 0
	for _, d := range list {
		if d.OutOfLine() {
			out++
		}
	}
	done, err := machineList(a, list)
	switch {
	case done:
	case len(list) == 0:
		fmt.Fprintln(a.err, "nothing is out of line, and nothing was corrected lately")
	default:
		err = a.driftTable(list)
	}
	if err == nil && out > 0 {
		return failed()
	}
	return err
}

func (a *app) driftTable(list []api.Drift) error {
	p := a.colors()
	t := newTable(a.out, p, "MINION", "STATE", "STATUS", "SINCE", "CORRECTED", "LAST", "WHY")
	for _, d := range list {
		status, since := p.green(d.Status), "-"
		if d.OutOfLine() {
			status, since = driftColor(p, d.Status)(oneLine(d.Status, 20)), showTime(d.Since)
		}
		t.row(clean(d.Minion), oneLine(d.Fun+": "+d.Name, summaryWidth), status, since, times(d.Corrected), showTime(d.Last), oneLine(d.Why, summaryWidth))
	}
	return t.flush()
}

func driftColor(p palette, status string) func(string) string {
	if status == job.DriftDrifted {
		return p.yellow
	}
	return p.red
}

func times(n uint64) string {
	switch n {
	case 0:
		return "-"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
