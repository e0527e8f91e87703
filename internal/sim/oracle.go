package sim

import (
	"fmt"
	"time"

	"brine/internal/job"
	"brine/internal/wire"
)

// oracle knows what was promised, from outside.
type oracle struct {
	events   map[string]string          // accepted by an outbox, by name: the minion's id
	lost     map[string]bool            // of these, what may be gone: a disk was put back that did not hold it
	twice    map[string]bool            // of these, what may come twice, for a memory was put back or cloned
	acked    uint64                     // acknowledgements sent
	runs     map[[2]string]int          // starts of a job, by id of the minion and jid
	made     map[[2]string]time.Time    // when what ran last was compiled, by id of the minion and SLS
	attempts map[[2]string]map[int]bool // attempts whose finish is on the minion's present disk, by name of the minion and jid
	broken   []string
}

func newOracle() oracle {
	return oracle{
		events: map[string]string{}, lost: map[string]bool{}, twice: map[string]bool{},
		runs: map[[2]string]int{}, made: map[[2]string]time.Time{}, attempts: map[[2]string]map[int]bool{},
	}
}

func (o *oracle) accepted(m *minionNode, name string) { o.events[name] = m.id }

// restored says that a minion's disk is an old one from now on. What had reached the log must stay there.
func (o *oracle) restored(m *minionNode, d *masterDisk) {
	seen := d.names()
	for name, id := range o.events {
		if id == m.id {
			o.twice[name] = true
			o.lost[name] = o.lost[name] || seen[name] == 0
		}
	}
	for k := range o.attempts {
		if k[0] == m.name {
			delete(o.attempts, k)
		}
	}
}

// cloned says that two memories hold the same from now on: nothing may be lost by it.
func (o *oracle) cloned(m, c *minionNode) {
	for name, id := range o.events {
		if id == m.id {
			o.twice[name] = true
		}
	}
	for k, attempts := range o.attempts {
		if k[0] == m.name {
			o.attempts[[2]string{c.name, k[1]}] = map[int]bool{}
			for a := range attempts {
				o.attempts[[2]string{c.name, k[1]}][a] = true
			}
		}
	}
}

// masterRestored says that the log is an old one from now on.
func (o *oracle) masterRestored(now, old *masterDisk) {
	kept := old.names()
	for name := range now.names() {
		if kept[name] == 0 {
			o.lost[name] = true
		}
	}
}

// acknowledged checks G2: what is acknowledged is in the log.
func (o *oracle) acknowledged(d *masterDisk, c *conn, a *wire.Ack) {
	o.acked++
	if h := c.hello; h != nil && a.UpTo >= h.First {
		if high := d.marks[c.m.id][h.Inc].Seq; a.UpTo > high {
			o.broken = append(o.broken, fmt.Sprintf("G2: %s was acknowledged up to %d, and the log holds %d", c.m.name, a.UpTo, high))
		}
	}
}

// began checks G4: a job whose finish is committed is not started again under the same attempt.
func (o *oracle) began(m *minionNode, j *wire.Job) {
	o.runs[[2]string{m.id, j.JID}]++
	if o.attempts[[2]string{m.name, j.JID}][j.Attempt] {
		o.broken = append(o.broken, fmt.Sprintf("G4: %s started job %s attempt %d again after its finish was committed", m.name, j.JID, j.Attempt))
	}
	if j.Low == nil {
		return
	}
	at, err := time.Parse(time.RFC3339Nano, j.Low.Source[1])
	if err != nil {
		panic(err)
	}
	if k := [2]string{m.id, j.Low.Source[0]}; at.After(o.made[k]) {
		o.made[k] = at
	}
}

// executed checks G4 for what the master itself carries out: it is not begun again when its finish stands in the log.
func (o *oracle) executed(d *masterDisk, j job.Job) {
	o.runs[[2]string{j.Target, j.JID}]++
	if stored := d.jobs[[2]string{j.JID, j.Target}]; !stored.Status.Open() && stored.JID != "" {
		o.broken = append(o.broken, fmt.Sprintf("G4: job %s was begun again after it was %s", j.JID, stored.Status))
	}
}

func (o *oracle) finishedJob(m *minionNode, j *wire.Job) {
	k := [2]string{m.name, j.JID}
	if o.attempts[k] == nil {
		o.attempts[k] = map[int]bool{}
	}
	o.attempts[k][j.Attempt] = true
}
