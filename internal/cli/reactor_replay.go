package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"brine/internal/api"
	"brine/internal/ruletest"
	"brine/reactors"

	"github.com/spf13/cobra"
)

// Bounds of a replay.
const (
	replayPage   = 5000 // events asked for at once, so that a slow replay holds up nobody
	replayTold   = 20_000
	replayNamed  = 20 // minions in a line
	defaultSince = "24h"
)

func newReactorReplay(a *app) *cobra.Command {
	var rules []string
	var since, until, rule string
	cmd := &cobra.Command{
		Use: "replay --rules PATH [--since TIME]", Short: "Say what a proposed set of rules would have decided about what happened", Args: exactly(0, ""),
		Long: `Show the stored events to a proposed set of rules and to the set in force, and compare what they decide. Nothing is carried out: this
command reads the events and decides by itself, and the master only hands them over.

Both sets begin without a history, and with the grains that minions have now. Events that rules fired are left out of the log, for both sets
make them anew; so are pauses. What came of jobs stays as it was, and steps succeed.`,
		Example: "  brine reactor replay --rules ./reactors --since 7d\n  brine reactor replay --rules new.yaml --since 2h --rule restore-motd -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(rules) == 0 {
				return usagef("the proposed rules: brine reactor replay --rules ./reactors --since 7d", "--rules is missing")
			}
			q := api.Query{}
			var err error
			if q.Since, err = parseWhen("since", since, a.now()); err != nil {
				return err
			}
			if q.Until, err = parseWhen("until", until, a.now()); err != nil {
				return err
			}
			if !q.Until.IsZero() && !q.Since.Before(q.Until) {
				return usagef("", "--since lies after --until")
			}
			files, err := readRules(rules)
			if err != nil {
				return err
			}
			return a.replay(cmd.Context(), files, q, rule)
		},
	}
	cmd.Flags().StringSliceVar(&rules, "rules", nil, "the proposed rules: `files` and folders; all rules that are to be in force")
	cmd.Flags().StringVar(&since, "since", defaultSince, "from this `time` on, or for so long back: 30m, 7d")
	cmd.Flags().StringVar(&until, "until", "", "up to this `time`; now when it is not said")
	cmd.Flags().StringVar(&rule, "rule", "", "show one `rule` only")
	return cmd
}

func (a *app) replay(ctx context.Context, files []reactors.Source, q api.Query, rule string) error {
	c := a.client()
	defer c.Close()
	proposed, faults := loadRules(files)
	if len(faults) > 0 {
		return failf("`brine reactor lint` checks files", "the proposed rules have faults:\n%v", faults.Err())
	}
	inForce, err := rulesInForce(ctx, c)
	if err != nil {
		return err
	}
	if rule != "" && !proposed.Has(rule) && !inForce.Has(rule) {
		return failf("", "neither set has a rule %q", rule)
	}
	world, err := grainsNow(ctx, c)
	if err != nil {
		return err
	}
	if q.Until.IsZero() {
		q.Until = a.now()
	}
	r := ruletest.NewReplay(inForce, proposed, world)
	if err := a.readLog(ctx, c, q, r); err != nil {
		return err
	}
	if err := r.End(q.Until); err != nil {
		return failf("", "%v", err)
	}
	changes := r.Changes()
	if rule != "" {
		changes = slices.DeleteFunc(changes, func(c ruletest.Change) bool { return c.Rule != rule })
	}
	if done, err := machineList(a, changes); done {
		return err
	}
	a.showReplay(r, q, changes, rule != "")
	return nil
}

// rulesInForce are the master's rules, checked here.
func rulesInForce(ctx context.Context, c *api.Client) (*reactors.Set, error) {
	files, err := c.RuleFiles(ctx)
	if err != nil {
		return nil, err
	}
	sources := make([]reactors.Source, len(files))
	for i, f := range files {
		sources[i] = reactors.Source{Name: f.Name, Text: []byte(f.Text)}
	}
	set, faults := loadRules(sources)
	if len(faults) > 0 {
		return nil, failf("master and brine should be of one version", "this brine does not take the rules that are in force:\n%v", faults.Err())
	}
	return set, nil
}

// grainsNow asks for the grains of all minions.
func grainsNow(ctx context.Context, c *api.Client) (reactors.World, error) {
	minions, err := c.Minions(ctx, "*", "")
	if err != nil {
		return reactors.World{}, err
	}
	grains := make(map[string]map[string]any, len(minions))
	for _, m := range minions {
		v, err := m.Grains.Value()
		if g, ok := v.(map[string]any); ok && err == nil {
			grains[m.ID] = g
		}
	}
	return reactors.World{Grains: func(id string) map[string]any { return grains[id] }}, nil
}

