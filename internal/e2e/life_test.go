package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/rig"
	"brine/internal/wire"
)

// stopsSoon is how long a daemon may take to end; it is a promise to whoever runs it.
const stopsSoon = 2 * time.Second

func (w *world) stopsSoon(what string, p *rig.Process) {
	w.t.Helper()
	start := time.Now()
	if err := p.Stop(); err != nil {
		w.t.Errorf("%s: %v", what, err)
	}
	took := time.Since(start)
	w.t.Logf("%s: ended after %s", what, took.Round(time.Millisecond))
	if took > stopsSoon {
		w.t.Errorf("%s: it took %s", what, took)
	}
}

// SIGTERM ends both daemons soon, whatever they are about and whether or not the other is there.
func TestStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("reactors/slow.yaml", "slow:\n  on: e2e/slow\n  do: [{master.exec: [sleep, '60']}]\n")
	files, config := w.manage("motd")
	w.startMaster()
	p := newProxy(t, w.Addr)
	m := w.prepare("web1", config)
	p.behind(w, m)
	w.start(m)
	w.must(w.Accept(w.ctx, "web1"))
	w.must(w.Online(w.ctx, "web1"))
	w.bring(m, files...)

	w.stopsSoon("a minion in session", m.Process)
	w.one("brine/minion/web1/offline", 0)
	w.stopsSoon("a master without minions", w.Master)
	w.start(m)
	w.status(m)
	w.stopsSoon("a minion without its master", m.Process)
	w.start(m)
	w.startMaster()
	w.must(w.Online(w.ctx, "web1"))
	_, err := w.Client.Fire(w.ctx, "e2e/slow", nil)
	w.must(err)
	w.until("the command runs", func() bool {
		jobs, err := w.Client.Jobs(w.ctx, api.JobQuery{Open: true})
		w.must(err)
		return len(jobs) == 1 && jobs[0].Status == job.Sent
	})
	w.stopsSoon("a master with a minion in session, running a command", w.Master)
	w.status(m)
	w.startMaster()
	w.must(w.Online(w.ctx, "web1"))
	p.freeze(toMaster, toMinion)
	w.stopsSoon("a minion whose connection is half open", m.Process)
	w.stopsSoon("a master whose connection is half open", w.Master)
	// A client that only listens does not hold it up either.
	w.startMaster()
	heard := make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		first := true
		for range w.Client.Events(w.ctx, api.Query{Follow: true, From: 1}) {
			if first {
				close(heard)
			}
			first = false
		}
	}()
	<-heard
	w.stopsSoon("a master that somebody watches", w.Master)
	<-over
	for _, sock := range []string{"run/master.sock", "run/web1.sock", "run/tap/events.ipc"} {
		if _, err := os.Lstat(w.Path(sock)); err == nil {
			t.Errorf("%s was left", sock)
		}
	}
	if out := running(w); out != "" {
		t.Errorf("left running: %s", out)
	}
}

