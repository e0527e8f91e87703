package cli

import (
	"fmt"
	"time"

	"brine/internal/api"
	"brine/internal/identity"

	"github.com/spf13/cobra"
)

func newKeyToken(a *app) *cobra.Command {
	var id string
	var replace, list bool
	ttl := duration(time.Hour)
	cmd := &cobra.Command{
		Use: "token", Short: "Make a one-time token that lets a minion in by itself", Args: exactly(0, ""),
		Long: `Make a join token: a minion that brings it is accepted at once, and learns from it which master to trust. It works once, and is
shown only now. Keep it secret until it is used.`,
		Example: "  brine key token --id web2\n  brine key token --ttl 10m\n  brine key token --id web1 --replace   # web1 was installed anew\n  brine key token --list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := a.client()
			defer c.Close()
			if list {
				tokens, err := c.Tokens(cmd.Context())
				if err != nil {
					return err
				}
				return a.showTokens(tokens)
			}
			if replace && id == "" {
				return usagef("add --id ID", "--replace needs to know whose key may be replaced")
			}
			made, err := c.NewToken(cmd.Context(), api.NewToken{ID: id, TTL: api.Duration(ttl), Replace: replace})
			if err != nil {
				return err
			}
			return a.showToken(made)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&id, "id", "", "the only minion it is for (default: any)")
	flags.Var(&ttl, "ttl", "how long it is worth something: 10m, 1h, 7d")
	flags.BoolVar(&replace, "replace", false, "it may replace the key that is accepted for --id: for a host that was installed anew")
	flags.BoolVar(&list, "list", false, "list the tokens there are, without their secrets")
	return cmd
}

func (a *app) showToken(made api.TokenMade) error {
	if done, err := a.machine(made); done {
		return err
	}
	fmt.Fprintf(a.out, "%s\n\n", made.Text)
	whom := "any minion"
	if made.Token.ID != "" {
		whom = made.Token.ID
	}
	if made.Token.Replace {
		whom += ", whose key it may replace"
	}
	fmt.Fprintf(a.err, "It lets in %s, once, until %s. In minion.yaml:\n\n    join_token: %s\n", whom, showTime(made.Token.Expires), made.Text)
	return nil
}

func (a *app) showTokens(tokens []identity.Token) error {
	if done, err := machineList(a, tokens); done {
		return err
	}
	if len(tokens) == 0 {
		fmt.Fprintln(a.err, "no tokens")
		return nil
	}
	t := newTable(a.out, a.colors(), "TOKEN", "FOR", "STATUS", "EXPIRES", "BY")
	for _, k := range tokens {
		whom, status := "any minion", "waits"
		if k.ID != "" {
			whom = k.ID
		}
		switch {
		case !k.Used.IsZero():
			status = "used for " + k.UsedFor
		case !a.now().Before(k.Expires):
			status = "expired"
		}
		t.row(k.Name, whom, status, showTime(k.Expires), clean(k.By))
	}
	return t.flush()
}
