package sim

import (
	"errors"
	"fmt"
	"strings"

	"brine/internal/event"
	"brine/internal/wire"
)

// oracle knows what was promised, from outside.
type oracle struct {
	events   map[string]string          // accepted by an outbox, by name: the minion
	shaky    map[string]bool            // accepted by a disk that was put back since: it may be gone, or come twice
	acked    uint64                     // acknowledgements sent
	runs     map[[2]string]int          // starts of a job, by minion and jid
	finished map[[2]string]int          // commits of a finish
	attempts map[[2]string]map[int]bool // attempts whose finish is on the minion's present disk
	broken   []string
}

func newOracle() oracle {
	return oracle{events: map[string]string{}, shaky: map[string]bool{}, runs: map[[2]string]int{},
		finished: map[[2]string]int{}, attempts: map[[2]string]map[int]bool{}}
}

func (o *oracle) accepted(minion, name string) { o.events[name] = minion }

// restored says that a minion's disk is an old one from now on.
func (o *oracle) restored(minion string) {
	for name, m := range o.events {
		if m == minion {
			o.shaky[name] = true
		}
	}
	for k := range o.attempts {
		if k[0] == minion {
			delete(o.attempts, k)
		}
	}
}

// acknowledged checks G2: what is acknowledged is in the log.
func (o *oracle) acknowledged(n *masterNode, c *conn, a *wire.Ack) {
	if c == nil {
		return
	}
	o.acked++
	var high uint64 // of whatever incarnation: the minion may have taken a new one meanwhile
	for _, mark := range n.disk.marks[c.key.minion] {
		high = max(high, mark.Seq)
	}
	if a.UpTo > high && high > 0 {
		o.broken = append(o.broken, fmt.Sprintf("G2: %s was acknowledged up to %d, and the log holds %d", c.key.minion, a.UpTo, high))
	}
}

// began checks G4: a job whose finish is committed is not started again under the same attempt.
func (o *oracle) began(m *minionNode, j *wire.Job) {
	k := [2]string{m.id, j.JID}
	o.runs[k]++
	if o.attempts[k][j.Attempt] {
		o.broken = append(o.broken, fmt.Sprintf("G4: %s started job %s attempt %d again after its finish was committed", m.id, j.JID, j.Attempt))
	}
}

func (o *oracle) finishedJob(m *minionNode, j *wire.Job) {
	k := [2]string{m.id, j.JID}
	o.finished[k]++
	if o.attempts[k] == nil {
		o.attempts[k] = map[int]bool{}
	}
	o.attempts[k][j.Attempt] = true
}

// check says which promises were broken, now that everything has had time to come right.
func (w *World) check() error {
	o := &w.oracle
	broken := o.broken
	seen := map[string]int{}
	ids := map[event.ID]bool{}
	for i, e := range w.master.disk.events {
		if ids[e.ID] {
			broken = append(broken, fmt.Sprintf("G3: event %s stands in the log twice", e.ID))
		}
		ids[e.ID] = true
		if i > 0 && e.Received.Before(w.master.disk.events[i-1].Received) {
			broken = append(broken, fmt.Sprintf("received decreases at position %d", e.Pos))
		}
		var d struct {
			Name string `json:"name"`
		}
		if strings.HasPrefix(e.Tag, "work/") && e.Data.Decode(&d) == nil {
			seen[d.Name]++
		}
	}
	for name := range o.events {
		switch n := seen[name]; {
		case n == 0 && !o.shaky[name]:
			broken = append(broken, fmt.Sprintf("G1: event %s was accepted and never reached the log", name))
		case n > 1 && !o.shaky[name]:
			broken = append(broken, fmt.Sprintf("G3: event %s stands in the log %d times", name, n))
		}
	}
	broken = append(broken, w.checkJobs()...)
	if len(broken) == 0 {
		return nil
	}
	broken = append(broken, fmt.Sprintf("%d events in the log, %d acknowledgements", len(w.master.disk.events), o.acked))
	return errors.New(strings.Join(broken, "\n"))
}

// checkJobs checks that every decision was carried out: no job is left open, and each that succeeded was run.
func (w *World) checkJobs() (broken []string) {
	d := &w.master.disk
	for pos, verdicts := range d.verdicts {
		for _, v := range verdicts {
			if len(v.Decisions) > 0 && len(v.Jobs)+len(v.Merged) == 0 {
				broken = append(broken, fmt.Sprintf("G4: the decision at %d came to nothing", pos))
			}
		}
	}
	for _, e := range d.events {
		if strings.HasPrefix(e.Tag, "work/") && d.verdicts[e.Pos] == nil {
			broken = append(broken, fmt.Sprintf("the rules have not seen the event at %d", e.Pos))
		}
	}
	for k, j := range d.jobs {
		if j.Status.Open() {
			broken = append(broken, fmt.Sprintf("G4: job %s for %s is still %s", j.JID, j.Target, j.Status))
		}
		if j.Status == "succeeded" && w.oracle.runs[[2]string{k[1], k[0]}] == 0 {
			broken = append(broken, fmt.Sprintf("G4: job %s for %s succeeded without a run", j.JID, j.Target))
		}
	}
	return broken
}
