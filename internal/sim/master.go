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

// rules is what the simulated master decides by: each event of the minions' work is answered with a state, and with an event.
const rules = `
fix:
  on: work/*
  from: '*'
  do:
    - state.apply: motd
    - event.fire: {tag: 'seen/${minion}', data: {}}
`

// masterDisk is what a master's log would hold: only what was committed.
type masterDisk struct {
	events   []event.Event
	marks    map[string]map[event.Incarnation]master.HighWater
	jobs     map[[2]string]job.Job
	order    [][2]string // of jobs, oldest first
	reactor  map[string][]byte
	verdicts map[uint64][]master.Verdict
	cursor   uint64
	minions  map[string]master.MinionInfo
}

// pending is a commit on its way to disk, and what waits for it.
type pending struct {
	outs []master.Output
}

type masterNode struct {
	w        *World
	disk     masterDisk
	keys     []identity.Record
	core     *master.Core
	life     int
	lastConn uint64
	byConn   map[uint64]*conn
	next     *pending // collects while a commit is under way
	busy     bool
	wake     time.Time
}

func newMaster(w *World) *masterNode {
	return &masterNode{w: w, byConn: map[uint64]*conn{}, disk: masterDisk{
		marks: map[string]map[event.Incarnation]master.HighWater{},
		jobs:  map[[2]string]job.Job{}, reactor: map[string][]byte{}, verdicts: map[uint64][]master.Verdict{},
		minions: map[string]master.MinionInfo{},
	}}
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
		n.keys = append(n.keys, identity.Record{ID: m.id, Key: m.key, Status: identity.Accepted, First: epoch, Updated: epoch})
	}
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
	registry, err := identity.NewRegistry(n.keys, nil)
	if err != nil {
		panic(err)
	}
	r := master.Recovered{Inc: event.NewIncarnation(n.w.rng.Uint64()), Head: uint64(len(n.disk.events)), Cursor: n.disk.cursor, Registry: registry}
	if r.Head > 0 {
		r.Received = n.disk.events[r.Head-1].Received
	}
	for _, byInc := range n.disk.marks {
		for _, hw := range byInc {
			r.HighWaters = append(r.HighWaters, hw)
		}
	}
	for _, k := range n.disk.order {
		if j := n.disk.jobs[k]; j.Status.Open() {
			r.Jobs = append(r.Jobs, j)
		}
	}
	for _, info := range n.disk.minions {
		r.Minions = append(r.Minions, info)
	}
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
	n.w.every(n.w.between(0, 5*time.Second), n.revive)
}

func (n *masterNode) revive() {
	if n.core == nil {
		n.w.logf("the master starts at %d", len(n.disk.events))
		n.start()
	}
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
				n.store(p.outs) // it reached the disk, and nobody was told
			}
			return
		}
		n.store(p.outs)
		n.busy = false
		for _, out := range p.outs {
			n.act(out)
		}
		n.flush()
	})
}

func (n *masterNode) store(outs []master.Output) {
	d := &n.disk
	for _, out := range outs {
		switch out := out.(type) {
		case master.Append:
			if out.Event.Pos != uint64(len(d.events))+1 {
				panic("positions are not contiguous")
			}
			d.events = append(d.events, out.Event)
		case master.HighWater:
			if d.marks[out.Minion] == nil {
				d.marks[out.Minion] = map[event.Incarnation]master.HighWater{}
			}
			if out.Drop {
				delete(d.marks[out.Minion], out.Inc)
			} else {
				d.marks[out.Minion][out.Inc] = out
			}
		case master.PutJob:
			k := [2]string{out.Job.JID, out.Job.Target}
			if _, ok := d.jobs[k]; !ok {
				d.order = append(d.order, k)
			}
			d.jobs[k] = out.Job
		case master.PutVerdict:
			d.verdicts[out.Pos] = out.Verdicts
		case master.PutReactor:
			if out.KV.Value == nil {
				delete(d.reactor, out.KV.Key)
			} else {
				d.reactor[out.KV.Key] = out.KV.Value
			}
		case master.PutMinion:
			d.minions[out.Minion.ID] = out.Minion
		case master.Cursor:
			d.cursor = out.Pos
		}
	}
}

func (n *masterNode) act(out master.Output) {
	switch out := out.(type) {
	case master.Send:
		if ack, ok := out.Msg.(*wire.Ack); ok {
			n.w.oracle.acknowledged(n, n.byConn[out.Conn], ack)
		}
		if c := n.byConn[out.Conn]; c != nil {
			n.w.down(c, out.Msg)
		}
	case master.Hangup:
		if c := n.byConn[out.Conn]; c != nil {
			n.w.drop(c, errors.New("the master hung up"))
		}
	case master.Log:
		n.w.logf("master: %s %v", out.Text, out.Args)
	}
}

// compile makes a low state, after a while, or fails to.
func (n *masterNode) compile(c master.Compile) {
	life := n.life
	n.w.every(n.w.between(100*time.Microsecond, 10*time.Millisecond), func() {
		if n.life != life {
			return
		}
		done := master.Compiled{JID: c.Job.JID, Target: c.Job.Target}
		if n.w.chance(n.w.opt.Uncompile) {
			done.Err = errors.New("half-written file")
		} else {
			done.Low = &job.LowState{Hash: hash, Source: c.Job.Args.SLS}
		}
		n.step(done)
	})
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
