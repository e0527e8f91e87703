package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
)

// step is one line of a trace: what happened, where and when, and what came of it.
type step struct {
	at    time.Time
	who   string
	text  string
	kind  stepKind
	event event.ID // of a line that is an event
	notes []string // further lines below it
	diff  string
	below []*step
}

type stepKind int

const (
	stepPlain stepKind = iota
	stepGood           // something was put right
	stepBad            // something failed
	stepDim            // it says that nothing happened
)

// clockTolerance is how far a minion's clock may be off before its times are corrected: what the greeting measures holds the way it took.
const clockTolerance = 100 * time.Millisecond

// tracer makes steps of a trace.
type tracer struct {
	offsets map[string]time.Duration
}

func newTracer(t api.Traced) *tracer {
	tr := &tracer{offsets: map[string]time.Duration{}}
	for id, off := range t.Offsets {
		if off.Abs() >= clockTolerance {
			tr.offsets[id] = off
		}
	}
	return tr
}

// at is a time of a minion's by the master's clock.
func (tr *tracer) at(minion string, t time.Time) time.Time { return t.Add(-tr.offsets[minion]) }

// steps makes the tree of lines for an event and all that came of it.
func (tr *tracer) steps(t *api.Trace, top bool) *step {
	e := t.Event
	s := &step{at: tr.at(e.Minion, e.Time), who: who(e), text: tr.title(e), event: e.ID}
	if top && e.Minion != "" {
		s.below = append(s.below, &step{at: e.Received, who: "master", text: fmt.Sprintf("taken in at position %d", e.Pos), kind: stepDim})
	}
	jobs := map[string]*step{}
	runs := runsOf(t)
	for _, v := range t.Verdicts {
		vs := tr.verdict(e, v)
		vs.below = append(vs.below, runLines(runs[v.Run], jobs)...)
		s.below = append(s.below, vs)
		for _, jid := range v.Jobs {
			under(jobs, "brine/job/"+jid+"/new", vs)
		}
		for _, id := range v.Fired {
			under(jobs, id, vs)
		}
	}
	for _, effect := range t.Effects {
		under := s
		for _, key := range []string{effect.Event.Tag, effect.Event.ID.String(), approvalKey(effect.Event)} {
			if vs := jobs[key]; vs != nil {
				under = vs
			}
		}
		es := tr.steps(effect, false)
		if under.at.IsZero() {
			under.at = es.at
		}
		under.below = append(under.below, es)
		tr.states(es, under, effect.Event)
	}
	if t.Cut {
		s.below = append(s.below, &step{at: e.Received, who: "master", text: "... and more than a trace shows", kind: stepDim})
	}
	for _, j := range t.Jobs {
		if line := jobLine(j); line != nil {
			s.below = append(s.below, line)
		}
	}
	fillTimes(s.below, e.Received)
	tr.result(s, e)
	tr.drift(s, e)
	runResult(s, e)
	slices.SortStableFunc(s.below, func(a, b *step) int { return a.at.Compare(b.at) })
	return s
}

// title names an event in words.
func (tr *tracer) title(e event.Event) string {
	seg := strings.Split(e.Tag, "/")
	switch {
	case seg[0] == "brine" && len(seg) > 3 && seg[1] == "beacon":
		if text := fileChange(e); text != "" {
			return seg[3] + ": " + text
		}
	case seg[0] == "brine" && len(seg) > 3 && seg[1] == "drift":
		if text := driftText(e); text != "" {
			return text
		}
	case seg[0] == "brine" && len(seg) == 4 && seg[1] == "job" && seg[3] == "new":
		if text := newJobText(e.Data, false); text != "" {
			return "job " + seg[2] + ": " + text + byWhom(e)
		}
	}
	if text := masterText(e); text != "" {
		return e.Tag + ": " + text
	}
	if text := anyData(e.Data); text != "" {
		return e.Tag + byWhom(e) + ": " + text
	}
	return e.Tag + byWhom(e)
}

func byWhom(e event.Event) string {
	if e.By == "" {
		return ""
	}
	return ", by " + e.By
}

// verdict says what a rule made of an event. It decides in the moment the event is taken in.
func (tr *tracer) verdict(e event.Event, v api.Verdict) *step {
	s := &step{at: e.Received, who: "master"}
	rule := "rule " + v.Rule
	switch v.Outcome {
	case "fired":
		s.text = rule + " fired"
	case "no":
		s.text, s.kind = rule+" did not fire", stepDim
	case "throttled":
		s.text, s.kind = rule+" was held back", stepDim
	case "own":
		s.text, s.kind = rule+" passed over it", stepDim
	case "error":
		s.text, s.kind = rule+" failed", stepBad
	case "deep":
		s.text, s.kind = rule+" was stopped", stepBad
	default:
		s.text, s.kind = rule+": "+v.Outcome, stepDim
	}
	if v.Why != "" {
		s.text += ": " + v.Why
	}
	for _, jid := range v.Merged {
		s.notes = append(s.notes, "joined job "+jid+", which was waiting to do the same")
	}
	return s
}

