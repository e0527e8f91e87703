package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/job"
)

// keptOf is one line of what is kept, as programs see it.
type keptOf struct {
	Minion string `json:"minion"`
	job.Kept
}

// showKept lists what minions keep.
func (a *app) showKept(ctx context.Context, c *api.Client, sub api.Submitted, timeout time.Duration) error {
	var all []keptOf
	var errs []error
	w := newWaiting(sub)
	err := w.follow(ctx, c, timeout, func(ans answer) error {
		var list job.KeptList
		switch {
		case ans.Result == nil:
			errs = append(errs, fmt.Errorf("%s: %s", ans.Minion, ans.Lost))
		case !ans.Result.OK:
			errs = append(errs, fmt.Errorf("%s: %s", ans.Minion, ans.Result.Error))
		default:
			if err := ans.Result.Return.Decode(&list); err != nil {
				errs = append(errs, fmt.Errorf("%s: its answer cannot be read: %w", ans.Minion, err))
			}
		}
		for _, k := range list.Kept {
			all = append(all, keptOf{ans.Minion, k})
		}
		if list.More > 0 {
			fmt.Fprintf(a.err, "%s: %d older ones are not listed: name a path, a state or --job\n", clean(ans.Minion), list.More)
		}
		if list.Dropped > 0 {
			fmt.Fprintf(a.err, "%s: %d older ones were pushed out by newer ones since the minion started\n", clean(ans.Minion), list.Dropped)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(x, y keptOf) int { return strings.Compare(x.Minion, y.Minion) })
	if err := a.keptTable(all); err != nil {
		return err
	}
	if len(errs) > 0 {
		return failf("", "%v", errors.Join(errs...))
	}
	if silent := append(w.left(), w.sub.Offline...); len(silent) > 0 {
		return &failure{code: exitUnreachable, msg: "no answer from " + several(silent), hint: "`brine minion list` shows who is there"}
	}
	return nil
}

func (a *app) keptTable(all []keptOf) error {
	if done, err := machineList(a, all); done {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(a.err, "nothing is kept")
		return nil
	}
	t := newTable(a.out, a.colors(), "MINION", "PATH", "WHAT", "HASH", "SIZE", "WHEN", "WHY")
	for _, k := range all {
		hash, size := "-", "-"
		if k.What == "file" || k.What == "symlink" {
			hash, size = k.SHA256[:min(shortHash, len(k.SHA256))], strconv.FormatInt(k.Size, 10)
		}
		t.row(clean(k.Minion), oneLine(k.Path, summaryWidth), clean(k.What), clean(hash), size, showTime(k.When), oneLine(k.why(), summaryWidth))
	}
	return t.flush()
}

// shortHash is how many letters of a hash are shown: enough to name a content by.
const shortHash = 12

// why says in words what pushed it aside.
func (k keptOf) why() string {
	text := k.State
	switch {
	case k.Fun == job.StateUndo:
		text = "undone by job " + k.JID
	case k.JID != "":
		text += ", job " + k.JID
	case k.State != "":
		text += ", enforced"
	}
	if k.Unseen {
		text += ", it came in between"
	}
	return text
}
