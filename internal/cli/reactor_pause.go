package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"brine/internal/api"

	"github.com/spf13/cobra"
)

func newReactorPause(a *app) *cobra.Command {
	var p api.Pause
	var length duration
	cmd := &cobra.Command{
		Use: "pause [RULE ...] [--tgt TARGET] --for TIME --why TEXT", Short: "Keep rules from acting, or minions from being put right, for a while",
		Long: `Keep rules from acting for a while, or with --tgt leave minions as they are: maintenance. What happens meanwhile is recorded, and
enforced when the pause ends, by itself or by "brine reactor resume".

A paused rule's verdicts are "paused"; the states it would have applied are applied once when it ends, other actions are not made up for.
On a paused minion enforced states are watched and told of, and put right when the pause ends, also while the master is away; jobs that rules
decide wait. What operators ask for, such as "brine state apply", is done at once.

The same rule or target paused once more has another end and another reason.`,
		Example: `  brine reactor pause restore-motd --for 2h --why 'new motd is being tried'
  brine reactor pause --tgt 'web*' --for 90m --why 'kernel update, INC-4711'
  brine reactor list`,
		ValidArgsFunction: a.asked(true, ruleNamesOf),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.Rules, p.For = args, api.Duration(length)
			if err := checkPause(&p, cmd.Flags().Changed("for")); err != nil {
				return err
			}
			c := a.client()
			defer c.Close()
			status, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			g, err := c.Pause(cmd.Context(), p)
			if err != nil {
				return err
			}
			if p.Tgt != "" {
				if err := a.awaitHolds(cmd.Context(), c, p, status.Last+1); err != nil {
					return err
				}
			}
			return a.showActs(g, "paused")
		},
	}
	cmd.Flags().StringVar(&p.Tgt, "tgt", "", "pause the minions that this means, in the place of rules")
	addTgtType(cmd, &p.TgtType)
	cmd.Flags().Var(&length, "for", "how long: 30m, 2h, 7d")
	cmd.Flags().StringVar(&p.Why, "why", "", "the reason, for whoever comes across it")
	return cmd
}

// checkPause says what is missing. A pause always has an end and a reason.
func checkPause(p *api.Pause, hasFor bool) error {
	switch {
	case len(p.Rules) == 0 && p.Tgt == "":
		return usagef("brine reactor pause RULE, or brine reactor pause --tgt TARGET", "what is to be paused?")
	case len(p.Rules) > 0 && p.Tgt != "":
		return usagef("rules or minions: pause one after the other", "--tgt pauses minions, and %q is a rule", p.Rules[0])
	case !hasFor:
		return usagef("such as --for 2h; `brine reactor resume` ends it sooner", "--for is missing: a pause always has an end")
	case p.For <= 0:
		return usagef("such as --for 2h", "--for %s lies in the past", shortDuration(time.Duration(p.For)))
	case time.Duration(p.For) > api.MaxPause:
		return usagef("to be rid of a rule take it out of its file", "--for %s is longer than a year", shortDuration(time.Duration(p.For)))
	case p.Why == "":
		return usagef("such as --why 'kernel update, INC-4711'", "--why is missing: somebody will wonder")
	case len(p.Why) > api.MaxPauseWhy:
		return usagef("", "--why has %d bytes; at most %d", len(p.Why), api.MaxPauseWhy)
	}
	return nil
}

// showActs tells what was paused or resumed.
func (a *app) showActs(g api.Guards, done string) error {
	if is, err := machineList(a, []api.Guards{g}); is {
		return err
	}
	until := func(t time.Time) string {
		if done != "paused" || t.IsZero() {
			return ""
		}
		return " until " + showTime(t)
	}
	for _, r := range g.Rules {
		fmt.Fprintf(a.out, "%s rule %s%s\n", done, clean(r.Rule), until(r.Until))
		if done != "paused" && r.Missed > 0 {
			fmt.Fprintf(a.out, "  it would have acted %s meanwhile; %s now\n", times(uint64(r.Missed)), plural(r.Held, "held state")+" run")
		}
	}
	for _, h := range g.Holds {
		what := "minions " + h.Tgt
		if h.State != "" {
			what = "state " + h.State
		}
		fmt.Fprintf(a.out, "%s %s%s\n", done, clean(what), until(h.Until))
	}
	return nil
}

// holdPatience is how long minions that are there have to say that they hold.
const holdPatience = 5 * time.Second

// awaitHolds waits until the minions that are there hold what they are told to, so that whoever goes on finds them so; it tells of those
// that are away, and of those that have not answered.
func (a *app) awaitHolds(ctx context.Context, c *api.Client, p api.Pause, from uint64) error {
	minions, err := c.Minions(ctx, p.Tgt, p.TgtType)
	if err != nil {
		return err
	}
	waiting := map[string]bool{}
	for _, m := range minions {
		if m.Online {
			waiting[m.ID] = true
			continue
		}
		fmt.Fprintf(a.err, "%s is away: it holds as soon as it has a session\n", clean(m.ID))
	}
	ctx, cancel := context.WithTimeout(ctx, holdPatience)
	defer cancel()
	if len(waiting) > 0 {
		for l, err := range c.Events(ctx, api.Query{Tag: "brine/minion/*/holds", From: from, Follow: true}) {
			if err != nil {
				break
			}
			if l.Event != nil {
				delete(waiting, l.Event.Minion)
			}
			if len(waiting) == 0 {
				return nil
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(waiting)) {
		fmt.Fprintf(a.err, "%s has not said within %s that it holds\n", clean(id), holdPatience)
	}
	return nil
}

func ruleNamesOf(ctx context.Context, c *api.Client) ([]string, error) {
	r, err := c.Rules(ctx)
	names := make([]string, len(r.Rules))
	for i, rule := range r.Rules {
		names[i] = rule.Name
	}
	return names, err
}
