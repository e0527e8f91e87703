package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"brine/internal/api"
	"brine/internal/identity"

	"github.com/spf13/cobra"
)

// keyAct is accept, reject or delete.
type keyAct struct {
	name, done string // "accept", "accepted"
	short      string
	long       string
	from       []identity.Status // keys in another status are passed over
	do         func(*api.Client, context.Context, ...string) ([]identity.Record, error)
}

func acceptKeys() keyAct {
	return keyAct{"accept", "accepted", "Let pending keys in",
		"Let pending keys in. Two pending keys of one id are never accepted together: name one by its fingerprint.",
		[]identity.Status{identity.Pending}, (*api.Client).AcceptKeys}
}

func rejectKeys() keyAct {
	return keyAct{"reject", "rejected", "Shut keys out",
		"Shut keys out, pending or accepted ones. A session ends at once, jobs that wait for the minion are cancelled. The key stays shut out until it is deleted.",
		[]identity.Status{identity.Pending, identity.Accepted}, (*api.Client).RejectKeys}
}

func deleteKeys() keyAct {
	return keyAct{"delete", "deleted", "Forget keys",
		"Forget keys. A session ends at once, jobs that wait for the minion are cancelled. A minion that is still there asks again and is pending then.",
		[]identity.Status{identity.Pending, identity.Accepted, identity.Rejected}, (*api.Client).DeleteKeys}
}

// accepts reports whether keys are let in, which takes more care.
func (act keyAct) accepts() bool { return act.name == "accept" }

func newKeyAct(a *app, act keyAct) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: act.name + " PATTERN ...", Short: act.short, Args: atLeast(1, "an id, a glob or a fingerprint"),
		Long:              act.long + " It shows which keys are meant and asks, unless --yes.",
		Example:           fmt.Sprintf("  brine key %[1]s web1\n  brine key %[1]s 'web*' --yes\n  brine key %[1]s SHA256:...", act.name),
		ValidArgsFunction: a.asked(true, keyIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := a.client()
			defer c.Close()
			keys, err := a.chosenKeys(cmd.Context(), c, act, args)
			if err != nil {
				return err
			}
			if !yes {
				if ok, err := a.confirm(act, keys); !ok || err != nil {
					return err
				}
			}
			return a.actOnKeys(cmd.Context(), c, act, keys)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// chosenKeys finds the keys that the patterns mean and the act can be done to.
func (a *app) chosenKeys(ctx context.Context, c *api.Client, act keyAct, patterns []string) ([]identity.Record, error) {
	var chosen []identity.Record
	seen := map[identity.Fingerprint]bool{}
	for _, p := range patterns {
		keys, err := c.Keys(ctx, p)
		if err != nil {
			return nil, err
		}
		if len(keys) == 0 {
			return nil, failf("`brine key list` shows what keys there are", "no key matches %q", p)
		}
		fit := act.fitting(keys)
		if len(fit) == 0 {
			return nil, act.nothingToDo(p, keys)
		}
		if id := doubled(fit); act.accepts() && id != "" {
			_ = a.showKeys(fit)
			return nil, failf("compare the fingerprints with the one in the minion's log, then name the right key: brine key accept SHA256:...",
				"several pending keys claim the id %q: only one of them can be it", id)
		}
		for _, k := range fit {
			if !seen[k.Key] {
				seen[k.Key] = true
				chosen = append(chosen, k)
			}
		}
	}
	return chosen, nil
}

func (act keyAct) fitting(keys []identity.Record) (fit []identity.Record) {
	for _, k := range keys {
		for _, s := range act.from {
			if k.Status == s {
				fit = append(fit, k)
			}
		}
	}
	return fit
}

// nothingToDo explains why none of the keys can be acted on.
func (act keyAct) nothingToDo(pattern string, keys []identity.Record) error {
	if len(keys) > 1 {
		return failf("`brine key list` shows how they stand", "none of the %d keys that match %q can be %s", len(keys), pattern, act.done)
	}
	k := keys[0]
	hint := ""
	if act.accepts() && k.Status == identity.Rejected {
		hint = "`brine key delete " + string(k.Key) + "` forgets that it was rejected: the minion then asks again"
	}
	return failf(hint, "the key of %s is %s already", k.ID, k.Status)
}

// doubled is an id that two of the keys claim.
func doubled(keys []identity.Record) string {
	for i := 1; i < len(keys); i++ { // sorted by id
		if keys[i].ID == keys[i-1].ID {
			return keys[i].ID
		}
	}
	return ""
}

// confirm shows the keys and asks. Without a terminal nobody can answer.
func (a *app) confirm(act keyAct, keys []identity.Record) (bool, error) {
	if !isTerminal(a.in) {
		return false, usagef("give --yes to "+act.name+" without being asked", "this would ask before it goes on, and there is no terminal to ask at (%s)", several(names(keys)))
	}
	show := *a
	show.format = formatTable
	show.out = a.err
	if err := show.showKeys(keys); err != nil {
		return false, err
	}
	what := "this key"
	if len(keys) > 1 {
		what = fmt.Sprintf("these %d keys", len(keys))
	}
	fmt.Fprintf(a.err, "\n%s%s %s? [y/N] ", strings.ToUpper(act.name[:1]), act.name[1:], what)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); answer == "y" || answer == "yes" {
		return true, nil
	}
	if err != nil {
		fmt.Fprintln(a.err)
	}
	return false, failf("", "nothing was %s", act.done)
}

func names(keys []identity.Record) []string {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID
	}
	return ids
}

// actOnKeys names the keys by their fingerprints, so that no other key can have slipped in meanwhile.
func (a *app) actOnKeys(ctx context.Context, c *api.Client, act keyAct, keys []identity.Record) error {
	fps := make([]string, len(keys))
	for i, k := range keys {
		fps[i] = string(k.Key)
	}
	changed, err := act.do(c, ctx, fps...)
	if err != nil {
		return err
	}
	if done, err := machineList(a, changed); done {
		return err
	}
	for _, k := range changed {
		done := act.done
		if done == "accepted" && k.Status != identity.Accepted {
			done = "deleted" // it waited under the same id
		}
		fmt.Fprintf(a.out, "%s %s  %s\n", done, clean(k.ID), k.Key)
	}
	return nil
}
