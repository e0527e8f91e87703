package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"brine/internal/api"
	"brine/internal/event"

	"github.com/spf13/cobra"
)

// defaultEvents is how many events are listed when nothing is said.
const defaultEvents = 100

// eventFlags are what `event list` and `event watch` have in common.
type eventFlags struct {
	tag, minion string
}

func (f *eventFlags) add(a *app, cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.tag, "tag", "", "only tags that match this `pattern`: * is one segment or a part of one, ** any number")
	cmd.Flags().StringVar(&f.minion, "minion", "", "only events that minions sent whose id matches this `glob`")
	_ = cmd.RegisterFlagCompletionFunc("tag", a.asked(false, recentTags)) // fails for an unknown flag only
	_ = cmd.RegisterFlagCompletionFunc("minion", a.asked(false, minionIDs))
}

func (f *eventFlags) check() error {
	if f.tag == "" {
		return nil
	}
	if _, err := event.ParsePattern(f.tag); err != nil {
		return usagef("such as 'brine/beacon/**', in quotes so that the shell leaves it alone", "--tag: %v", err)
	}
	return nil
}

func newEventList(a *app) *cobra.Command {
	var f eventFlags
	var since, until string
	var from, to uint64
	var limit int
	var follow bool
	cmd := &cobra.Command{
		Use: "list", Short: "List events, the newest last", Args: exactly(0, ""),
		Long: `List events, the newest last. Without --from the last ones that match are shown, as many as --limit says; with it the first ones
from there on. The position in the first column names an event for show and trace, as does its id.`,
		Example: `  brine event list --since 1h --minion 'web*'
  brine event list --tag 'brine/job/**' --limit 20 -f
  brine event list --since 2026-11-05 --until '2026-11-05 12:00' -o json | jq .data`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if limit < 0 || limit > api.MaxLimit {
				return usagef("0 is for no limit", "--limit: %d is not from 0 to %d", limit, api.MaxLimit)
			}
			q := api.Query{Tag: f.tag, Minion: f.minion, From: from, To: to, Limit: limit}
			var err error
			if q.Since, err = parseWhen("since", since, a.now()); err != nil {
				return err
			}
			if q.Until, err = parseWhen("until", until, a.now()); err != nil {
				return err
			}
			if follow && (until != "" || to != 0) {
				return usagef("leave one of them out", "-f goes on for ever, --until and --to do not")
			}
			return a.listEvents(cmd.Context(), q, follow)
		},
	}
	f.add(a, cmd)
	flags := cmd.Flags()
	flags.StringVar(&since, "since", "", "only what came in at this `time` or later: 30m, 7d, or a date")
	flags.StringVar(&until, "until", "", "only what came in before this `time`")
	flags.Uint64Var(&from, "from", 0, "from this `position` on")
	flags.Uint64Var(&to, "to", 0, "up to this `position`")
	flags.IntVar(&limit, "limit", defaultEvents, "at most so many events; 0 for all")
	flags.BoolVarP(&follow, "follow", "f", false, "go on with what comes, until Ctrl-C")
	return cmd
}

// listEvents shows what the log holds, and follows it if told so.
func (a *app) listEvents(ctx context.Context, q api.Query, follow bool) error {
	c := a.client()
	defer c.Close()
	show := newEventShower(a)
	if q.From == 0 && q.Limit > 0 {
		next, err := a.lastEvents(ctx, c, q, show)
		if err != nil || !follow {
			return err
		}
		q = api.Query{Tag: q.Tag, Minion: q.Minion, From: next}
	}
	if follow {
		q.Limit = 0
	}
	q.Follow = follow
	return a.streamEvents(ctx, c, q, show)
}

// lastEvents shows the newest events that match, the newest last, and says where to go on.
func (a *app) lastEvents(ctx context.Context, c *api.Client, q api.Query, show *eventShower) (next uint64, err error) {
	q.Reverse = true
	var lines []api.Line
	for l, err := range c.Events(ctx, q) {
		if err != nil {
			return 0, err
		}
		if l.End != nil {
			next = l.End.Next
			break
		}
		lines = append(lines, l)
	}
	slices.Reverse(lines)
	for _, l := range lines {
		if err := show.line(l); err != nil {
			return 0, err
		}
	}
	return next, show.flush()
}

// streamEvents shows events as they come.
func (a *app) streamEvents(ctx context.Context, c *api.Client, q api.Query, show *eventShower) error {
	if q.Follow {
		if err := show.flush(); err != nil { // the header
			return err
		}
	}
	for l, err := range c.Events(ctx, q) {
		if err != nil {
			return err
		}
		if err := show.line(l); err != nil {
			return err
		}
		if q.Follow || show.pending >= 1000 {
			if err := show.flush(); err != nil {
				return err
			}
		}
	}
	return show.flush()
}

// eventShower shows events in the format that was asked for.
type eventShower struct {
	a       *app
	table   *table
	pending int
}

// Least widths of the columns, so that a stream does not jump while it begins.
const (
	posWidth    = 5
	timeWidth   = 23
	minionWidth = 8
	tagWidth    = 36
)

func newEventShower(a *app) *eventShower {
	s := &eventShower{a: a}
	if a.format == formatTable {
		s.table = newTable(a.out, a.colors(), "POS", "TIME", "MINION", "TAG", "WHAT")
		s.table.widths[0], s.table.widths[1], s.table.widths[2], s.table.widths[3] = posWidth, timeWidth, minionWidth, tagWidth
	}
	return s
}

func (s *eventShower) line(l api.Line) error {
	switch {
	case l.Damaged != "":
		if err := s.flush(); err != nil {
			return err
		}
		fmt.Fprintf(s.a.err, "warning: %s\n", clean(l.Damaged))
		return nil
	case l.Event == nil:
		return nil
	case s.table == nil:
		_, err := s.a.machine(l.Event)
		return err
	}
	e := l.Event
	paint := s.a.colors()
	s.table.row(strconv.FormatUint(e.Pos, 10), showTime(e.Time), who(*e), tagColor(paint, e.Tag), oneLine(summarize(*e), summaryWidth))
	s.pending++
	return nil
}

func (s *eventShower) flush() error {
	s.pending = 0
	if s.table == nil {
		return nil
	}
	return s.table.flush()
}

// who sent an event: a minion, or the master.
func who(e event.Event) string {
	if e.Minion == "" {
		return "master"
	}
	return e.Minion
}

// tagColor makes a tag easy to find.
func tagColor(p palette, tag string) string {
	tag = clean(tag)
	if event.IsReserved(tag) {
		return p.cyan(tag)
	}
	return p.bold(tag)
}
