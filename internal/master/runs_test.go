package master

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/wire"
	"brine/reactors"
)

// runPlayer is a player that keeps the tags of all events appended and can answer jobs.
type runPlayer struct {
	*player
	tags []string
	seq  map[string]uint64
}

func newRunPlayer(t *testing.T, rules string, n, online int) *runPlayer {
	return &runPlayer{player: newPlayer(t, rules, n, online), seq: map[string]uint64{}}
}

func (p *runPlayer) do(in Input) []Output {
	outs := p.outs(in)
	for _, out := range outs {
		if a, ok := out.(Append); ok {
			p.tags = append(p.tags, a.Event.Tag)
		}
	}
	return outs
}

func (p *runPlayer) fire(tag string) { p.do(FireEvent{Ref: 1, Tag: tag, By: "root"}) }

func (p *runPlayer) saw(tag string) int {
	n := 0
	for _, t := range p.tags {
		if t == tag {
			n++
		}
	}
	return n
}

// finish lets the minion on connection conn answer the open jobs of its queue, until there are none.
func (p *runPlayer) finish(id string, conn uint64, ok bool) {
	p.t.Helper()
	for range 100 {
		q := p.core.minions[id].queue.jobs
		if len(q) == 0 {
			return
		}
		j := q[0]
		if j.stage == compiling {
			p.do(Compiled{JID: j.JID, Target: id, Low: &job.LowState{Hash: hash("low")}})
		}
		p.seq[id]++
		d, err := event.Encode(job.Result{JID: j.JID, Attempt: j.attempt(), OK: ok, Error: "asked to", Final: !ok})
		if err != nil {
			p.t.Fatal(err)
		}
		e := wire.Event{Seq: p.seq[id], Tag: jobTag + j.JID + "/ret/" + id, Data: d}
		p.do(Events{Conn: conn, First: e.Seq, Items: []Item{{Raw: wire.EncodeEvent(e), Event: e}}})
	}
	p.t.Fatalf("%s has open jobs for ever", id)
}

// A minion whose key is deleted before its batch begins must not keep the run waiting: nobody would ever answer.
func TestKeyDeletedBeforeItsBatch(t *testing.T) {
	p := newRunPlayer(t, "roll:\n  on: roll\n  do:\n    - {state.apply: app, tgt: '*', batch: 1, max_failures: 1}\n    - event.fire: rolled\n", 3, 3)
	p.fire("roll")
	p.do(KeyCommand{Ref: 1, Act: KeyDelete, Who: []string{"m1"}, By: "root"})
	p.finish("m0", 1, true)
	p.finish("m2", 3, true)
	if p.saw("rolled") != 1 || len(p.core.runs) != 0 || len(p.core.jobs) != 0 {
		t.Errorf("rolled %d times, %d runs and %d jobs are open", p.saw("rolled"), len(p.core.runs), len(p.core.jobs))
	}
}

// A job that an operator retries counts no more for its run: not after a restart either, or the run would wait for it for ever.
func TestRetriedJobAfterRestart(t *testing.T) {
	p := newRunPlayer(t, "roll:\n  on: roll\n  do:\n    - {state.apply: app, tgt: '*', retry: {attempts: 1}}\n    - event.fire: rolled\n  on_failure: {event.fire: failed}\n", 2, 2)
	p.fire("roll")
	p.finish("m0", 1, false)
	var dead []job.Job
	for _, j := range p.disk.jobs {
		if j.Status == job.Dead {
			dead = append(dead, j)
		}
	}
	p.do(RetryJob{Ref: 1, Jobs: dead, By: "root"})
	p.start(0)
	for i, id := range []string{"m0", "m1"} {
		conn := uint64(i) + 11
		p.do(Opened{Conn: conn, Key: fingerprint(id)})
		h := p.hello(id, nil)
		h.Next = p.seq[id] + 1
		p.do(Received{Conn: conn, Msg: h})
		p.finish(id, conn, true)
	}
	if len(p.core.runs) != 0 || p.saw("failed") != 1 {
		t.Errorf("%d runs wait, on_failure ran %d times", len(p.core.runs), p.saw("failed"))
	}
}

// What a rule without a run has joined is not cancelled with the run that it joined.
func TestCancelledRunLeavesOthersDecisions(t *testing.T) {
	rules := "roll:\n  on: roll\n  do:\n    - {state.apply: app, tgt: m0}\n    - event.fire: rolled\n" +
		"plain:\n  on: plain\n  do: {state.apply: app, tgt: m0}\n"
	for _, order := range [][]string{{"roll", "plain"}, {"plain", "roll"}} {
		p := newRunPlayer(t, rules, 1, 0)
		for _, tag := range order {
			p.fire(tag)
		}
		if len(p.core.jobs) != 1 || len(p.core.runs) != 1 {
			t.Fatalf("%d jobs, %d runs", len(p.core.jobs), len(p.core.runs))
		}
		for id := range p.core.runs {
			p.do(CancelJob{Ref: 1, JID: id, By: "root"})
		}
		if len(p.core.jobs) != 1 {
			t.Errorf("%v: the other rule's decision is gone with the run", order)
		}
	}
}

