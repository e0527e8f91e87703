package cli

import (
	"brine/internal/api"

	"github.com/spf13/cobra"
)

func newEventWatch(a *app) *cobra.Command {
	var f eventFlags
	cmd := &cobra.Command{
		Use: "watch", Short: "Show events as they come, until Ctrl-C", Args: exactly(0, ""),
		Example: "  brine event watch\n  brine event watch --tag 'brine/minion/*/o*'\n  brine event watch -o json | jq -c '[.tag, .data]'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			c := a.client()
			defer c.Close()
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			q := api.Query{Tag: f.tag, Minion: f.minion, From: s.Last + 1, Follow: true}
			return a.streamEvents(cmd.Context(), c, q, newEventShower(a))
		},
	}
	f.add(a, cmd)
	return cmd
}
