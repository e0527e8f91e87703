package master

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/wire"
)

// livelyRules have whatever a run can wait for.
const livelyRules = `
roll:
  on: roll
  do:
    - {name: one, state.apply: app, tgt: '*', batch: 2, max_failures: 1, retry: {attempts: 2}}
    - event.fire: {tag: next, data: {n: '${steps.one.failed}'}}
    - {state.apply: more, tgt: 'm[01]', ignore_failure: true}
  on_failure:
    - {state.apply: undo, tgt: '*'}
again:
  on: [roll, next]
  do: {state.apply: app, tgt: '*'}
both:
  on: next
  do:
    - {state.apply: app, tgt: '*', retry: {attempts: 2, timeout: 20m}}
    - approve: {text: sure, within: 5m}
    - {state.apply: more, tgt: m2}
mine:
  on: work/*
  from: '*'
  throttle: {once_within: 10s, by: [minion]}
  do:
    - state.apply: app
    - {state.apply: more, tgt: '*', batch: 50%}
`

// livelyPlayer has some minions that come and go.
type livelyPlayer struct {
	*runPlayer
	rng  *rand.Rand
	conn uint64
	on   map[string]uint64 // connections by id
}

func (p *livelyPlayer) id() string { return fmt.Sprintf("m%d", p.rng.IntN(4)) }

func (p *livelyPlayer) connect(id string) {
	if p.core.minions[id] == nil || p.core.minions[id].key == "" || p.on[id] != 0 {
		return
	}
	p.conn++
	p.on[id] = p.conn
	h := p.hello(id, nil)
	h.Next = p.seq[id] + 1
	p.do(Opened{Conn: p.conn, Key: fingerprint(id)})
	p.do(Received{Conn: p.conn, Msg: h})
}

func (p *livelyPlayer) disconnect(id string) {
	if conn := p.on[id]; conn != 0 {
		delete(p.on, id)
		p.do(Closed{Conn: conn})
	}
}

// answer lets a minion end its first job.
func (p *livelyPlayer) answer(id string, ok bool) {
	m := p.core.minions[id]
	if p.on[id] == 0 || m == nil {
		return
	}
	for _, j := range slices.Clone(m.queue.jobs) {
		if j.stage == compiling {
			p.do(Compiled{JID: j.JID, Target: id, Low: &job.LowState{Hash: hash("low")}})
		}
		if j.stage != sent {
			continue
		}
		d, err := event.Encode(job.Result{JID: j.JID, Attempt: j.Attempt, OK: ok, Error: "asked to", Final: p.rng.IntN(2) == 0})
		if err != nil {
			p.t.Fatal(err)
		}
		p.fireOn(id, jobTag+j.JID+"/ret/"+id, d)
		return
	}
}

func (p *livelyPlayer) fireOn(id, tag string, d event.Data) {
	if p.on[id] == 0 {
		return
	}
	p.seq[id]++
	e := wire.Event{Seq: p.seq[id], Tag: tag, Data: d, Time: p.now.UnixNano()}
	p.do(Events{Conn: p.on[id], First: e.Seq, Items: []Item{{Raw: wire.EncodeEvent(e), Event: e}}})
}

func (p *livelyPlayer) key(act KeyAct, id string) {
	if act == KeyDelete {
		delete(p.on, id)
		p.do(KeyCommand{Ref: 1, Act: act, Who: []string{id}, By: "root"})
		return
	}
	if m := p.core.minions[id]; m != nil && m.key != "" {
		return
	}
	p.do(Enrol{Ref: 1, Key: fingerprint(id), Remote: "10.0.0.1:1", Req: identity.Request{ID: id, Version: "1", Proto: 1}})
	p.do(KeyCommand{Ref: 1, Act: KeyAccept, Who: []string{id}, By: "root"})
}

func (p *livelyPlayer) retryAll() {
	byJID := map[string][]job.Job{}
	for _, j := range p.disk.jobs {
		if !j.Status.Open() && j.Status != job.Succeeded {
			byJID[j.JID] = append(byJID[j.JID], j)
		}
	}
	for _, jid := range slices.Sorted(maps.Keys(byJID)) {
		if p.rng.IntN(3) == 0 {
			p.do(RetryJob{Ref: 1, Jobs: byJID[jid], By: "root"})
		}
	}
}

func (p *livelyPlayer) some(of []string) string {
	if len(of) == 0 {
		return "none"
	}
	slices.Sort(of)
	return of[p.rng.IntN(len(of))]
}

func (p *livelyPlayer) act() {
	id := p.id()
	switch n := p.rng.IntN(20); n {
	case 0, 1:
		p.fire("roll")
	case 2:
		p.fire("next")
	case 3, 4:
		p.fireOn(id, "work/x", nil)
	case 5:
		p.disconnect(id)
	case 6, 7:
		p.connect(id)
	case 8, 9, 10, 11:
		p.answer(id, p.rng.IntN(3) > 0)
	case 12:
		p.key([]KeyAct{KeyDelete, KeyAccept}[p.rng.IntN(2)], id)
	case 13:
		p.do(CancelJob{Ref: 1, JID: p.some(slices.Collect(maps.Keys(p.core.runs))), By: "root"})
	case 14:
		var jids []string
		for k := range p.core.jobs {
			jids = append(jids, k.jid)
		}
		p.do(CancelJob{Ref: 1, JID: p.some(jids), By: "root"})
	case 15:
		p.retryAll()
	case 16:
		p.on = map[string]uint64{}
		p.start(0)
	case 17:
		in := Pause{Ref: 1, For: time.Minute, Why: "test", By: "root"}
		if p.rng.IntN(2) == 0 {
			in.Rules = []string{"mine"}
		} else {
			in.Tgt, in.TgtType = id, "glob"
		}
		p.do(in)
	default:
		p.wait([]time.Duration{time.Second, 10 * time.Second, time.Minute}[p.rng.IntN(3)])
	}
}

// Whatever happens to the jobs of a run and to their minions, when all is there again every run comes to its end, before and after a
// restart, and so does every job.
func TestEveryRunEnds(t *testing.T) {
	for seed := range uint64(60) {
		p := &livelyPlayer{runPlayer: newRunPlayer(t, livelyRules, 4, 0), rng: rand.New(rand.NewPCG(seed, 1)), conn: 100, on: map[string]uint64{}}
		for range 120 {
			p.act()
		}
		p.do(Resume{Ref: 1, All: true, By: "root"})
		for range 400 {
			for _, id := range []string{"m0", "m1", "m2", "m3"} {
				p.key(KeyAccept, id)
				p.connect(id)
				p.answer(id, true)
			}
			p.wait(10 * time.Second)
		}
		if len(p.core.runs) > 0 || len(p.core.jobs) > 0 {
			var open []string
			for _, r := range p.core.runs {
				s := r.step()
				open = append(open, fmt.Sprintf("%s step %d %s waits for %v, left %v, ended %v", r.Rule, r.At, s.Status, r.waiting, r.left, r.ended))
			}
			for _, j := range p.core.jobs {
				open = append(open, fmt.Sprintf("job %s %s for %s: stage %d, runs %v, until %s", j.JID, j.Fun, j.Target, j.stage, j.Runs, j.Deadline.Sub(p.now)))
			}
			t.Fatalf("seed %d: %d jobs, %d runs are open:\n%s", seed, len(p.core.jobs), len(p.core.runs), strings.Join(open, "\n"))
		}
	}
}
