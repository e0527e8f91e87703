package master

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/wire"

	"github.com/rogpeppe/go-internal/txtar"
)

// newPlayer makes a core with n accepted minions m0, m1 and so on, of which those in session have the connection of their number
// plus one.
func newPlayer(t testing.TB, rules string, n, online int) *player {
	now := time.Now()
	p := &player{files: map[string]string{"rules": rules}, now: now.Add(start.Sub(now)), disk: newDisk(), quiet: true}
	p.t, _ = t.(*testing.T)
	for i := range n {
		id := fmt.Sprintf("m%d", i)
		p.disk.keys[fingerprint(id)] = identity.Record{ID: id, Key: fingerprint(id), Status: identity.Accepted, First: start, Updated: start}
	}
	p.disk.rules = "rules"
	p.start(0)
	for i := range online {
		id := fmt.Sprintf("m%d", i)
		p.outs(Opened{Conn: uint64(i) + 1, Key: fingerprint(id)})
		p.outs(Received{Conn: uint64(i) + 1, Msg: p.hello(id, nil)})
	}
	return p
}

// outs takes one step and gives what came of it.
func (p *player) outs(in Input) []Output {
	outs := append([]Output(nil), p.core.Step(p.now, in)...)
	for _, out := range outs {
		p.disk.store(p.t, out)
	}
	return outs
}

const fixRule = "fix:\n  on: work/*\n  from: '*'\n  do: {state.apply: motd}\n"

func TestJobForThousandsIsTold(t *testing.T) {
	const n = 3000
	p := newPlayer(t, "", n, 0)
	outs := p.outs(Submit{Fun: job.TestPing, Match: func(string, map[string]any) bool { return true }, TTL: time.Hour, By: "root"})
	jobs := 0
	for _, out := range outs {
		switch out := out.(type) {
		case PutJob:
			jobs++
		case Append:
			var d newData
			if err := out.Event.Data.Decode(&d); err != nil || d.Fun != job.TestPing || len(d.Targets)+d.More != n {
				t.Errorf("%d targets and %d more, %v", len(d.Targets), d.More, err)
			}
		case Reply:
			if got := len(out.Value.(Submitted).Targets); got != n {
				t.Errorf("answered %d targets", got)
			}
		}
	}
	if jobs != n {
		t.Errorf("%d jobs", jobs)
	}
	long := newData{More: 1, Args: job.Args{SLS: []string{"motd"}}}
	for range maxTargetsTold {
		long.Targets = append(long.Targets, strings.Repeat("x", event.MaxMinionID))
	}
	if _, err := event.Encode(long); err != nil {
		t.Error(err)
	}
}

func TestQueueOfOneMinionIsBounded(t *testing.T) {
	p := newPlayer(t, "", 1, 0)
	submit := func() (last job.Job) {
		for _, out := range p.outs(Submit{Fun: job.TestPing, Match: func(string, map[string]any) bool { return true }, TTL: time.Hour, By: "root"}) {
			if put, ok := out.(PutJob); ok {
				last = put.Job
			}
		}
		return last
	}
	for i := range maxWaitingJobs {
		if j := submit(); j.Status != job.Waiting {
			t.Fatalf("job %d is %s", i, j.Status)
		}
	}
	if j := submit(); j.Status != job.Dead || !strings.Contains(j.Error, "1024 jobs wait for m0 already") {
		t.Errorf("one more is %s: %s", j.Status, j.Error)
	}
}

func TestAckOfRejectionsFitsAMessage(t *testing.T) {
	p := newPlayer(t, "", 1, 1)
	var items []Item
	for i := range wire.MaxBatch {
		e := wire.Event{Seq: uint64(i) + 1, Tag: "brine/" + strings.Repeat("\u200b\u00e9", 200)}
		items = append(items, Item{Raw: wire.EncodeEvent(e), Event: e})
	}
	acks := 0
	for _, out := range p.outs(Events{Conn: 1, First: 1, Items: items}) {
		switch out := out.(type) {
		case Send:
			acks++
			if _, err := wire.Encode(out.Msg); err != nil {
				t.Error(err)
			}
		case Append:
			var d rejectedData
			if err := out.Event.Data.Decode(&d); err != nil || d.Count != wire.MaxBatch || len(d.First) != maxRejectedTold {
				t.Errorf("%d, %d told, %v", d.Count, len(d.First), err)
			}
		}
	}
	if acks != 1 {
		t.Errorf("%d acknowledgements", acks)
	}
}

// What is closed may be referred to by timers, and those go.
func TestTimersDoNotPileUp(t *testing.T) {
	p := newPlayer(t, fixRule, 2, 1)
	p.outs(Submit{Fun: job.TestPing, Match: func(id string, _ map[string]any) bool { return id == "m1" }, TTL: 20 * time.Hour, By: "root"})
	seq := uint64(0)
	work := func(tag string, data any) (jid string) {
		d, err := event.Encode(data)
		if err != nil {
			t.Fatal(err)
		}
		seq++
		e := wire.Event{Seq: seq, Tag: tag, Data: d}
		for _, out := range p.outs(Events{Conn: 1, First: seq, Items: []Item{{Raw: wire.EncodeEvent(e), Event: e}}}) {
			if c, ok := out.(Compile); ok {
				jid = c.Job.JID
			}
		}
		return jid
	}
	for range 2000 {
		jid := work("work/x", nil)
		p.outs(Compiled{JID: jid, Target: "m0", Low: &job.LowState{Hash: hash("low")}})
		p.outs(Received{Conn: 1, Msg: &wire.Taken{JID: jid, Attempt: 1}})
		work(jobTag+jid+"/ret/m0", job.Result{JID: jid, Attempt: 1, OK: true})
	}
	if n := len(p.core.jobs); n != 1 {
		t.Errorf("%d jobs are open", n)
	}
	p.wait(time.Hour)
	if n := len(p.core.timers.h); n > 2 {
		t.Errorf("%d timers", n)
	}
	if n := len(p.core.minions["m0"].queue.jobs); n != 0 {
		t.Errorf("%d jobs in the queue", n)
	}
}

