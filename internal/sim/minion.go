package sim

import (
	"fmt"
	"time"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/minion"
	"brine/internal/wire"
)

// minionDisk is what a minion's outbox would hold: only what was synced.
type minionDisk struct {
	inc     event.Incarnation
	next    uint64
	acked   uint64
	sum     uint64
	events  map[uint64]wire.RawEvent
	done    map[string]int // attempts finished, by jid
	results map[string]wire.Event
	dead    int // events that the master has rejected
}

func (d minionDisk) clone() minionDisk {
	c := d
	c.events, c.done, c.results = map[uint64]wire.RawEvent{}, map[string]int{}, map[string]wire.Event{}
	for k, v := range d.events {
		c.events[k] = v
	}
	for k, v := range d.done {
		c.done[k] = v
	}
	for k, v := range d.results {
		c.results[k] = v
	}
	return c
}

type minionNode struct {
	w     *World
	id    string
	name  string // the id, or that of a clone
	key   identity.Fingerprint
	disk  minionDisk
	old   minionDisk // a snapshot
	core  *minion.Core
	life  int
	fired int
	conn  *conn
	wake  time.Time
}

func newMinion(w *World, id string) *minionNode {
	m := &minionNode{w: w, id: id, name: id, key: fingerprint(id)}
	m.disk = minionDisk{inc: event.NewIncarnation(w.rng.Uint64()), next: 1}.clone()
	m.old = m.disk.clone()
	return m
}

func (m *minionNode) memory() minion.Memory {
	d := &m.disk
	mem := minion.Memory{Inc: d.inc, First: m.first(), Next: d.next, Acked: d.acked, Done: map[string]minion.Done{}}
	for jid, attempt := range d.done {
		mem.Done[jid] = minion.Done{Attempt: attempt, Inc: d.inc, Seq: d.next - 1}
	}
	return mem
}

func (m *minionNode) start() {
	m.life++
	m.wake = time.Time{}
	m.core = minion.NewCore(minion.CoreOptions{ID: m.id, Jitter: m.w.rng.Float64})
	m.step(minion.Started{Memory: m.memory()})
}

func (m *minionNode) crash() {
	if m.core == nil {
		return
	}
	m.w.logf("%s crashes", m.name)
	m.cut("the minion crashed")
	m.core = nil
	m.w.every(m.w.between(0, 5*time.Second), m.revive)
}

func (m *minionNode) revive() {
	if m.core == nil {
		m.w.logf("%s starts: next %d, acked %d", m.name, m.disk.next, m.disk.acked)
		m.start()
	}
}

// restore puts an old disk back, or takes a snapshot of this one for a later time.
func (m *minionNode) restore() {
	if m.w.rng.IntN(2) == 0 {
		m.w.logf("%s snapshot at %d", m.name, m.disk.next)
		m.old = m.disk.clone()
		return
	}
	m.w.logf("%s restored from %d to %d", m.name, m.disk.next, m.old.next)
	m.crash()
	m.w.oracle.restored(m, &m.w.master.disk)
	m.disk = m.old.clone()
}

func (m *minionNode) cut(why string) {
	if m.conn != nil {
		m.w.logf("%s: %s", m.name, why)
		m.w.drop(m.conn, errCut)
		m.conn = nil
	}
}

// schedule fires the minion's events over the bad times.
func (m *minionNode) schedule() {
	for range m.w.opt.Events {
		m.w.every(m.w.between(0, m.w.opt.Duration), m.fire)
	}
}

// fire makes one event, if the minion is alive: the oracle counts it once it is on disk.
func (m *minionNode) fire() {
	if m.core == nil {
		return
	}
	m.fired++
	name := fmt.Sprintf("%s-%d", m.name, m.fired)
	data, err := event.Encode(map[string]string{"name": name})
	if err != nil {
		panic(err)
	}
	if m.w.chance(m.w.opt.Refused) {
		m.commit([]wire.Event{{Tag: "brine/minion/somebody-else/start", Data: data}}, func() {})
		return
	}
	tag := []string{"work/", "work/", "drift/", "ping/", "steps/"}[m.w.rng.IntN(5)] + m.id
	m.commit([]wire.Event{{Tag: tag, Data: data}}, func() { m.w.oracle.accepted(m, name) })
}

// commit syncs events after a while, unless the minion crashes before.
func (m *minionNode) commit(events []wire.Event, then func()) {
	life := m.life
	m.w.every(m.w.between(100*time.Microsecond, 5*time.Millisecond), func() {
		if m.core == nil || m.life != life {
			return
		}
		for _, e := range events {
			e.Seq, e.Time = m.disk.next, m.w.now.UnixNano()
			m.disk.events[e.Seq] = wire.EncodeEvent(e)
			m.disk.next++
		}
		then()
		m.step(minion.Appended{Next: m.disk.next})
	})
}

// step drives the core; what an output answers at once is the next input.
func (m *minionNode) step(in minion.Input) {
	pending := []minion.Input{in}
	for len(pending) > 0 && m.core != nil {
		in, pending = pending[0], pending[1:]
		for _, out := range append([]minion.Output(nil), m.core.Step(m.w.now, in)...) {
			pending = append(pending, m.do(out)...)
		}
	}
	m.alarm()
}

