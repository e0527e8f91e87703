package sim

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"time"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/master"
	"brine/internal/wire"
	"brine/reactors"
)

// rules is what the simulated master decides by: work is answered with a state and with an event, drift with a state at most
// once within ten seconds, and ping and pong fire each other.
const rules = `
fix:
  on: work/*
  from: '*'
  do:
    - state.apply: motd
    - event.fire: {tag: 'seen/${minion}', data: {}}
drift:
  on: drift/*
  from: '*'
  throttle: {once_within: 10s, by: [minion]}
  do: {state.apply: drifted}
ping:
  on: ping/*
  from: '*'
  do: {event.fire: {tag: pong}}
pong:
  on: pong
  do: {event.fire: {tag: ping/again}}
steps:
  on: steps/*
  from: '*'
  do:
    - {name: first, master.exec: [first, '${minion}'], retry: {attempts: 3, backoff: 1s}}
    - {name: all, state.apply: rolled, tgt: 'm*', batch: 2, max_failures: 1, retry: {attempts: 2, backoff: 1s}}
    - event.fire: {tag: 'rolled/${steps.all.succeeded}'}
  on_failure:
    - {master.exec: [clean-up, '${steps.failed.name}']}
`

// pending is a commit on its way to disk, and what waits for it.
type pending struct {
	outs []master.Output
}

type masterNode struct {
	w        *World
	disk     masterDisk
	old      masterDisk // a backup
	registry *identity.Registry
	core     *master.Core
	life     int
	lastConn uint64
	byConn   map[uint64]*conn
	asking   map[uint64]func(identity.VerdictStatus) // at the enrolment door, by number; empty is no answer
	lastAsk  uint64
	next     *pending // collects while a commit is under way
	busy     bool
	wake     time.Time
}

func newMaster(w *World) *masterNode {
	n := &masterNode{w: w, byConn: map[uint64]*conn{}, disk: newMasterDisk(), asking: map[uint64]func(identity.VerdictStatus){}}
	return n
}

