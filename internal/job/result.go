package job

import (
	"time"

	"brine/internal/event"
)

// Result is what came of one job on one minion: the data of the event brine/job/<jid>/ret/<minion>.
type Result struct {
	JID     string        `json:"jid"`
	Attempt int           `json:"attempt"`
	Fun     string        `json:"fun"`
	OK      bool          `json:"ok"`
	Test    bool          `json:"test,omitempty"`
	Error   string        `json:"error,omitempty"`   // why nothing was run, or the first failure
	Refused bool          `json:"refused,omitempty"` // by the minion's allow list, or expired on arrival
	Final   bool          `json:"final,omitempty"`   // it failed, and trying again would change nothing
	Rule    string        `json:"rule,omitempty"`
	Hash    string        `json:"hash,omitempty"` // of the low state
	Started time.Time     `json:"started"`        // by the minion's clock
	Took    time.Duration `json:"took_ns"`
	States  []StateResult `json:"states,omitempty"`
	Stdout  string        `json:"stdout,omitempty"` // what a command printed, or a server answered; bounded
	Stderr  string        `json:"stderr,omitempty"` // master.exec, bounded
	Return  event.Data    `json:"return,omitempty"` // what any other function gives
	Exit    int           `json:"exit,omitempty"`   // of a command
}

// StateResult is what came of one state.
type StateResult struct {
	ID      string        `json:"id"`
	SLS     string        `json:"sls"`
	Fun     string        `json:"fun"`
	Name    string        `json:"name"`
	OK      bool          `json:"ok"`      // in test mode: it would succeed, as far as can be told
	Comment string        `json:"comment"` // one sentence for people; for a failure, why
	Changes []Change      `json:"changes,omitempty"`
	Started time.Time     `json:"started"`
	Took    time.Duration `json:"took_ns"`
}

// Change is one difference between what was and what is wanted.
type Change struct {
	What string `json:"what"`           // the aspect: content, mode, user, group, type, exists
	From string `json:"from,omitempty"` // as it was
	To   string `json:"to,omitempty"`   // as it is now, or in test mode would be
	Diff string `json:"diff,omitempty"` // unified, bounded, for text
}

// Changed reports whether any state changed anything.
func (r Result) Changed() bool {
	for _, s := range r.States {
		if len(s.Changes) > 0 {
			return true
		}
	}
	return false
}
