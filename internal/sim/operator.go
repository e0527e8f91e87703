package sim

import (
	"time"

	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/master"
	"brine/internal/minion"
)

// submit asks all minions for something, with a deadline that may pass before they are there.
func (n *masterNode) submit() {
	fun, args := job.TestPing, job.Args{}
	if n.w.rng.IntN(2) == 0 {
		fun, args = job.StateApply, job.Args{SLS: []string{"asked"}}
	}
	n.step(master.Submit{
		Fun: fun, Args: args, By: "root", TTL: n.w.between(100*time.Millisecond, time.Minute),
		Match: func(string, map[string]any) bool { return true },
	})
}

// shutOut rejects or deletes a minion's key, and lets it in again later.
func (n *masterNode) shutOut(m *minionNode) {
	if m.id == intruder {
		return
	}
	act := master.KeyDelete
	if n.w.rng.IntN(2) == 0 {
		act = master.KeyReject
	}
	n.w.logf("key of %s: %s", m.id, act)
	n.step(master.KeyCommand{Act: act, Who: []string{m.id}, By: "root"})
	for range 3 { // it may have to be deleted, then to ask, then to be accepted
		n.w.every(n.w.between(time.Second, 20*time.Second), func() { n.letIn(m) })
	}
}

// letIn does one step towards a minion's key being accepted.
func (n *masterNode) letIn(m *minionNode) {
	if n.core == nil || m.id == intruder {
		return
	}
	rec, ok := n.registry.ByKey(m.key)
	switch {
	case !ok || rec.Status == identity.Accepted:
	case rec.Status == identity.Rejected:
		n.step(master.KeyCommand{Act: master.KeyDelete, Who: []string{m.id}, By: "root"})
	default:
		n.step(master.KeyCommand{Act: master.KeyAccept, Who: []string{m.id}, By: "root"})
	}
}

// ask brings a request to the enrolment door; the minion hears the verdict after a while, or that there was none.
func (n *masterNode) ask(m *minionNode, life int, num uint64) {
	n.lastAsk++
	ask := n.lastAsk
	n.asking[ask] = func(status identity.VerdictStatus) {
		n.w.every(n.w.between(time.Millisecond, 20*time.Millisecond), func() {
			if m.core != nil && m.life == life {
				m.step(minion.ConnectFailed{Conn: num, Err: errCut, Verdict: status})
			}
		})
	}
	n.step(master.Enrol{Ref: ask, Key: m.key, Remote: m.id, Req: identity.Request{ID: m.id, Version: "1", Proto: 1}})
}

func (n *masterNode) answer(ask uint64, status identity.VerdictStatus) {
	if f := n.asking[ask]; f != nil {
		delete(n.asking, ask)
		f(status)
	}
}
