package cli

import (
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"

	"github.com/spf13/cobra"
)

func newStateSingle(a *app) *cobra.Command {
	var tgtType string
	var test bool
	timeout, ttl := duration(5*time.Minute), duration(api.DefaultTTL)
	cmd := &cobra.Command{
		Use: "single TARGET FUNCTION name=NAME [ARGUMENT=VALUE ...]", Short: "Apply one state that stands in no file", Args: atLeast(3, "the target, the function or its name"),
		Long: `Apply one state to minions, without a state file. A value is text as it stands, or JSON where it begins with [ or {.
Exit code 1 if it failed; 3 if somebody has not answered.`,
		Example: `  brine state single web1 file.managed name=/etc/motd contents=Welcome mode=0644
  brine state single -G os:Debian file.absent name=/etc/nologin --test`,
		ValidArgsFunction: a.asked(false, minionIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			state, err := stateArgs(args[2:])
			if err != nil {
				return err
			}
			data, err := event.Encode(map[string]any{args[1]: state})
			if err != nil {
				return usagef("", "%v", err)
			}
			c := a.client()
			defer c.Close()
			sub, err := c.Submit(cmd.Context(), api.Submit{Fun: job.StateSingle, Tgt: args[0], TgtType: tgtType, TTL: api.Duration(ttl),
				Args: job.Args{Data: data, Test: test}})
			if err != nil {
				return err
			}
			return a.await(cmd.Context(), c, sub, time.Duration(timeout))
		},
	}
	addTgtType(cmd, &tgtType)
	flags := cmd.Flags()
	flags.BoolVar(&test, "test", false, "say what would change, and change nothing")
	flags.Var(&timeout, "timeout", "how long to wait for results; the job goes on all the same")
	flags.Var(&ttl, "ttl", "how long the job waits for a minion that is away")
	return cmd
}

// stateArgs reads ARGUMENT=VALUE.
func stateArgs(args []string) (map[string]any, error) {
	state := map[string]any{}
	for _, arg := range args {
		key, text, ok := strings.Cut(arg, "=")
		if !ok || key == "" {
			return nil, usagef("such as mode=0644", "%q: want ARGUMENT=VALUE", arg)
		}
		if _, twice := state[key]; twice {
			return nil, usagef("", "%s is given twice", key)
		}
		state[key] = text
		if strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{") {
			v, err := event.ParseJSON([]byte(text))
			if err != nil {
				return nil, usagef("what begins with [ or { is JSON", "%s: %v", key, err)
			}
			state[key] = v
		}
	}
	return state, nil
}
