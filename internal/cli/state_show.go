package cli

import (
	"fmt"
	"strings"

	"brine/internal/job"
)

// showApplied shows what a minion did: only the states that changed something or failed, and how many were as wanted.
func (a *app) showApplied(ap applied) error {
	if done, err := a.machine(ap); done {
		return err
	}
	p := a.colors()
	name := p.bold(clean(ap.Minion))
	r := ap.Result
	if r == nil {
		text := p.yellow(ap.Error)
		if ap.Status == "lost" {
			text = p.red("not done: " + strings.ReplaceAll(clean(ap.Error), "\n", "\n  ")) // a state file may have several faults
		}
		_, err := fmt.Fprintf(a.out, "%s  %s\n\n", name, text)
		return err
	}
	text := outcome(*r)
	switch {
	case !r.OK && len(r.States) > 0:
		text = p.red(failedStates(*r))
	case !r.OK:
		text = p.red(clean(text))
	case r.Changed():
		text = p.yellow(text)
	default:
		text = p.green(text)
	}
	fmt.Fprintf(a.out, "%s  %s\n", name, text)
	for _, s := range r.States {
		a.showState(p, s, r.Test)
	}
	a.showUndone(p, *r)
	if r.Fun == job.CmdRun {
		a.showRan(p, *r)
	}
	_, err := fmt.Fprintln(a.out)
	return err
}

func failedStates(r job.Result) string {
	n := 0
	for _, s := range r.States {
		if !s.OK {
			n++
		}
	}
	return fmt.Sprintf("failed in %s, took %s", states(n, len(r.States)), millis(r.Took))
}

func (a *app) showState(p palette, s job.StateResult, test bool) {
	if s.OK && len(s.Changes) == 0 {
		return
	}
	key := clean(s.Fun + ": " + s.Name)
	switch {
	case !s.OK:
		fmt.Fprintf(a.out, "  %s %s  %s\n", p.red("failed "), key, p.dim("("+clean(s.SLS)+")"))
		fmt.Fprint(a.out, indent(p.red(clean(s.Comment))+"\n", "          "))
	case test:
		fmt.Fprintf(a.out, "  %s %s: %s\n", p.yellow("would  "), key, clean(changesText(s.Changes)))
	default:
		fmt.Fprintf(a.out, "  %s %s: %s\n", p.yellow("changed"), key, clean(changesText(s.Changes)))
	}
	for _, c := range s.Changes {
		if c.Diff == "" {
			continue
		}
		for _, l := range diffLines(p, c.Diff) {
			fmt.Fprintf(a.out, "          %s\n", l)
		}
	}
}