// readLog shows the replay what the log holds, a page at a time, up to the end that the log has now.
func (a *app) readLog(ctx context.Context, c *api.Client, q api.Query, r *ruletest.Replay) error {
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	q.From, q.To, q.Limit = max(status.First, 1), status.Last, replayPage
	p := newCounter(a)
	defer p.clear()
	for seen := 0; q.From <= q.To; {
		next, got := q.From, 0
		for line, err := range c.Events(ctx, q) {
			switch {
			case err != nil && line.Damaged == "":
				return err
			case line.Damaged != "":
				fmt.Fprintf(a.err, "passed over: %s\n", clean(line.Damaged))
			case line.Event != nil:
				got++
				next = line.Event.Pos + 1
				if err := r.Show(*line.Event); err != nil {
					return failf("", "at event %s: %v", line.Event.ID, err)
				}
			case line.End != nil:
				next = max(next, line.End.Next)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if got == 0 || next <= q.From {
			return nil
		}
		seen += got
		p.show(seen, uint64(next-status.First), status.Last-status.First+1)
		q.From = next
	}
	return nil
}

// counter tells on a terminal how far a long reading is.
type counter struct {
	out  io.Writer
	on   bool
	last int
}

func newCounter(a *app) *counter {
	return &counter{out: a.err, on: isTerminal(a.err) && a.format == formatTable}
}

func (p *counter) show(events int, done, all uint64) {
	if p.on && events-p.last >= replayTold {
		p.last = events
		fmt.Fprintf(p.out, "\r\x1b[K%d events, %d %% of the log", events, min(100*done/max(all, 1), 100))
	}
}

func (p *counter) clear() {
	if p.on {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func (a *app) showReplay(r *ruletest.Replay, q api.Query, changes []ruletest.Change, all bool) {
	fmt.Fprintf(a.out, "%s from %s to %s, with the grains of now\n", plural(r.Events, "event"), showTime(q.Since), showTime(q.Until))
	p := a.colors()
	same := 0
	for _, c := range changes {
		if c.Kind == ruletest.Same && !all {
			same++
			continue
		}
		fmt.Fprintln(a.out, changeText(p, c))
		for _, more := range []struct {
			what string
			ids  []string
		}{{"fires for", c.More}, {"no longer for", c.Less}} {
			if c.Kind == ruletest.Differs && len(more.ids) > 0 {
				fmt.Fprintf(a.out, "  %s %s\n", more.what, strings.Join(more.ids, ", "))
			}
		}
		if c.Proposed.Errors > 0 {
			fmt.Fprintf(a.out, "  %s\n", p.red(fmt.Sprintf("fails %s: %s", often(c.Proposed.Errors), clean(c.Proposed.Error))))
		}
	}
	if same > 0 {
		fmt.Fprintf(a.out, "%s would decide as now\n", plural(same, "rule"))
	}
}

// changeText says how a rule would decide: "restore-motd would fire 14 times (now 3 times), on 11 minions: web1, web2".
func changeText(p palette, c ruletest.Change) string {
	name := p.bold(clean(c.Rule))
	n := often(c.Proposed.Fires)
	where := ""
	if len(c.Minions) > 0 {
		where = ", on " + plural(len(c.Minions), "minion") + ": " + strings.Join(c.Minions[:min(len(c.Minions), replayNamed)], ", ")
		if more := len(c.Minions) - replayNamed; more > 0 {
			where += fmt.Sprintf(" and %d more", more)
		}
	}
	if c.Proposed.Shadow > 0 {
		where += " (in shadow mode)"
	}
	switch c.Kind {
	case ruletest.New:
		return fmt.Sprintf("%s is new: it would fire %s%s", name, n, where)
	case ruletest.Removed:
		return fmt.Sprintf("%s is removed: it fires %s now", name, often(c.Now.Fires))
	case ruletest.Same:
		return fmt.Sprintf("%s would fire %s, as now%s", name, n, where)
	}
	if c.Proposed.Fires == c.Now.Fires {
		return fmt.Sprintf("%s would fire %s, as often as now, but not the same%s", name, n, where)
	}
	return fmt.Sprintf("%s would fire %s (now %s)%s", name, n, often(c.Now.Fires), where)
}

// often is a number of times.
func often(n int) string {
	if n == 0 {
		return "never"
	}
	return times(uint64(n))
}
