package cli

import (
	"context"
	"time"

	"brine/internal/api"

	"github.com/spf13/cobra"
)

// completionTimeout is how long the shell waits for a master when somebody presses Tab.
const completionTimeout = time.Second

type completer = cobra.CompletionFunc

// words completes a fixed list.
func words(list ...string) completer {
	return cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)
}

// asked completes with what a live master knows; without one, with nothing. Only the first argument is completed unless many.
func (a *app) asked(many bool, get func(context.Context, *api.Client) ([]string, error)) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && !many {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		c := a.client()
		defer c.Close()
		list, err := get(ctx, c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

func minionIDs(ctx context.Context, c *api.Client) ([]string, error) {
	minions, err := c.Minions(ctx, "*", "")
	ids := make([]string, len(minions))
	for i, m := range minions {
		ids[i] = m.ID
	}
	return ids, err
}

func keyIDs(ctx context.Context, c *api.Client) ([]string, error) {
	keys, err := c.Keys(ctx, "")
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID + "\t" + string(k.Status)
	}
	return ids, err
}

// completedJobs bounds the jobs that are offered.
const completedJobs = 50

func jids(ctx context.Context, c *api.Client) ([]string, error) {
	jobs, err := c.Jobs(ctx, api.JobQuery{Limit: completedJobs, Reverse: true})
	ids := make([]string, len(jobs))
	for i, j := range jobs {
		ids[i] = j.JID + "\t" + j.Fun + " on " + j.Target
	}
	return ids, err
}

// recentTags are those of the last events.
func recentTags(ctx context.Context, c *api.Client) ([]string, error) {
	var tags []string
	seen := map[string]bool{}
	for l, err := range c.Events(ctx, api.Query{Reverse: true, Limit: 200}) {
		if err != nil {
			return nil, err
		}
		if l.Event != nil && !seen[l.Event.Tag] {
			seen[l.Event.Tag] = true
			tags = append(tags, l.Event.Tag)
		}
	}
	return tags, nil
}
