package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"brine/internal/event"
)

// told is what the master's own events about rules, jobs and holds carry, as far as it is shown in a list.
type told struct {
	By     string    `json:"by"`
	Error  string    `json:"error"`
	Fun    string    `json:"fun"`
	ID     string    `json:"id"`
	Key    string    `json:"key"`
	Reason string    `json:"reason"`
	Target string    `json:"target"`
	Text   string    `json:"text"`
	Tgt    string    `json:"tgt"`
	Tries  int       `json:"tries"`
	Until  time.Time `json:"until"`
	Why    string    `json:"why"`
}

// masterText is an event about a job, a rule or a hold in words; empty for any other, and for what needs none.
func masterText(e event.Event) string {
	s := strings.Split(e.Tag, "/")
	switch {
	case s[0] != "brine" || len(s) < 4 || e.Minion != "":
		return ""
	case s[1] == "job" && len(s) == 5:
		return jobText(s[3], e.Data)
	case s[1] == "reactor":
		return ruleText(s[len(s)-1], e)
	case s[1] == "hold":
		return holdText(s[len(s)-1], e)
	}
	return ""
}

// jobText is an event brine/job/<jid>/<what>/<target> in words, when nothing ran that could give a result.
func jobText(what string, d event.Data) string {
	var t told
	if d.Decode(&t) != nil {
		return ""
	}
	switch what {
	case "dead":
		return t.gaveUp()
	case "expired":
		return and("expired", t.Error)
	case "cancelled":
		return and("cancelled", t.Error)
	}
	return ""
}

// gaveUp is a dead letter in words: "gave up after 3 tries: master.exec on @master: exit status 3".
func (t told) gaveUp() string {
	text := "gave up"
	if t.Tries > 1 {
		text += fmt.Sprintf(" after %d tries", t.Tries)
	}
	if t.Fun != "" {
		text += ": " + t.Fun
	}
	if t.Target != "" {
		text += " on " + t.Target
	}
	return and(text, t.Error)
}

// ruleText is an event brine/reactor/<rule>/<what> in words.
func ruleText(what string, e event.Event) string {
	var t told
	if e.Data.Decode(&t) != nil {
		return ""
	}
	switch what {
	case "dead":
		return t.gaveUp()
	case "waiting":
		return fmt.Sprintf("waits for approval until %s: %s (brine reactor approve %s)", showTime(t.Until), t.Text, t.ID)
	case "approved", "denied":
		return and(what+" by "+cmp.Or(t.By, "nobody known"), t.Text) + inBrackets(t.Why)
	case "timed-out":
		return and("nobody approved in time", t.Text)
	case "ended":
		return runText(e)
	case "timer":
		if t.Key == "" || t.Key == "[]" {
			return "a wait of the rule is over"
		}
		return "a wait of the rule is over for " + t.Key
	case "paused":
		return and("paused until "+showTime(t.Until)+byWhom(e), t.Why)
	case "failed":
		return and("failed", t.Error)
	}
	return ""
}

// runText is the end of a rule's steps in words.
func runText(e event.Event) string {
	r, ok := endedRun(e)
	if !ok {
		return ""
	}
	return and("the steps of rule "+r.Rule+" have ended: "+r.Status, r.Why)
}

// holdText is an event brine/hold/<id>/<what> in words.
func holdText(what string, e event.Event) string {
	var t told
	if e.Data.Decode(&t) != nil {
		return ""
	}
	switch {
	case t.Tgt == "":
		return ""
	case what == "paused":
		return and("minions "+t.Tgt+" are not put right until "+showTime(t.Until)+byWhom(e), t.Why)
	case what == "resumed":
		return and("minions "+t.Tgt+" are put right again", t.Reason)
	}
	return ""
}

// and joins a text and what explains it.
func and(text, why string) string {
	if why == "" {
		return text
	}
	return text + ": " + why
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}
