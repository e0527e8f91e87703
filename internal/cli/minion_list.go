package cli

import (
	"fmt"
	"strings"
	"time"

	"brine/internal/api"

	"github.com/spf13/cobra"
)

func newMinionList(a *app) *cobra.Command {
	var tgtType string
	cmd := &cobra.Command{
		Use: "list [TARGET]", Short: "List minions, and who of them is there", Args: between(0, 1, ""),
		Example:           "  brine minion list\n  brine minion list 'web*' -o json | jq .grains",
		ValidArgsFunction: a.asked(false, minionIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			tgt := "*"
			if len(args) > 0 {
				tgt = args[0]
			}
			c := a.client()
			defer c.Close()
			minions, err := c.Minions(cmd.Context(), tgt, tgtType)
			if err != nil {
				return err
			}
			ids := make([]string, len(minions))
			for i, m := range minions {
				ids[i] = m.ID
			}
			a.warnUnknown(unknownIDs(tgtType, tgt, ids))
			if done, err := machineList(a, minions); done {
				return err
			}
			return a.showMinions(minions, tgt)
		},
	}
	addTgtType(cmd, &tgtType)
	return cmd
}

func (a *app) showMinions(minions []api.Minion, tgt string) error {
	if len(minions) == 0 {
		if tgt != "*" {
			return failf("`brine minion list` shows who there is", "no accepted minion matches %q", tgt)
		}
		fmt.Fprintln(a.err, "no minions yet: `brine key list` shows who waits to be accepted")
		return nil
	}
	p := a.colors()
	t := newTable(a.out, p, "ID", "STATUS", "FOR", "SINCE", "VERSION", "REMOTE", "OS")
	for _, m := range minions {
		status := p.green("online")
		switch {
		case m.Inc == 0:
			status = p.yellow("never came")
		case !m.Online:
			status = p.red("offline")
		}
		t.row(clean(m.ID), status, ago(a.now().Sub(m.Since)), showTime(m.Since.Truncate(time.Millisecond)), oneLine(m.Version, 20), clean(m.Remote), osOf(m))
	}
	return t.flush()
}

// osOf is what the minion says its operating system is.
func osOf(m api.Minion) string {
	v, err := m.Grains.Value()
	g, ok := v.(map[string]any)
	if err != nil || !ok {
		return ""
	}
	var parts []string
	for _, name := range []string{"os", "osrelease"} {
		if s, ok := g[name].(string); ok {
			parts = append(parts, s)
		}
	}
	return oneLine(strings.Join(parts, " "), 30)
}
