package sim

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/master"
)

// check says which promises were broken, now that everything has had time to come right.
func (w *World) check() error {
	broken := append(w.oracle.broken, w.checkLog()...)
	broken = append(broken, w.checkEvents()...)
	broken = append(broken, w.checkGaps()...)
	broken = append(broken, w.checkJobs()...)
	broken = append(broken, w.checkLevel()...)
	if len(broken) == 0 {
		return nil
	}
	broken = append(broken, fmt.Sprintf("%d events in the log, %d acknowledgements", len(w.master.disk.events), w.oracle.acked))
	return errors.New(strings.Join(broken, "\n"))
}

// checkLog: each event stands there once, received never decreases, nobody but accepted minions has sent one, chains end, and what a
// minion may not fire is not there.
func (w *World) checkLog() (broken []string) {
	ids := map[event.ID]bool{}
	var last time.Time
	for _, e := range w.master.disk.events {
		switch {
		case ids[e.ID]:
			broken = append(broken, fmt.Sprintf("G3: event %s stands in the log twice", e.ID))
		case e.Received.Before(last):
			broken = append(broken, fmt.Sprintf("received decreases at position %d", e.Pos))
		case e.Minion == intruder:
			broken = append(broken, fmt.Sprintf("the intruder's event stands at position %d", e.Pos))
		case e.Depth > event.MaxDepth+1: // what comes of the last job
			broken = append(broken, fmt.Sprintf("G7: the event at position %d has depth %d", e.Pos, e.Depth))
		case strings.Contains(e.Tag, "somebody-else"):
			broken = append(broken, fmt.Sprintf("an event that nobody may fire stands at position %d", e.Pos))
		}
		ids[e.ID], last = true, e.Received
	}
	if c := w.master.disk.cursor; c != uint64(len(w.master.disk.events)) {
		broken = append(broken, fmt.Sprintf("the rules have seen %d of %d events", c, len(w.master.disk.events)))
	}
	return broken
}

// checkEvents: what an outbox has accepted is in the log, once.
func (w *World) checkEvents() (broken []string) {
	o, seen := &w.oracle, w.master.disk.names()
	for name, id := range o.events {
		switch n := seen[name]; {
		case id == intruder:
		case n == 0 && !o.lost[name]:
			broken = append(broken, fmt.Sprintf("G1, G2: event %s was accepted and is not in the log", name))
		case n > 1 && !o.twice[name]:
			broken = append(broken, fmt.Sprintf("G3: event %s stands in the log %d times", name, n))
		}
	}
	return broken
}

// checkGaps: a gap is told when the master has forgotten something, and only then.
func (w *World) checkGaps() (broken []string) {
	told := map[string]bool{}
	for _, e := range w.master.disk.events {
		if id, ok := strings.CutPrefix(e.Tag, "brine/gap/"); ok {
			told[id] = true
			if w.opt.Backup == 0 {
				broken = append(broken, fmt.Sprintf("a gap of %s is told, and nothing was lost", id))
			}
		}
	}
	seen := w.master.disk.names()
	for name, id := range w.oracle.events {
		if w.opt.Snapshot == 0 && w.opt.Clones == 0 && seen[name] == 0 && id != intruder && !told[id] {
			broken = append(broken, fmt.Sprintf("event %s is gone, and no gap tells it", name))
		}
	}
	return broken
}

