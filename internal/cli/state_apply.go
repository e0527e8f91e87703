package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/job"

	"github.com/spf13/cobra"
)

func newStateApply(a *app) *cobra.Command {
	var tgtType string
	var test bool
	timeout, ttl := duration(5*time.Minute), duration(api.DefaultTTL)
	cmd := &cobra.Command{
		Use: "apply TARGET [SLS ...]", Short: "Apply states to minions: the named ones, or the highstate", Args: atLeast(1, "the target"),
		Long: `Apply states to minions: the named SLS, or without any the highstate, which is what top.sls has for them. It waits for those who are
there. For those who are not the job waits, for as long as --ttl says, and is compiled when they return.
Exit code 1 if a state failed; 3 if somebody has not answered.`,
		Example: `  brine state apply web1 motd
  brine state apply 'web*' --test
  brine state apply web1,db1 users sshd --tgt-type list --timeout 10m`,
		ValidArgsFunction: a.asked(false, minionIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := a.client()
			defer c.Close()
			sub, err := c.Submit(cmd.Context(), api.Submit{Fun: job.StateApply, Tgt: args[0], TgtType: tgtType, TTL: api.Duration(ttl),
				Args: job.Args{SLS: args[1:], Test: test}})
			if err != nil {
				return err
			}
			return a.await(cmd.Context(), c, sub, time.Duration(timeout))
		},
	}
	addTgtType(cmd, &tgtType)
	flags := cmd.Flags()
	flags.BoolVar(&test, "test", false, "say what would change, and change nothing")
	flags.Var(&timeout, "timeout", "how long to wait for results; the job goes on all the same")
	flags.Var(&ttl, "ttl", "how long the job waits for a minion that is away")
	return cmd
}

// applied is what became of a state.apply on one minion, as programs see it.
type applied struct {
	JID    string      `json:"jid"`
	Minion string      `json:"minion"`
	Status string      `json:"status"` // done, lost, queued (it is offline), running (no answer in time)
	Error  string      `json:"error,omitempty"`
	Result *job.Result `json:"result,omitempty"`
}

// tally counts how it went.
type tally struct {
	changed, same, done, failed, queued, running int
	test                                         bool
}

// await shows what comes of a job, as it comes.
func (a *app) await(ctx context.Context, c *api.Client, sub api.Submitted, timeout time.Duration) error {
	w := newWaiting(sub)
	progress := newProgress(a, len(w.missing))
	var sum tally
	same := newSameReasons()
	err := w.follow(ctx, c, timeout, func(ans answer) error {
		progress.clear()
		sum.add(ans)
		if a.format == formatTable && same.repeated(ans) {
			return nil
		}
		err := a.showApplied(applied{JID: sub.JID, Minion: ans.Minion, Status: ans.status(), Error: ans.Lost, Result: ans.Result})
		progress.show(len(w.missing), w.left())
		return err
	})
	progress.clear()
	if ctx.Err() != nil {
		fmt.Fprintf(a.err, "hint: the job goes on: `brine job show %s`\n", sub.JID)
	}
	if err != nil {
		return err
	}
	same.show(a)
	for _, id := range w.left() {
		sum.running++
		if err := a.showApplied(applied{JID: sub.JID, Minion: id, Status: "running", Error: "no answer in " + shortDuration(timeout)}); err != nil {
			return err
		}
	}
	for _, id := range w.sub.Offline {
		sum.queued++
		if err := a.showApplied(applied{JID: sub.JID, Minion: id, Status: "queued", Error: "offline: the job waits for it"}); err != nil {
			return err
		}
	}
	for _, id := range w.sub.Unknown {
		sum.failed++
		if err := a.showApplied(applied{JID: sub.JID, Minion: id, Status: "lost", Error: noSuchMinion}); err != nil {
			return err
		}
	}
	if a.format == formatTable {
		fmt.Fprintln(a.out, sum.text(sub.JID))
	}
	return sum.exit()
}

func (ans answer) status() string {
	if ans.Result == nil {
		return "lost"
	}
	return "done"
}

func (t *tally) add(ans answer) {
	switch {
	case ans.Result == nil || !ans.Result.OK:
		t.failed++
	case ans.Result.Changed():
		t.changed++
		t.test = t.test || ans.Result.Test
	case ans.Result.Fun == job.CmdRun:
		t.done++
	default:
		t.same++
	}
}

// text is the last line: "3 minions: 1 changed, 1 as wanted, 1 queued   job ...".
func (t *tally) text(jid string) string {
	var parts []string
	part := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	changed := "changed"
	if t.test {
		changed = "would change"
	}
	part(t.changed, changed)
	part(t.same, "as wanted")
	part(t.done, "done")
	part(t.failed, "failed")
	part(t.running, "not answered")
	part(t.queued, "queued")
	all := t.changed + t.same + t.done + t.failed + t.running + t.queued
	return fmt.Sprintf("%s: %s   (job %s)", plural(all, "minion"), strings.Join(parts, ", "), jid)
}

func (t *tally) exit() error {
	switch {
	case t.failed > 0:
		return failed()
	case t.running+t.queued > 0:
		return late()
	}
	return nil
}
