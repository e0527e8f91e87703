package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/ruletest"
	"brine/reactors"

	"github.com/spf13/cobra"
)

// maxJobsExplained bounds the jobs whose status is looked up for one verdict.
const maxJobsExplained = 50

func newReactorExplain(a *app) *cobra.Command {
	var rule string
	cmd := &cobra.Command{
		Use: "explain EVENT", Short: "Say what each rule made of an event, and why", Args: exactly(1, "the event's id or position"),
		Long: `Say what each rule made of an event whose pattern matched its tag: that it fired, with its steps and jobs; or why it did not: the part of
its condition that was false, with the values it saw, what it still waits for, what held it back. --rule asks about one rule, and also says where
the tag differs from its pattern.

Verdicts are those of the moment in which the event was taken in; only a pattern that did not match is that of the rule as it is now.`,
		Example: "  brine reactor explain 42\n  brine reactor explain web1:k3f7a2mc:42 --rule restore-motd",
		RunE: func(cmd *cobra.Command, args []string) error {
			c := a.client()
			defer c.Close()
			e, err := c.Explain(cmd.Context(), args[0], rule)
			if err != nil {
				return err
			}
			if done, err := a.machine(e); done {
				return err
			}
			return a.showExplained(cmd.Context(), c, e)
		},
	}
	cmd.Flags().StringVar(&rule, "rule", "", "one `rule`, also if its pattern did not match")
	_ = cmd.RegisterFlagCompletionFunc("rule", a.asked(true, ruleNamesOf))
	return cmd
}

func (a *app) showExplained(ctx context.Context, c *api.Client, e api.Explained) error {
	p := a.colors()
	fmt.Fprintf(a.out, "%s\n", p.bold(clean(e.Event.Tag)))
	fmt.Fprintf(a.out, "%s, position %d, %s\n", e.Event.ID, e.Event.Pos, showTime(e.Event.Received))
	if len(e.Verdicts)+len(e.Passed) == 0 {
		fmt.Fprintln(a.out, "no rule in force had a pattern that matches its tag")
		return nil
	}
	for _, v := range e.Verdicts {
		fmt.Fprintf(a.out, "\n%s %s: %s\n", outcomeColor(p, v.Outcome), p.bold(clean(v.Rule)), clean(v.Why))
		if v.Bound != "" {
			fmt.Fprintf(a.out, "  %s\n", p.red("a bound was met: "+clean(v.Bound)))
		}
		lines, err := verdictLines(ctx, c, p, e.Event, v)
		if err != nil {
			return err
		}
		for _, l := range lines {
			fmt.Fprintln(a.out, "  "+l)
		}
	}
	for _, r := range e.Passed {
		fmt.Fprintf(a.out, "\n%s %s: the event passed it by\n", p.dim("not asked"), p.bold(clean(r.Rule)))
		for _, why := range r.Why {
			fmt.Fprintln(a.out, "  "+clean(why))
		}
	}
	return nil
}

func outcomeColor(p palette, outcome string) string {
	switch reactors.Outcome(outcome) {
	case reactors.Fired:
		return p.green(outcome)
	case reactors.Error, reactors.Deep:
		return p.red(outcome)
	case reactors.Paused, reactors.Suspended, reactors.Shadow, reactors.Throttled, reactors.Waiting:
		return p.yellow(outcome)
	}
	return p.dim(clean(outcome))
}

// verdictLines say what a verdict led to, or would have.
func verdictLines(ctx context.Context, c *api.Client, p palette, e event.Event, v api.Verdict) (lines []string, err error) {
	if v.Run != "" {
		run, err := c.Run(ctx, v.Run, e.ID)
		if err != nil && !api.IsNotFound(err) {
			return nil, err
		}
		for _, s := range run.Steps {
			text := clean(stepText(s))
			if s.JID != "" && s.Fun != job.EventFire {
				text += ", job " + s.JID
			}
			lines = append(lines, text)
		}
		if err == nil {
			return lines, nil
		}
	}
	lines = append(actLines("", v.Decisions, e.Minion), actLines("would: ", v.Would, e.Minion)...)
	if len(v.Causes) > 0 {
		lines = append(lines, "with "+plural(len(v.Causes), "event")+" from before: "+idList(v.Causes))
	}
	for i, jid := range v.Jobs {
		if i == maxJobsExplained {
			return append(lines, fmt.Sprintf("and %d jobs more", len(v.Jobs)-i)), nil
		}
		targets, err := c.Job(ctx, jid)
		if api.IsNotFound(err) {
			lines = append(lines, "job "+jid+": no longer known")
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, j := range targets {
			lines = append(lines, fmt.Sprintf("job %s on %s: %s", jid, clean(j.Target), jobStatus(p, j)))
		}
	}
	for _, jid := range v.Merged {
		lines = append(lines, "joined job "+jid+", which was waiting to do the same")
	}
	for _, id := range v.Fired {
		lines = append(lines, "event "+clean(id))
	}
	return lines, nil
}

// actLines say what decisions do.
func actLines(before string, decisions []json.RawMessage, minion string) (lines []string) {
	for _, raw := range decisions {
		var d reactors.Decision
		if json.Unmarshal(raw, &d) != nil {
			continue // of another version
		}
		label := fmt.Sprintf("step %d, ", d.Step+1)
		if d.OnFailure {
			label = fmt.Sprintf("on_failure step %d, ", d.Step-reactors.FailureStep+1)
		}
		if d.Late {
			lines = append(lines, before+label+d.Fun+", made of what earlier steps give")
			continue
		}
		lines = append(lines, before+label+clean(ruletest.Act{Decision: d}.Line(minion)))
	}
	return lines
}

func idList(ids []event.ID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return strings.Join(texts, ", ")
}