// checkJobs: every decision was carried out, no job is left open, and each that succeeded was run.
func (w *World) checkJobs() (broken []string) {
	d := &w.master.disk
	for pos, verdicts := range d.verdicts {
		for _, v := range verdicts {
			if len(v.Decisions) > 0 && len(v.Jobs)+len(v.Merged)+len(v.Fired) == 0 && !strings.Contains(v.Why, "for nobody") {
				broken = append(broken, fmt.Sprintf("G4: the decision at %d came to nothing", pos))
			}
		}
	}
	for i := range d.events {
		if _, ok := workName(&d.events[i]); ok && d.verdicts[d.events[i].Pos] == nil {
			broken = append(broken, fmt.Sprintf("the rules have not seen the event at %d", d.events[i].Pos))
		}
	}
	for id, value := range d.runs {
		run, _ := master.DecodeRun(value)
		broken = append(broken, fmt.Sprintf("G4: run %s of rule %s is still at step %d", id, run.Rule, run.At+1))
	}
	broken = append(broken, d.checkRuns()...)
	for k, j := range d.jobs {
		switch {
		case j.Status.Open():
			broken = append(broken, fmt.Sprintf("G4: job %s for %s is still %s", j.JID, j.Target, j.Status))
		case j.Status == job.Succeeded && w.oracle.runs[[2]string{k[1], k[0]}] == 0:
			broken = append(broken, fmt.Sprintf("G4: job %s for %s succeeded without a run", j.JID, j.Target))
		case j.Rule != "" && j.Status == job.Expired:
			broken = append(broken, fmt.Sprintf("G4: job %s of rule %s for %s has expired", j.JID, j.Rule, j.Target))
		}
	}
	return broken
}

// checkRuns: each run that a decision began has ended once, and its steps began in their order.
func (d *masterDisk) checkRuns() (broken []string) {
	ended := map[string]int{}
	for i := range d.events {
		var r master.RunEnded
		if !strings.HasPrefix(d.events[i].Tag, "brine/reactor/") || !strings.HasSuffix(d.events[i].Tag, "/ended") || d.events[i].Data.Decode(&r) != nil {
			continue
		}
		ended[r.Run]++
		over := false // a step that did not go well
		for _, s := range r.Steps {
			if !s.OnFailure && over && s.Status != master.StepSkipped || s.OnFailure && !over && s.Status != master.StepSkipped {
				broken = append(broken, fmt.Sprintf("step %d of run %s is %s", s.Step, r.Run, s.Status))
			}
			over = over || !s.OnFailure && s.Status == master.StepFailed
		}
	}
	for pos, verdicts := range d.verdicts {
		for _, v := range verdicts {
			if v.Run != "" && ended[v.Run] != 1 {
				broken = append(broken, fmt.Sprintf("G4: the run begun at %d has ended %d times", pos, ended[v.Run]))
			}
		}
	}
	return broken
}

// checkLevel: the last drift of each minion, and its last work, were followed by a run of what was compiled after it, unless the job was
// given up, and that is told.
func (w *World) checkLevel() (broken []string) {
	for rule, sls := range map[string]string{"fix": "motd", "drift": "drifted"} {
		last := map[string]event.Event{}
		for _, e := range w.master.disk.events {
			tag := map[string]string{"fix": "work/", "drift": "drift/"}[rule]
			if e.Minion != "" && strings.HasPrefix(e.Tag, tag) {
				last[e.Minion] = e
			}
		}
		for id, e := range last {
			since := e.Received
			if w.opt.Backup > 0 {
				since = e.Time // it may have been received once before, and answered, by a log that is gone
			}
			if made := w.oracle.made[[2]string{id, sls}]; made.Before(since) && !w.master.disk.givenUp(id, rule, e) {
				broken = append(broken, fmt.Sprintf("G4: the last event for rule %s of %s at %d was received at +%s, and what ran last was compiled at +%s",
					rule, id, e.Pos, e.Received.Sub(epoch), made.Sub(epoch)))
			}
		}
	}
	return broken
}

// givenUp reports whether a job of the rule came to no good end after the event, or met nobody.
func (d *masterDisk) givenUp(minion, rule string, e event.Event) bool {
	for _, j := range d.jobs {
		if j.Target == minion && j.Rule == rule && (j.Status == job.Dead || j.Status == job.Cancelled) && !j.Updated.Before(e.Received) {
			return true
		}
	}
	for pos, verdicts := range d.verdicts {
		for _, v := range verdicts {
			if pos >= e.Pos && v.Rule == rule && nobody(v) {
				return true
			}
		}
	}
	return false
}

func nobody(v master.Verdict) bool { return strings.Contains(v.Why, "for nobody") }
