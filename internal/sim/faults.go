package sim

import (
	"fmt"
	"time"
)

// plan sets down what happens once: clones and an operator's jobs.
func (w *World) plan() {
	for range w.opt.Clones {
		w.every(w.between(w.opt.Duration/4, w.opt.Duration/2), w.clone)
	}
	for range w.opt.Submits {
		w.every(w.between(0, w.opt.Duration), w.master.submit)
	}
}

// misfortune strikes once a second.
func (w *World) misfortune() {
	if !w.bad {
		return
	}
	if w.chance(w.opt.Fall) {
		w.master.crash()
	}
	if w.chance(w.opt.Backup) {
		w.master.restore()
	}
	for _, m := range w.minions {
		if w.chance(w.opt.Rekey) {
			w.master.shutOut(m)
		}
		switch {
		case w.chance(w.opt.Snapshot):
			m.restore()
		case w.chance(w.opt.Crash):
			m.crash()
		case w.chance(w.opt.Cut):
			m.cut("the connection breaks")
		}
	}
	w.every(time.Second, w.misfortune)
}

// heal ends the bad times. The operator looks after the keys until the end.
func (w *World) heal() {
	w.logf("--- all faults end")
	w.master.revive()
	for _, m := range w.minions {
		m.revive()
	}
	w.letIn()
}

// letIn accepts every key but the intruder's, again and again: a minion that was shut out must first ask.
func (w *World) letIn() {
	for _, m := range w.minions {
		w.master.letIn(m)
	}
	w.every(10*time.Second, w.letIn)
}

// clone copies a minion, disk and key, while it lives.
func (w *World) clone() {
	first := w.minions[w.rng.IntN(w.opt.Minions)]
	c := newMinion(w, first.id)
	c.name = fmt.Sprintf("%s'%d", first.id, len(w.minions))
	c.disk, c.old = first.disk.clone(), first.disk.clone()
	w.oracle.cloned(first, c)
	w.minions = append(w.minions, c)
	w.logf("%s is cloned at %d", first.id, first.disk.next)
	c.start()
	for range w.opt.Events {
		w.every(w.between(0, w.opt.Duration/2), c.fire)
	}
}