// Runs that find no room do not wait in memory either.
func TestApprovalsAreBounded(t *testing.T) {
	p := newRunPlayer(t, "ask:\n  on: ask\n  max_rate: none\n  do:\n    - approve: really?\n    - event.fire: yes\n", 0, 0)
	for i := range maxRuns + 50 {
		p.core.Step(p.now, FireEvent{Ref: i, Tag: "ask", By: "root"})
	}
	if len(p.core.runs) > maxRuns {
		t.Errorf("%d runs wait for an approval", len(p.core.runs))
	}
}

// A rule that was paused while more minions than one decision names drifted: all are put right, in batches as well.
func TestHeldBatchesAllRun(t *testing.T) {
	const n = 1100
	p := newRunPlayer(t, "fix:\n  on: work/*\n  from: '*'\n  do: {state.apply: app, batch: 600}\n", n, n)
	p.do(Pause{Ref: 1, Rules: []string{"fix"}, For: time.Hour, Why: "patching", By: "root"})
	for i := range n {
		e := wire.Event{Seq: 1, Tag: "work/x"}
		p.seq[fmt.Sprintf("m%d", i)] = 1
		p.do(Events{Conn: uint64(i) + 1, First: 1, Items: []Item{{Raw: wire.EncodeEvent(e), Event: e}}})
	}
	p.do(Resume{Ref: 1, Rules: []string{"fix"}, By: "root"})
	for i := range n {
		p.finish(fmt.Sprintf("m%d", i), uint64(i)+1, true)
	}
	done := map[string]bool{}
	for k, j := range p.disk.jobs {
		done[k.target] = done[k.target] || j.Status == job.Succeeded
	}
	if len(done) != n || len(p.core.runs) != 0 {
		t.Errorf("%d of %d minions were put right, %d runs are open", len(done), n, len(p.core.runs))
	}
}

// A decision that was held back and one of just now may be the same jobs: the run of steps goes on when they end.
func TestRunOfJobsThatAreThereAlready(t *testing.T) {
	p := newRunPlayer(t, "", 1, 1)
	e := event.Event{ID: event.ID{Origin: event.Master, Inc: 9, Seq: 1}, Tag: "x"}
	apply := reactors.Decision{Fun: job.StateApply, Tgt: "*", TgtType: "glob", Args: job.Args{SLS: []string{"app"}}}
	ordered := apply
	ordered.Ordered = true
	then := reactors.Decision{Step: 1, Fun: job.EventFire, Fire: &reactors.Fire{Tag: "then"}, Ordered: true}
	for _, batch := range []*reactors.Options{nil, {Batch: &reactors.Share{Number: 1}}} {
		e.ID.Seq++
		p.tags = nil
		apply.Options = batch
		var out Verdict
		p.core.out = nil
		p.core.carryOut(e, reactors.Verdict{Rule: "r", Decisions: []reactors.Decision{ordered, then, apply}}, &out)
		for _, o := range p.core.out {
			p.disk.store(t, o)
		}
		p.finish("m0", 1, true)
		if p.saw("then") != 1 || len(p.core.runs) != 0 {
			t.Errorf("the next step ran %d times, %d runs are open", p.saw("then"), len(p.core.runs))
		}
	}
}

// What a step gave on thousands of minions is in memory until the last of them has answered.
func TestResultsOfManyTargetsAreShort(t *testing.T) {
	long := strings.Repeat("x", 30_000)
	ret, err := event.Encode(long[:1000])
	if err != nil {
		t.Fatal(err)
	}
	res := &job.Result{OK: true, Exit: 3, Stdout: long, Stderr: long, Return: ret}
	for _, c := range []struct {
		targets int
		plan    *reactors.Plan
		most    int
		ret     bool
	}{{1, &reactors.Plan{}, maxStepText, true}, {maxStepTargets + 1, &reactors.Plan{}, maxTargetText, false}, {1, nil, 0, false}} {
		r := &openRun{Run: Run{Plan: c.plan, Steps: []RunStep{{Targets: make([]string, c.targets)}}}}
		m := r.minionResult(job.Job{Status: job.Succeeded}, res)
		if !m.OK || m.Exit != 3 || len(m.Stdout) != c.most || len(m.Stderr) != c.most || (m.Return != nil) != c.ret {
			t.Errorf("%d targets: %d and %d bytes, returned %t", c.targets, len(m.Stdout), len(m.Stderr), m.Return != nil)
		}
	}
}
