package cli

import (
	"fmt"

	"brine/internal/identity"

	"github.com/spf13/cobra"
)

func newKeyList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list [PATTERN]", Short: "List keys: pending, accepted, rejected", Args: between(0, 1, ""),
		Example:           "  brine key list\n  brine key list 'web*' -o json",
		ValidArgsFunction: a.asked(false, keyIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := a.client()
			defer c.Close()
			match := ""
			if len(args) > 0 {
				match = args[0]
			}
			keys, err := c.Keys(cmd.Context(), match)
			if err != nil {
				return err
			}
			if done, err := machineList(a, keys); done {
				return err
			}
			if len(keys) == 0 {
				fmt.Fprintln(a.err, "no keys")
				return nil
			}
			return a.showKeys(keys)
		},
	}
}

func (a *app) showKeys(keys []identity.Record) error {
	p := a.colors()
	t := newTable(a.out, p, "ID", "STATUS", "FINGERPRINT", "SINCE", "FROM", "BY")
	for _, k := range keys {
		status := string(k.Status)
		switch k.Status {
		case identity.Pending:
			status = p.yellow(status)
		case identity.Accepted:
			status = p.green(status)
		case identity.Rejected:
			status = p.red(status)
		}
		t.row(clean(k.ID), status, string(k.Key), showTime(k.Updated), clean(k.Remote), clean(k.By))
	}
	return t.flush()
}
