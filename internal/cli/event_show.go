package cli

import (
	"fmt"
	"strings"

	"brine/internal/config"
	"brine/internal/event"

	"github.com/spf13/cobra"
)

func newEventShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show EVENT", Short: "Show one event with its data", Args: exactly(1, "the event's id or position"),
		Example: "  brine event show 42\n  brine event show web1:k3f7a2mc:42 -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			c := a.client()
			defer c.Close()
			e, err := c.Event(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if done, err := a.machine(e); done {
				return err
			}
			return a.showEvent(e)
		},
	}
}

func (a *app) showEvent(e event.Event) error {
	var causes []string
	for _, id := range e.Causes {
		causes = append(causes, id.String())
	}
	facts := []string{
		"id", e.ID.String(),
		"position", fmt.Sprint(e.Pos),
		"tag", tagColor(a.colors(), e.Tag),
		"observed", showTime(e.Time),
		"received", showTime(e.Received) + afterwards(e),
		"minion", e.Minion,
		"by", e.By,
		"causes", strings.Join(causes, ", "),
	}
	if e.Own {
		facts = append(facts, "own", "yes: Brine's own correction made the change")
	}
	if err := a.facts(facts...); err != nil {
		return err
	}
	data, err := config.Marshal(e.Data)
	if err != nil {
		return err
	}
	if len(e.Data) == 0 {
		return nil
	}
	_, err = fmt.Fprintf(a.out, "data\n%s", indent(clean(string(data)), "  "))
	return err
}

// afterwards is how long an event of a minion's took to the log, by two clocks.
func afterwards(e event.Event) string {
	if e.Minion == "" {
		return ""
	}
	return fmt.Sprintf(" (%s later, by the two clocks)", millis(e.Received.Sub(e.Time)))
}

// facts shows names and their values, without the empty ones.
func (a *app) facts(pairs ...string) error {
	widest := 0
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			widest = max(widest, len(pairs[i]))
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		name := a.colors().dim(fmt.Sprintf("%-*s", widest, pairs[i]))
		if _, err := fmt.Fprintf(a.out, "%s  %s\n", name, pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// indent puts prefix before every line.
func indent(s, prefix string) string {
	lines := strings.SplitAfter(s, "\n")
	var b strings.Builder
	for _, l := range lines {
		if l != "" {
			b.WriteString(prefix + l)
		}
	}
	return b.String()
}