// running lists the processes that have the installation's folder on their command line, or the command of the slow rule that it started.
func running(w *world) string {
	dirs, err := os.ReadDir("/proc")
	w.must(err)
	var list []string
	for _, d := range dirs {
		line, err := os.ReadFile("/proc/" + d.Name() + "/cmdline")
		if err != nil {
			continue // no process, or gone
		}
		env, _ := os.ReadFile("/proc/" + d.Name() + "/environ")
		if strings.Contains(string(line), w.Dir) || strings.Contains(string(line), "sleep\x0060") && strings.Contains(string(env), "BRINE_JOB_ID=") {
			list = append(list, d.Name()+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return strings.Join(list, "; ")
}

// A master that was stopped knows everything it knew, however much there is in its log.
func TestRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files, config := w.manage("motd")
	w.startMaster()
	m := w.minion("web1", config)
	w.bring(m, files...)
	big := w.minion("web2", "")
	w.settled(m, big)
	w.must(big.Stop())
	w.fill(big, sized(100_000, 20_000))
	pinged := w.submit(api.Submit{Fun: job.TestPing, Tgt: "web1"})[0]
	waiting, err := w.Client.Submit(w.ctx, api.Submit{Fun: job.TestPing, Tgt: "web2"})
	w.must(err)
	token := w.token(api.NewToken{TTL: api.Duration(time.Hour)})
	before := w.state()
	head := w.head()

	for _, stop := range []func() error{w.Master.Stop, func() error { w.Master.Kill(); return nil }} {
		w.must(stop())
		start := time.Now()
		w.startMaster()
		t.Logf("with %d events it answers after %s", head, time.Since(start).Round(time.Millisecond))
		w.must(w.Online(w.ctx, "web1"))
		if after := w.state(); after != before {
			t.Errorf("before:\n%s\nafter:\n%s", before, after)
		}
		if again := w.ended(pinged.JID); again[0].Ret != pinged.Ret {
			t.Errorf("%+v", again)
		}
		from := w.head()
		w.must(os.Remove(files[0].path))
		files[0].restored(from)
	}
	w.start(big)
	w.ended(waiting.JID)
	j := w.joiner("web3", "join_token: "+token+"\n")
	w.start(j)
	w.must(w.Online(w.ctx, "web3"))

	// The minion too.
	w.settled(m)
	was := w.status(m)
	w.must(m.Stop())
	w.start(m)
	w.must(w.Online(w.ctx, "web1"))
	if now := w.status(m); now.Incarnation != was.Incarnation || now.Key != was.Key {
		t.Errorf("%+v became %+v", was, now)
	}
	w.settled(m)
	w.none("brine/minion/*/renewed")
	w.none("brine/gap/*")
}

// restored is corrected while a job of somebody else's waits.
func (f *managed) restored(from uint64) {
	f.w.t.Helper()
	f.right()
	f.w.until("the correction is told", func() bool {
		list := f.w.tagged(f.tag(), from)
		return len(list) == 2 && list[1].Own
	})
}

// state is what the master knows besides its log, as text.
func (w *world) state() string {
	w.t.Helper()
	var b strings.Builder
	keys, err := w.Client.Keys(w.ctx, "")
	w.must(err)
	for _, k := range keys {
		b.WriteString(k.ID + " " + string(k.Key) + " " + string(k.Status) + "\n")
	}
	tokens, err := w.Client.Tokens(w.ctx)
	w.must(err)
	for _, t := range tokens {
		b.WriteString("token " + t.Name + " " + t.Expires.String() + "\n")
	}
	rules, err := w.Client.Rules(w.ctx)
	w.must(err)
	for _, r := range rules.Rules {
		b.WriteString("rule " + r.Name + "\n")
	}
	fp, err := w.Client.Fingerprint(w.ctx)
	w.must(err)
	b.WriteString(string(fp))
	return b.String()
}

// fill brings n events into the log, as the minion, by hand and in large batches.
func (w *world) fill(m *rig.Minion, n int) {
	w.t.Helper()
	g, p, err := w.enter(w.keyOf(m))
	w.must(err)
	send(w, p, &wire.Hello{MinProto: 1, MaxProto: wire.Proto, ID: m.ID, Inc: event.NewIncarnation(7), First: 1, Next: uint64(n) + 1, Now: time.Now().UnixNano()})
	data, err := event.Encode(map[string]any{"text": strings.Repeat("x", 200)})
	w.must(err)
	const window = 8 * wire.MaxBatch // events on their way: what the queue of a connection holds
	acked := func(upTo uint64) {
		w.until("the events are taken in", func() bool {
			got, _ := g.messages()
			if len(got) == 0 {
				return upTo == 0
			}
			ack, ok := got[len(got)-1].(*wire.Ack)
			return upTo == 0 || ok && ack.UpTo >= upTo
		})
	}
	batch := &wire.Events{First: 1}
	for seq := 1; seq <= n; seq++ {
		batch.Events = append(batch.Events, wire.EncodeEvent(wire.Event{Seq: uint64(seq), Time: time.Now().UnixNano(), Tag: "e2e/fill", Data: data}))
		if len(batch.Events) == wire.MaxBatch || seq == n {
			send(w, p, batch)
			batch = &wire.Events{First: uint64(seq) + 1}
			acked(uint64(max(0, seq-window)))
		}
	}
	acked(uint64(n))
	p.Close(nil)
}