// jobLine says where a job stands that has brought no result.
func jobLine(j job.Job) *step {
	switch j.Status {
	case job.Succeeded, job.Failed:
		return nil // the result tells
	case job.Waiting, job.Sent:
		text := "waits for " + j.Target
		if j.Status == job.Sent {
			text = "sent to " + j.Target + ", no result yet"
		}
		if j.Error != "" {
			text += ": " + j.Error
		}
		return &step{at: j.Updated, who: "master", text: text}
	}
	text := string(j.Status) + " for " + j.Target
	if j.Error != "" {
		text += ": " + j.Error
	}
	return &step{at: j.Updated, who: "master", text: text, kind: stepBad}
}

// result rewrites the line of an event that carries a job's result.
func (tr *tracer) result(s *step, e event.Event) {
	r, ok := resultOf(e)
	if !ok {
		return
	}
	s.text, s.kind = "result: "+outcome(r), stepPlain
	switch {
	case !r.OK:
		s.kind = stepBad
	case r.Changed() && !r.Test:
		s.kind = stepGood
	}
}

func resultOf(e event.Event) (job.Result, bool) {
	var r job.Result
	seg := strings.Split(e.Tag, "/")
	ok := len(seg) == 5 && seg[0] == "brine" && seg[1] == "job" && seg[3] == "ret" && e.Data.Decode(&r) == nil && r.JID != ""
	return r, ok
}

// drift rewrites the line of an event that tells of an enforced state. What was done stands in the moment it was done, not in that in
// which it was told.
func (tr *tracer) drift(s *step, e event.Event) {
	d, what, ok := driftOf(e)
	if !ok {
		return
	}
	switch what {
	case job.DriftCorrected:
		s.kind = stepGood
		s.at = tr.at(e.Minion, d.Result.Started.Add(d.Result.Took))
		s.text = fmt.Sprintf("put right by the minion itself: %s %s: %s, took %s", d.Fun, d.Name, changesText(d.Result.Changes), millis(d.Result.Took))
	case job.DriftSettled:
		s.kind = stepGood
	case job.DriftUndone:
		s.text = fmt.Sprintf("left as it was put back, until it is applied again: %s %s: %s", d.Fun, d.Name, changesText(d.Result.Changes))
	case job.DriftFailed, job.DriftContested:
		s.kind = stepBad
	}
	for _, c := range d.Result.Changes {
		s.diff += c.Diff
	}
}

// states adds what a result says of each state beside it.
func (tr *tracer) states(es, under *step, e event.Event) {
	r, ok := resultOf(e)
	if !ok {
		return
	}
	quiet := 0
	for _, sr := range r.States {
		if sr.OK && len(sr.Changes) == 0 {
			quiet++
			continue
		}
		line := &step{at: tr.at(e.Minion, sr.Started), who: who(e), kind: stepGood}
		line.text = fmt.Sprintf("%s %s: %s, took %s", sr.Fun, sr.Name, changesText(sr.Changes), millis(sr.Took))
		if r.Test {
			line.kind, line.text = stepPlain, fmt.Sprintf("%s %s would change: %s", sr.Fun, sr.Name, changesText(sr.Changes))
		}
		if !sr.OK {
			line.kind = stepBad
			line.text = fmt.Sprintf("%s %s: %s", sr.Fun, sr.Name, sr.Comment)
		}
		for _, c := range sr.Changes {
			line.diff += c.Diff
		}
		under.below = append(under.below, line)
	}
	if quiet > 0 && len(r.States) > quiet {
		es.notes = append(es.notes, fmt.Sprintf("%d of %d states were as wanted", quiet, len(r.States)))
	}
	if r.Stdout != "" || r.Stderr != "" {
		es.notes = append(es.notes, strings.Split(strings.TrimRight(r.Stdout+r.Stderr, "\n"), "\n")...)
	}
}

// changesText is a list of changes in words: "created, mode 0644 → 0600".
func changesText(changes []job.Change) string {
	if len(changes) == 0 {
		return "nothing to do"
	}
	var list []string
	made := false
	for _, c := range changes {
		switch {
		case c.What == "exists" && c.From == "absent":
			made = true
			list = append(list, "created")
		case c.What == "exists" && c.To == "absent":
			list = append(list, "removed")
		case c.What == "content" && made: // what was made has content
		case c.What == "content" || c.From == "" && c.To == "":
			list = append(list, c.What)
		case c.From == "":
			list = append(list, c.What+" → "+c.To)
		default:
			list = append(list, c.What+" "+c.From+" → "+c.To)
		}
	}
	return strings.Join(list, ", ")
}