// fingerprint makes a key out of a name.
func fingerprint(id string) identity.Fingerprint {
	seed := sha256.Sum256([]byte(id))
	fp, err := identity.FingerprintOf(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	return fp
}

func (n *masterNode) accept(minions []*minionNode) {
	for _, m := range minions {
		n.disk.keys[m.key] = identity.Record{ID: m.id, Key: m.key, Status: identity.Accepted, First: epoch, Updated: epoch}
	}
	n.old = n.disk.clone()
}

// start makes the core out of what is on disk.
func (n *masterNode) start() {
	n.life++
	n.wake, n.next, n.busy = time.Time{}, &pending{}, false
	set, faults := reactors.Load([]reactors.Source{{Name: "rules.yaml", Text: []byte(rules)}}, reactors.Env{})
	if len(faults) > 0 {
		panic(faults)
	}
	reactor := reactors.New(set)
	for k, v := range n.disk.reactor {
		if err := reactor.Restore(k, v); err != nil {
			panic(err)
		}
	}
	r, err := n.disk.recovered(event.NewIncarnation(n.w.rng.Uint64()))
	if err != nil {
		panic(err)
	}
	n.registry = r.Registry
	n.core = master.NewCore(n.w.now, master.CoreOptions{Reactor: reactor}, r)
	n.alarm()
}

// crash loses what is not on disk: of the commits under way, all or nothing of each.
func (n *masterNode) crash() {
	if n.core == nil {
		return
	}
	n.w.logf("the master crashes at %d", len(n.disk.events))
	n.core = nil
	for _, m := range n.w.minions {
		m.cut("the master crashed")
	}
	for ask := uint64(1); ask <= n.lastAsk; ask++ { // in order, or a seed would not replay
		n.answer(ask, "")
	}
	n.w.every(n.w.between(0, 5*time.Second), n.revive)
}

func (n *masterNode) revive() {
	if n.core == nil {
		n.w.logf("the master starts at %d", len(n.disk.events))
		n.start()
	}
}

// restore puts an old disk back, or takes a backup for a later time.
func (n *masterNode) restore() {
	if n.w.rng.IntN(2) == 0 {
		n.w.logf("backup of the master at %d", len(n.disk.events))
		n.old = n.disk.clone()
		return
	}
	n.w.logf("the master restored from %d to %d", len(n.disk.events), len(n.old.events))
	n.crash()
	n.life++ // nothing of what was on its way reaches this disk
	n.w.oracle.masterRestored(&n.disk, &n.old)
	n.disk = n.old.clone()
}

func (n *masterNode) step(in master.Input) {
	if n.core == nil {
		return
	}
	for _, out := range n.core.Step(n.w.now, in) {
		if c, ok := out.(master.Compile); ok {
			n.compile(c)
			continue
		}
		n.next.outs = append(n.next.outs, out)
	}
	n.flush()
	n.alarm()
}

// flush sends what was collected to the disk, if that is free. A crash on the way leaves all of it or nothing.
func (n *masterNode) flush() {
	if n.busy || len(n.next.outs) == 0 {
		return
	}
	p := n.next
	n.next, n.busy = &pending{}, true
	life := n.life
	n.w.every(n.w.between(100*time.Microsecond, 5*time.Millisecond), func() {
		if n.life != life || n.core == nil {
			if n.life == life && n.w.rng.IntN(2) == 0 {
				n.disk.store(p.outs) // it reached the disk, and nobody was told
			}
			return
		}
		n.disk.store(p.outs)
		n.busy = false
		for _, out := range p.outs {
			n.act(out)
		}
		n.flush()
	})
}

func (n *masterNode) act(out master.Output) {
	switch out := out.(type) {
	case master.Send:
		c := n.byConn[out.Conn]
		if c == nil {
			return
		}
		if ack, ok := out.Msg.(*wire.Ack); ok {
			n.w.oracle.acknowledged(&n.disk, c, ack)
		}
		n.w.down(c, out.Msg)
	case master.Hangup:
		if c := n.byConn[out.Conn]; c != nil {
			n.w.farewell(c, out.Bye)
		}
	case master.Reply:
		if ask, ok := out.Ref.(uint64); ok {
			n.answer(ask, out.Value.(identity.Verdict).Status)
		}
	case master.Execute:
		n.execute(out.Job)
	case master.Log:
		n.w.logf("master: %s %v", out.Text, out.Args)
	}
}

// compile makes a low state, after a while, or fails to. What it was made of is what the world was then.
func (n *masterNode) compile(c master.Compile) {
	life := n.life
	made := n.w.now
	n.w.every(n.w.between(100*time.Microsecond, 10*time.Millisecond), func() {
		if n.life != life {
			return
		}
		done := master.Compiled{JID: c.Job.JID, Target: c.Job.Target}
		if n.w.chance(n.w.opt.Uncompile) {
			done.Err = errors.New("half-written file")
		} else {
			done.Low = &job.LowState{Hash: hash, Source: []string{c.Job.Args.SLS[0], made.Format(time.RFC3339Nano)}}
		}
		n.step(done)
	})
}

// execute carries out what the master itself does, after a while; it fails now and then.
func (n *masterNode) execute(j job.Job) {
	n.w.oracle.executed(&n.disk, j)
	life := n.life
	ok := !n.w.chance(n.w.opt.Fail)
	n.w.every(n.w.between(time.Millisecond, 300*time.Millisecond), func() {
		if n.life == life {
			n.step(master.Executed{JID: j.JID, Result: failing(job.Result{JID: j.JID, Attempt: j.Attempt, Fun: j.Fun}, ok)})
		}
	})
}

func failing(r job.Result, ok bool) job.Result {
	if r.OK = ok; !ok {
		r.Error = "it went wrong"
	}
	return r
}

// hash is that of no content: the low states of the simulation are empty.
const hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (n *masterNode) alarm() {
	if n.core == nil {
		return
	}
	at := n.core.Wake()
	if at.IsZero() || at.Equal(n.wake) {
		return
	}
	n.wake = at
	life := n.life
	n.w.at(maxTime(at, n.w.now), func() {
		if n.core != nil && n.life == life {
			n.wake = time.Time{}
			n.step(master.Tick{})
		}
	})
}
