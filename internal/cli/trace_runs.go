package cli

import (
	"fmt"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/event"
)

// runsOf are the runs of steps that an event has set off, by id: those under way, and those of which an event tells that they have ended.
func runsOf(t *api.Trace) map[string]api.Run {
	runs := map[string]api.Run{}
	for _, r := range t.Runs {
		runs[r.Run] = r
	}
	for _, effect := range t.Effects {
		if r, ok := endedRun(effect.Event); ok {
			runs[r.Run] = r
		}
	}
	return runs
}

func endedRun(e event.Event) (api.Run, bool) {
	var r api.Run
	ok := e.Minion == "" && strings.HasPrefix(e.Tag, "brine/reactor/") && strings.HasSuffix(e.Tag, "/ended") && e.Data.Decode(&r) == nil && r.Run != ""
	return r, ok
}

// runLines are the steps of a run in their order. What came of each finds its line in jobs, by the keys of what tells it.
func runLines(r api.Run, jobs map[string]*step) (lines []*step) {
	for _, s := range r.Steps {
		line := &step{who: "master", text: stepText(s), kind: stepPlain}
		switch s.Status {
		case "failed":
			line.kind = stepBad
		case "skipped", "pending":
			line.kind = stepDim
		}
		if s.JID != "" {
			jobs["brine/job/"+s.JID+"/new"], jobs[s.JID] = line, line
		}
		lines = append(lines, line)
	}
	return lines
}

// stepText says how a step stands: "step 2, roll (state.apply): failed: 1 of 3 failed".
func stepText(s api.RunStep) string {
	n, what := s.Step+1, "step"
	if s.OnFailure {
		n, what = s.Step-api.FailureStep+1, "on_failure step"
	}
	text := fmt.Sprintf("%s %d, ", what, n)
	if s.Name != "" {
		text += s.Name + " (" + s.Fun + ")"
	} else {
		text += s.Fun
	}
	text += ": " + s.Status
	if s.Targets > 1 && s.Failed > 0 {
		text += fmt.Sprintf(" on %d of %d", s.Failed, s.Targets)
	} else if s.Targets > 1 {
		text += fmt.Sprintf(" on %d", s.Targets)
	}
	if s.Why != "" {
		text += ": " + s.Why
	}
	return text
}

// under lets an effect stand below a line, unless it has a better place.
func under(jobs map[string]*step, key string, line *step) {
	if jobs[key] == nil {
		jobs[key] = line
	}
}

// approvalKey is the id of the approval that an event tells of; empty for none.
func approvalKey(e event.Event) string {
	var a api.Approval
	if e.Minion != "" || !strings.HasPrefix(e.Tag, "brine/reactor/") || e.Data.Decode(&a) != nil || a.Text == "" {
		return ""
	}
	return a.ID
}

// fillTimes gives lines of which nothing tells the time that of the line before.
func fillTimes(lines []*step, at time.Time) {
	for _, l := range lines {
		for _, b := range l.below {
			if b.at.IsZero() {
				b.at = at
			}
			at = b.at
		}
		at = l.at
	}
}

// runResult rewrites the line of an event that ends a run.
func runResult(s *step, e event.Event) {
	r, ok := endedRun(e)
	if !ok {
		return
	}
	s.text = fmt.Sprintf("the steps of rule %s have ended: %s", r.Rule, r.Status)
	if r.Why != "" {
		s.text += ": " + r.Why
	}
	if r.Status == "failed" {
		s.kind = stepBad
	}
}
