package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
)

// noSuchMinion is why nothing became of a job for an id of a list.
const noSuchMinion = "no accepted minion has this id"

// answer is what became of a job on one minion.
type answer struct {
	Minion string
	Result *job.Result
	Lost   string        // why there is no result: it expired, could not be carried out, was cancelled
	After  time.Duration // from the job to the result, both by the master's clock
}

// waiting follows the events of a job until everybody has answered who is there.
type waiting struct {
	sub     api.Submitted
	missing map[string]bool
	begun   time.Time // when the master made the job
}

func newWaiting(sub api.Submitted) *waiting {
	w := &waiting{sub: sub, missing: map[string]bool{}}
	for _, t := range sub.Targets {
		w.missing[t] = true
	}
	for _, t := range sub.Offline {
		delete(w.missing, t)
	}
	return w
}

// left are those who are there and have not answered, in order.
func (w *waiting) left() []string {
	var ids []string
	for _, t := range w.sub.Targets {
		if w.missing[t] {
			ids = append(ids, t)
		}
	}
	return ids
}

// follow hands each answer to on until nobody is missing or the time is up, which is no error.
func (w *waiting) follow(ctx context.Context, c *api.Client, timeout time.Duration, on func(answer) error) error {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if len(w.missing) == 0 {
		return nil
	}
	for l, err := range c.Events(ctx, api.Query{Tag: "brine/job/" + w.sub.JID + "/**", From: w.sub.From, Follow: true}) {
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			return err
		}
		if l.Event == nil {
			continue
		}
		ans, ok := w.read(*l.Event)
		if !ok {
			continue
		}
		delete(w.missing, ans.Minion)
		w.sub.Offline = slices.DeleteFunc(w.sub.Offline, func(id string) bool { return id == ans.Minion })
		if err := on(ans); err != nil {
			return err
		}
		if len(w.missing) == 0 {
			return nil
		}
	}
	return outer.Err()
}

// read makes an answer of an event of the job: brine/job/<jid>/new|ret/<id>|expired/<id>|dead/<id>|cancelled/<id>.
func (w *waiting) read(e event.Event) (answer, bool) {
	seg := strings.Split(e.Tag, "/")
	if len(seg) == 4 && seg[3] == "new" {
		w.begun = e.Received
	}
	if len(seg) != 5 || !slices.Contains(w.sub.Targets, seg[4]) {
		return answer{}, false
	}
	ans := answer{Minion: seg[4], After: e.Received.Sub(w.begun)}
	if r, ok := resultOf(e); ok {
		ans.Result = &r
		return ans, true
	}
	var lost struct {
		Error string `json:"error"`
	}
	if ans.Lost = seg[3]; e.Data.Decode(&lost) == nil && lost.Error != "" {
		ans.Lost = lost.Error
	}
	return ans, true
}