// The causes of the jobs of one decision are one slice in memory: what joins one of them must not show in another.
func TestMergedCausesAreTheJobsOwn(t *testing.T) {
	rules := "all:\n  on: [work/*, more/*]\n  from: '*'\n  do: {state.apply: motd, tgt: '*'}\n"
	p := newPlayer(t, rules, 3, 1)
	for i, tag := range []string{"work/a", "work/b", "work/c", "more/d"} {
		e := wire.Event{Seq: uint64(i) + 1, Tag: tag}
		p.outs(Events{Conn: 1, First: e.Seq, Items: []Item{{Raw: wire.EncodeEvent(e), Event: e}}})
	}
	for k, j := range p.disk.jobs {
		seen := map[event.ID]bool{}
		for _, c := range j.Causes {
			if seen[c] {
				t.Errorf("job for %s has the cause %s twice: %v", k.target, c, j.Causes)
			}
			seen[c] = true
		}
		if k.target != "m0" && (len(j.Causes) != 4 || j.Merged != 3) {
			t.Errorf("job for %s: %d merged, causes %v", k.target, j.Merged, j.Causes)
		}
	}
}

func TestContentOfASessionIsBounded(t *testing.T) {
	s := &session{content: map[string]bool{}}
	for i := range 3 * maxContent {
		s.allow(fmt.Sprint(i))
		s.allow(fmt.Sprint(i))
	}
	if len(s.content) != maxContent || len(s.order) != maxContent || !s.content[fmt.Sprint(3*maxContent-1)] {
		t.Errorf("%d hashes", len(s.content))
	}
}

// An enrolment storm, and a delete of many keys, must not walk through all minions for each key.
// Rules that fire many events each, and react to them, double at every link of the chain: the bound is told, not met by a crash.
func TestFiredEventsAreBounded(t *testing.T) {
	var steps strings.Builder
	for i := range 16 {
		fmt.Fprintf(&steps, "    - event.fire: {tag: loop/%d, data: {}}\n", i)
	}
	p := newPlayer(t, "breed:\n  on: loop/*\n  do:\n"+steps.String(), 0, 0)
	events, told := 0, 0
	for _, out := range p.outs(FireEvent{Ref: 1, Tag: "loop/start", By: "root"}) {
		if a, ok := out.(Append); ok {
			events++
			if a.Event.Tag == "brine/reactor/breed/failed" {
				told++
			}
		}
	}
	if events > maxFired+10 || events < maxFired || told != 1 {
		t.Errorf("%d events, told %d times", events, told)
	}
}

func BenchmarkKeyActs(b *testing.B) {
	p := newPlayer(b, "", 10_000, 10_000)
	for i := 0; b.Loop(); i++ {
		p.core.Step(p.now, Enrol{Key: fingerprint(fmt.Sprint("new", i)), Remote: fmt.Sprintf("10.%d.%d.%d:1", i>>16&255, i>>8&255, i&255),
			Req: identity.Request{ID: fmt.Sprintf("new%d", i), Version: "1", Proto: 1}})
	}
}

func BenchmarkSubmitTenThousand(b *testing.B) {
	p := newPlayer(b, "", 10_000, 0)
	for b.Loop() {
		p.core.Step(p.now, Submit{Fun: job.TestPing, Match: func(string, map[string]any) bool { return true }, TTL: time.Second, By: "root"})
		p.now = p.now.Add(2 * time.Second)
		p.core.Step(p.now, Tick{})
	}
}

func BenchmarkIngest(b *testing.B) {
	p := newPlayer(b, fixRule, 1, 1)
	var items []Item
	for range wire.MaxBatch {
		items = append(items, Item{Event: wire.Event{Tag: "metric/cpu", Data: make([]byte, 200)}, Raw: make([]byte, 300)})
	}
	first := uint64(1)
	for b.Loop() {
		for i := range items {
			items[i].Event.Seq = first + uint64(i)
		}
		p.core.Step(p.now, Events{Conn: 1, First: first, Items: items})
		first += wire.MaxBatch
	}
	b.ReportMetric(float64(wire.MaxBatch*b.N)/b.Elapsed().Seconds(), "events/s")
}

// A transcript is played alike each time.
func TestCoreIsDeterministic(t *testing.T) {
	ar, err := txtar.ParseFile("testdata/submit.txt")
	if err != nil {
		t.Fatal(err)
	}
	if a, b := play(t, ar), play(t, ar); a != b {
		t.Error(firstDifference(a, b))
	}
}