// alarm makes sure that a Tick comes when the core wants one.
func (m *minionNode) alarm() {
	if m.core == nil {
		return
	}
	at := m.core.Wake()
	if at.IsZero() || at.Equal(m.wake) {
		return
	}
	m.wake = at
	life := m.life
	m.w.at(maxTime(at, m.w.now), func() {
		if m.core != nil && m.life == life {
			m.wake = time.Time{}
			m.step(minion.Tick{})
		}
	})
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (m *minionNode) do(out minion.Output) []minion.Input {
	switch out := out.(type) {
	case minion.Dial:
		m.w.dial(m, out.Conn)
	case minion.Log:
		m.w.logf("%s: %s %v", m.name, out.Text, out.Args)
	case minion.Hangup:
		if c := m.find(out.Conn); c != nil {
			m.w.drop(c, fmt.Errorf("hung up: %s", out.Reason))
		}
	case minion.Send:
		if c := m.find(out.Conn); c != nil {
			m.conn = c
			m.w.up(c, out.Msg)
		}
	case minion.Transmit:
		return m.transmit(out)
	case minion.Trim:
		m.trim(out.UpTo)
		m.disk.dead += len(out.Rejected)
	case minion.Compare:
		sum, ok := m.sumOf(out.Seq)
		return []minion.Input{minion.Compared{Conn: out.Conn, Same: ok && sum == out.Sum}}
	case minion.Renew:
		m.w.logf("%s renews: %s", m.name, out.Reason)
		m.disk.inc = event.NewIncarnation(m.w.rng.Uint64())
		m.disk.acked, m.disk.sum = 0, 0
		return []minion.Input{minion.Renewed{Memory: m.memory()}}
	case minion.Fire:
		m.commit([]wire.Event{{Tag: out.Tag}}, func() {})
	case minion.Run:
		m.run(out.Job)
	case minion.Refuse:
		m.finish(out.Job)
	case minion.Recall:
		jid := out.Job.JID
		m.commit([]wire.Event{m.disk.results[jid]}, func() {
			m.step(minion.Finished{JID: jid, Done: minion.Done{Attempt: m.disk.done[jid], Inc: m.disk.inc, Seq: m.disk.next - 1}})
		})
	}
	return nil
}

func (m *minionNode) find(num uint64) *conn { return m.w.conns[connKey{m, m.life, num}] }

func (m *minionNode) first() uint64 {
	first := m.disk.next
	for seq := range m.disk.events {
		first = min(first, seq)
	}
	return first
}

func (m *minionNode) sumOf(seq uint64) (uint64, bool) {
	if seq == m.disk.acked {
		return m.disk.sum, true
	}
	raw, ok := m.disk.events[seq]
	return wire.Sum(raw), ok
}

func (m *minionNode) transmit(out minion.Transmit) []minion.Input {
	answer := minion.Transmitted{Conn: out.Conn, From: out.From, To: out.From - 1}
	var raws []wire.RawEvent
	for seq := out.From; seq < m.disk.next && len(raws) < 5; seq++ { // small batches: more can go wrong
		raws = append(raws, m.disk.events[seq])
		answer.Bytes += len(m.disk.events[seq])
		answer.To = seq
	}
	if c := m.find(out.Conn); c != nil && len(raws) > 0 {
		m.w.up(c, &wire.Events{First: out.From, Events: raws})
	}
	return []minion.Input{answer}
}

func (m *minionNode) trim(upTo uint64) {
	if raw, ok := m.disk.events[upTo]; ok {
		m.disk.sum = wire.Sum(raw)
	}
	for seq := range m.disk.events {
		if seq <= upTo {
			delete(m.disk.events, seq)
		}
	}
	m.disk.acked = upTo
}

// run carries out a job, which takes a while; the oracle hears of the start.
func (m *minionNode) run(j *wire.Job) {
	m.w.oracle.began(m, j)
	life := m.life
	m.w.every(m.w.between(time.Millisecond, 500*time.Millisecond), func() {
		if m.core != nil && m.life == life {
			m.finish(j)
		}
	})
}

func (m *minionNode) finish(j *wire.Job) {
	data, err := event.Encode(failing(job.Result{JID: j.JID, Attempt: j.Attempt, Fun: j.Fun}, !m.w.chance(m.w.opt.Fail)))
	if err != nil {
		panic(err)
	}
	ret := wire.Event{Tag: "brine/job/" + j.JID + "/ret/" + m.id, Causes: []event.ID{j.Cause}, Depth: j.Depth, Data: data}
	m.commit([]wire.Event{ret}, func() {
		m.disk.done[j.JID], m.disk.results[j.JID] = j.Attempt, ret
		m.w.oracle.finishedJob(m, j)
		m.step(minion.Finished{JID: j.JID, Done: minion.Done{Attempt: j.Attempt, Inc: m.disk.inc, Seq: m.disk.next - 1}})
	})
}
