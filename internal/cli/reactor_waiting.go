package cli

import (
	"fmt"

	"brine/internal/api"

	"github.com/spf13/cobra"
)

// newReactorWindows stands in no reactor_windows.go: that would be compiled for Windows alone.
func newReactorWindows(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "windows [RULE]", Short: "List what rules wait for and hold back", Args: between(0, 1, ""),
		Long: `List the open windows of a rule, or of all: what a condition over several events has seen and still misses, what should have come
by when, and what throttles hold back until when. BY is the value of the rule's by that the window is for.`,
		Example: `  brine reactor windows
  brine reactor windows restore-hosts
  brine reactor windows -o json | jq 'select(.held > 0)'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			rule := ""
			if len(args) > 0 {
				rule = args[0]
			}
			c := a.client()
			defer c.Close()
			w, err := c.Windows(cmd.Context(), rule)
			if err != nil {
				return err
			}
			if done, err := machineList(a, w.Windows); done {
				return err
			}
			return a.showWindows(w)
		},
	}
}

func (a *app) showWindows(w api.Windows) error {
	if len(w.Windows) == 0 {
		fmt.Fprintln(a.err, "no window is open")
		return nil
	}
	t := newTable(a.out, a.colors(), "RULE", "KIND", "BY", "SEEN", "HELD", "UNTIL", "WAITS")
	for _, x := range w.Windows {
		until, seen := "-", fmt.Sprint(x.Seen)
		if x.Until != nil {
			until = showTime(*x.Until)
		}
		if x.Want > 0 {
			seen = fmt.Sprintf("%d of %d", x.Seen, x.Want)
		}
		key := x.Key
		if len(x.By) == 0 {
			key = "-"
		}
		t.row(clean(x.Rule), clean(x.Kind), oneLine(key, 40), seen, fmt.Sprint(x.Held), until, oneLine(x.Waits, summaryWidth))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if w.More > 0 {
		fmt.Fprintf(a.err, "and %d more; name a rule to see its own\n", w.More)
	}
	return nil
}
