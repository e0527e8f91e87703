package cli

import (
	"context"
	"fmt"
	"time"

	"brine/internal/api"
	"brine/internal/job"

	"github.com/spf13/cobra"
)

func newBeaconList(a *app) *cobra.Command {
	var tgtType string
	timeout := duration(10 * time.Second)
	cmd := &cobra.Command{
		Use: "list [TARGET]", Short: "Ask minions which beacons they run, and how these are", Args: between(0, 1, ""),
		Long: `Ask minions which beacons they run, from which file, and how these are.

  running     it watches
  starting    it waits for the one before it, with other options, to end
  restarting  it failed, and is started again after a while
  stuck       it did not end when it was asked to, several times; it is not started again before the minion is
  disabled    its options say "enabled: false"
  refused     its options, from the master, are not what this minion can take

Exit code 1 if one is not well, or somebody did not answer.`,
		Example: `  brine beacon list
  brine beacon list 'web*'
  brine beacon list -o json | jq 'select(.state != "running")'`,
		ValidArgsFunction: a.asked(false, minionIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			tgt := "*"
			if len(args) > 0 {
				tgt = args[0]
			}
			c := a.client()
			defer c.Close()
			sub, err := c.Submit(cmd.Context(), api.Submit{Fun: job.BeaconsNow, Tgt: tgt, TgtType: tgtType, TTL: api.Duration(timeout)})
			if err != nil {
				return err
			}
			return a.listBeacons(cmd.Context(), c, sub, time.Duration(timeout))
		},
	}
	addTgtType(cmd, &tgtType)
	cmd.Flags().Var(&timeout, "timeout", "how long to wait")
	return cmd
}

// beaconRow is one beacon of one minion as programs see it, or why there is nothing to say of the minion.
type beaconRow struct {
	Minion string `json:"minion"`
	*job.BeaconHealth
	Silent string `json:"silent,omitempty"` // why the minion did not answer
}

func (a *app) listBeacons(ctx context.Context, c *api.Client, sub api.Submitted, timeout time.Duration) error {
	byMinion := map[string][]beaconRow{}
	silent := func(id, why string) { byMinion[id] = []beaconRow{{Minion: id, Silent: why}} }
	w := newWaiting(sub)
	err := w.follow(ctx, c, timeout, func(ans answer) error {
		var list job.BeaconList
		switch {
		case ans.Result == nil:
			silent(ans.Minion, ans.Lost)
		case !ans.Result.OK:
			silent(ans.Minion, ans.Result.Error)
		default:
			if err := ans.Result.Return.Decode(&list); err != nil {
				silent(ans.Minion, "its answer cannot be read: "+err.Error())
				break
			}
			rows := []beaconRow{}
			for _, h := range list.Beacons {
				rows = append(rows, beaconRow{Minion: ans.Minion, BeaconHealth: &h})
			}
			byMinion[ans.Minion] = rows
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range w.left() {
		silent(id, "no answer in "+shortDuration(timeout))
	}
	for _, id := range w.sub.Offline {
		silent(id, "offline")
	}
	var rows []beaconRow
	for _, id := range sub.Targets {
		rows = append(rows, byMinion[id]...)
	}
	return a.showBeacons(rows)
}

func (a *app) showBeacons(rows []beaconRow) error {
	ill := 0
	for _, r := range rows {
		if r.BeaconHealth == nil || !r.Well() {
			ill++
		}
	}
	done, err := machineList(a, rows)
	switch {
	case done:
	case len(rows) == 0:
		fmt.Fprintln(a.err, "no beacon runs there")
	default:
		err = a.beaconTable(rows)
	}
	if err == nil && ill > 0 {
		return failed()
	}
	return err
}

func (a *app) beaconTable(rows []beaconRow) error {
	p := a.colors()
	t := newTable(a.out, p, "MINION", "BEACON", "STATE", "FIRED", "LAST", "FROM", "WHY")
	for _, r := range rows {
		if r.BeaconHealth == nil {
			t.row(clean(r.Minion), "-", p.red("silent"), "-", "-", "-", oneLine(r.Silent, summaryWidth))
			continue
		}
		state, last, name := p.green(r.State), "-", clean(r.Name)
		switch {
		case !r.Well():
			state = p.red(oneLine(r.State, 20))
		case r.State != job.BeaconRunning:
			state = p.yellow(r.State)
		}
		if r.LastFired != nil {
			last = showTime(*r.LastFired)
		}
		if r.Kind != "" && r.Kind != r.Name {
			name += " (" + clean(r.Kind) + ")"
		}
		t.row(clean(r.Minion), name, state, fmt.Sprint(r.Fired), last, oneLine(r.From, summaryWidth), oneLine(beaconWhy(r.BeaconHealth), summaryWidth))
	}
	return t.flush()
}

// beaconWhy is what there is to say of a beacon in half a sentence.
func beaconWhy(h *job.BeaconHealth) string {
	why := h.Error
	if h.Failures > 1 {
		why = fmt.Sprintf("failed %d times: %s", h.Failures, why)
	}
	if h.LeftBehind > 0 {
		why = fmt.Sprintf("%s (%s did not end)", why, plural(h.LeftBehind, "run"))
	}
	if why == "" && h.HeldBack > 0 {
		why = fmt.Sprintf("fires more than it may: %s had to wait", plural(int(h.HeldBack), "event"))
	}
	return why
}
