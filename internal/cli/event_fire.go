package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"brine/internal/api"
	"brine/internal/config"
	"brine/internal/event"

	"github.com/spf13/cobra"
)

func newEventFire(a *app) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use: "fire TAG [KEY=VALUE ...]", Short: "Fire an event of your own", Args: atLeast(1, "the tag"),
		Long: `Fire an event, on the master or, with --socket /run/brine/minion.sock, on a minion's host. It returns when the event is on disk.
Values are read as in YAML: 5 is a number, yes is true, nothing is null; '"5"' is text. --data takes one JSON value: in place, from
@FILE, or from standard input with -.`,
		Example: `  brine event fire deploy/finished app=shop version=1.4.2
  brine event fire backup/done --data '{"bytes": 123456}'
  make-report | brine event fire report/done --data -`,
		ValidArgsFunction: a.asked(false, recentTags),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.eventData(data, args[1:])
			if err != nil {
				return err
			}
			c := a.client()
			defer c.Close()
			f, err := c.Fire(cmd.Context(), args[0], d)
			if err != nil {
				return err
			}
			return a.showFired(args[0], f)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data: `JSON`, @FILE, or - for standard input")
	return cmd
}

func (a *app) showFired(tag string, f api.Fired) error {
	if done, err := a.machine(f); done {
		return err
	}
	where := "kept on this minion, on its way to the master"
	if f.Pos > 0 {
		where = fmt.Sprintf("at position %d", f.Pos)
	}
	_, err := fmt.Fprintf(a.out, "fired %s: %s, %s\n", tag, f.ID, where)
	return err
}

// eventData makes the data of what --data and the arguments say. Arguments go into the map that --data gives.
func (a *app) eventData(text string, pairs []string) (event.Data, error) {
	value, err := a.dataValue(text)
	if err != nil || len(pairs) == 0 {
		return encodeData(value, err)
	}
	if value == nil {
		value = map[string]any{}
	}
	m, ok := value.(map[string]any)
	if !ok {
		return nil, usagef("leave out either", "--data gives no map that %q could stand in", pairs[0])
	}
	for _, p := range pairs {
		key, val, ok := strings.Cut(p, "=")
		if !ok || key == "" {
			return nil, usagef("such as version=1.4.2; --data takes JSON", "%q is not KEY=VALUE", p)
		}
		m[key] = config.ScalarValue(val)
	}
	return encodeData(m, nil)
}

func encodeData(v any, err error) (event.Data, error) {
	if err != nil {
		return nil, err
	}
	d, err := event.Encode(v)
	if err != nil {
		return nil, usagef("", "%v", err)
	}
	return d, nil
}

// dataValue reads what --data says.
func (a *app) dataValue(text string) (any, error) {
	if text == "" {
		return nil, nil
	}
	raw := []byte(text)
	var err error
	switch name, isFile := strings.CutPrefix(text, "@"); {
	case text == "-":
		raw, err = io.ReadAll(io.LimitReader(a.in, api.MaxBody+1))
	case isFile:
		raw, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, usagef("", "--data: %v", err)
	}
	if len(raw) > api.MaxBody {
		return nil, usagef("", "--data has more than %d bytes", api.MaxBody)
	}
	v, err := event.ParseJSON(raw)
	if err != nil {
		return nil, usagef(`such as --data '{"version": "1.4.2"}', in single quotes`, "--data is no JSON: %v", err)
	}
	return v, nil
}
