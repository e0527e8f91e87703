package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newKeyFingerprint(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "fingerprint", Short: "Show the master's own fingerprint, for minion.yaml", Args: exactly(0, ""),
		Example: "  echo \"master_fingerprint: $(brine key fingerprint)\" >> minion.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := a.client()
			defer c.Close()
			fp, err := c.Fingerprint(cmd.Context())
			if err != nil {
				return err
			}
			if done, err := a.machine(map[string]string{"fingerprint": string(fp)}); done {
				return err
			}
			_, err = fmt.Fprintln(a.out, fp)
			return err
		},
	}
}
