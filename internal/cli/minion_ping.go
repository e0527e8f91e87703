package cli

import (
	"context"
	"time"

	"brine/internal/api"
	"brine/internal/job"

	"github.com/spf13/cobra"
)

func newMinionPing(a *app) *cobra.Command {
	var tgtType string
	timeout := duration(10 * time.Second)
	cmd := &cobra.Command{
		Use: "ping TARGET", Short: "Ask minions for a sign of life", Args: exactly(1, "the target"),
		Long: `Send a job to minions and wait for its result: it takes the way that all jobs take, through the log of both sides.
Exit code 1 if somebody did not answer.`,
		Example:           "  brine minion ping '*'\n  brine minion ping web1,web2 --tgt-type list --timeout 3s",
		ValidArgsFunction: a.asked(false, minionIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := a.client()
			defer c.Close()
			sub, err := c.Submit(cmd.Context(), api.Submit{Fun: job.TestPing, Tgt: args[0], TgtType: tgtType, TTL: api.Duration(timeout)})
			if err != nil {
				return err
			}
			return a.ping(cmd.Context(), c, sub, time.Duration(timeout))
		},
	}
	addTgtType(cmd, &tgtType)
	cmd.Flags().Var(&timeout, "timeout", "how long to wait")
	return cmd
}

// pong is an answer as programs see it.
type pong struct {
	Minion string        `json:"minion"`
	OK     bool          `json:"ok"`
	After  time.Duration `json:"after_ns,omitempty"`
	Error  string        `json:"error,omitempty"`
}

func (a *app) ping(ctx context.Context, c *api.Client, sub api.Submitted, timeout time.Duration) error {
	var pongs []pong
	w := newWaiting(sub)
	err := w.follow(ctx, c, timeout, func(ans answer) error {
		p := pong{Minion: ans.Minion, After: ans.After, Error: ans.Lost}
		if ans.Result != nil {
			p.OK, p.Error = ans.Result.OK, ans.Result.Error
		}
		pongs = append(pongs, p)
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range w.left() {
		pongs = append(pongs, pong{Minion: id, Error: "no answer in " + shortDuration(timeout)})
	}
	for _, id := range w.sub.Offline {
		pongs = append(pongs, pong{Minion: id, Error: "offline"})
	}
	for _, id := range w.sub.Unknown {
		pongs = append(pongs, pong{Minion: id, Error: noSuchMinion})
	}
	return a.showPongs(pongs)
}

func (a *app) showPongs(pongs []pong) error {
	silent := 0
	for _, p := range pongs {
		if !p.OK {
			silent++
		}
	}
	done, err := machineList(a, pongs)
	if !done {
		paint := a.colors()
		t := newTable(a.out, paint, "ID", "ANSWER")
		for _, p := range pongs {
			text := paint.green(millis(p.After))
			if !p.OK {
				text = paint.red(oneLine(p.Error, summaryWidth))
			}
			t.row(clean(p.Minion), text)
		}
		err = t.flush()
	}
	if err == nil && silent > 0 {
		return failf("", "%d of %s did not answer", silent, plural(len(pongs), "minion"))
	}
	return err
}
