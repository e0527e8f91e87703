package minion

import (
	"fmt"
	"testing"
	"time"

	"brine/internal/job"
	"brine/internal/wire"
)

func (p *player) outs(in Input) []Output { return append([]Output(nil), p.core.Step(p.now, in)...) }

// connect makes a player whose session is established.
func connect(t *testing.T) *player {
	p := newPlayer(t)
	p.outs(Started{Memory: Memory{Inc: 1, First: 1, Next: 1}})
	p.outs(Connected{Conn: 1})
	p.outs(Received{Conn: 1, Msg: &wire.Welcome{Proto: 1}})
	if !p.core.Up() {
		t.Fatal("no session")
	}
	return p
}

func apply(n int) Received {
	return Received{Conn: 1, Msg: &wire.Job{JID: jid(fmt.Sprint(n)), Attempt: 1, Fun: job.StateApply, Remaining: time.Hour}}
}

func TestFullQueueTakesNothing(t *testing.T) {
	p := connect(t)
	for i := range maxQueuedJobs + 1 { // one of them runs
		if taken, ok := p.outs(apply(i))[0].(Send); !ok || taken.Msg.(*wire.Taken).JID != jid(fmt.Sprint(i)) {
			t.Fatalf("job %d is not taken", i)
		}
	}
	outs := p.outs(apply(99))
	if _, ok := outs[0].(Log); !ok || len(outs) != 1 {
		t.Errorf("one more: %v", outs)
	}
	p.outs(Finished{JID: jid("0"), Done: Done{Attempt: 1, Inc: 1, Seq: 1}})
	if _, ok := p.outs(apply(99))[0].(Send); !ok {
		t.Error("not taken when there was room again")
	}
}

// What is remembered of finished jobs is bounded, and the latest are remembered; a run that outlasts them all is not started twice.
func TestFinishedJobsAreRemembered(t *testing.T) {
	p := newPlayer(t)
	mem := Memory{Inc: 1, First: 1, Next: 1, Done: map[string]Done{}}
	for i := range 4096 { // as many as the outbox holds
		mem.Done[jid(fmt.Sprint("old", i))] = Done{Attempt: 1, Inc: 1}
	}
	p.outs(Started{Memory: mem})
	p.outs(Connected{Conn: 1})
	p.outs(Received{Conn: 1, Msg: &wire.Welcome{Proto: 1}})
	p.outs(apply(-1))
	for i := range 3 * maxDone {
		ping := &wire.Job{JID: jid(fmt.Sprint(i)), Attempt: 1, Fun: job.TestPing, Remaining: time.Hour}
		p.outs(Received{Conn: 1, Msg: ping})
		p.outs(Finished{JID: ping.JID, Done: Done{Attempt: 1, Inc: 1, Seq: uint64(i) + 1}})
		if i == 4000 {
			for old := range mem.Done {
				if _, ok := p.core.done[old]; !ok {
					t.Fatalf("%s is forgotten after 4000 others", old)
				}
			}
		}
	}
	if len(p.core.done) > maxDone || len(p.core.order) > maxDone {
		t.Errorf("%d jobs are remembered, %d in order", len(p.core.done), len(p.core.order))
	}
	if outs := p.outs(apply(-1)); len(outs) > 1 {
		t.Errorf("a job that runs is started again: %v", outs)
	}
	last := jid(fmt.Sprint(3*maxDone - 1))
	for _, out := range p.outs(Received{Conn: 1, Msg: &wire.Job{JID: last, Attempt: 1, Fun: job.TestPing, Remaining: time.Hour}}) {
		if _, ok := out.(Run); ok {
			t.Error("the job that finished last is started again")
		}
	}
}

// The waits between dials grow up to half a minute and no further, and are spread.
func TestBackoff(t *testing.T) {
	for _, jitter := range []float64{0, 0.5, 0.999} {
		p := &player{t: t, now: start, core: NewCore(CoreOptions{ID: "web1", Jitter: func() float64 { return jitter }})}
		p.outs(Started{Memory: Memory{Inc: 1, First: 1, Next: 1}})
		last := time.Duration(0)
		for conn := uint64(1); conn < 70; conn++ {
			p.outs(ConnectFailed{Conn: conn})
			wait := p.core.Wake().Sub(p.now)
			if wait < last || wait < backoffMin/2 || wait > backoffMax {
				t.Errorf("dial %d: %s after %s", conn, wait, last)
			}
			last, p.now = wait, p.core.Wake()
			if _, ok := p.outs(Tick{})[0].(Dial); !ok {
				t.Fatal("no dial")
			}
		}
		if want := backoffMax/2 + time.Duration(jitter*float64(backoffMax)/2); last != want {
			t.Errorf("jitter %v: %s, want %s", jitter, last, want)
		}
	}
}
