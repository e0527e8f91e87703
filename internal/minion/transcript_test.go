package minion

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/wire"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what is now said into testdata")

// The transcripts in testdata: a history, and what the core wants done at each line of it. C is the number of a dial, J a
// number that makes a jid. Lines:
//
//	started [inc=1 first=1 next=1 acked=0 done=J,J]
//	appended NEXT
//	connected C; disconnected C; failed C [accepted|pending|rejected|denied]
//	welcome C HIGH SUM
//	compared C yes|no
//	renewed INC                     what Renew is answered with: all events are still held
//	transmitted C FROM TO BYTES
//	ack C UPTO [REJECTED...]
//	job C J ATTEMPT FUN REMAINING   FUN is apply, ping or another name
//	cancel C J
//	bye C
//	chunk C
//	finished J ATTEMPT SEQ [inc=1]
//	wait D                          time passes, with a Tick whenever the core wants one
//	state                           what Wake and Up say
//	quiet, loud                     what follows is not shown, or is again
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			ar := txtar.Parse(text)
			if len(ar.Files) != 2 || ar.Files[0].Name != "history" || ar.Files[1].Name != "want" {
				t.Fatal("a transcript is -- history -- and -- want --")
			}
			got := play(t, string(ar.Files[0].Data))
			if *update {
				ar.Files[1].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := string(ar.Files[1].Data); got != want {
				t.Errorf("-- got --\n%s-- want --\n%s", got, want)
			}
		})
	}
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// player plays one transcript.
type player struct {
	t     *testing.T
	now   time.Time
	core  *Core
	quiet bool
	out   bytes.Buffer
}

func newPlayer(t *testing.T) *player {
	permit := func(j *wire.Job) error {
		if j.Test {
			return errors.New("not allowed")
		}
		return nil
	}
	return &player{t: t, now: start, core: NewCore(CoreOptions{ID: "web1", Permit: permit, Jitter: func() float64 { return 0.5 }})}
}

func play(t *testing.T, history string) string {
	p := newPlayer(t)
	for _, line := range strings.Split(strings.TrimSpace(history), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		p.printf("> %s\n", line)
		p.line(strings.Fields(line))
	}
	return p.out.String()
}

func (p *player) printf(format string, args ...any) {
	if !p.quiet {
		fmt.Fprintf(&p.out, format, args...)
	}
}

func (p *player) line(f []string) {
	switch f[0] {
	case "started":
		p.step(Started{Memory: p.memory(f[1:])})
	case "appended":
		p.step(Appended{Next: p.number(f[1])})
	case "connected":
		p.step(Connected{Conn: p.number(f[1])})
	case "disconnected":
		p.step(Disconnected{Conn: p.number(f[1]), Err: errors.New("cut")})
	case "failed":
		verdict := identity.VerdictStatus(append(f[2:], "")[0])
		p.step(ConnectFailed{Conn: p.number(f[1]), Err: errors.New("refused"), Verdict: verdict})
	case "compared":
		p.step(Compared{Conn: p.number(f[1]), Same: f[2] == "yes"})
	case "renewed":
		m := p.core.mem
		p.step(Renewed{Memory: Memory{Inc: event.Incarnation(p.number(f[1])), First: m.First, Next: m.Next}})
	case "transmitted":
		p.step(Transmitted{Conn: p.number(f[1]), From: p.number(f[2]), To: p.number(f[3]), Bytes: int(p.number(f[4]))})
	case "finished":
		d := Done{Attempt: int(p.number(f[2])), Seq: p.number(f[3]), Inc: 1}
		if len(f) > 4 {
			d.Inc = event.Incarnation(p.number(strings.TrimPrefix(f[4], "inc=")))
		}
		p.step(Finished{JID: jid(f[1]), Done: d})
	case "wait":
		d, err := time.ParseDuration(f[1])
		if err != nil {
			p.t.Fatal(err)
		}
		p.wait(d)
	case "state":
		p.printf("  wake %s up=%v\n", since(p.core.Wake()), p.core.Up())
	case "quiet", "loud":
		p.quiet = f[0] == "quiet"
	default:
		p.step(Received{Conn: p.number(f[1]), Msg: p.message(f)})
	}
}

func (p *player) memory(words []string) Memory {
	m := Memory{Inc: 1, First: 1, Next: 1, Done: map[string]Done{}}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "inc":
			m.Inc = event.Incarnation(p.number(v))
		case "first":
			m.First = p.number(v)
		case "next":
			m.Next = p.number(v)
		case "acked":
			m.Acked = p.number(v)
		case "done":
			for _, j := range strings.Split(v, ",") {
				m.Done[jid(j)] = Done{Attempt: 1, Inc: m.Inc, Seq: m.Next - 1}
			}
		default:
			p.t.Fatalf("unknown word %q", w)
		}
	}
	return m
}

func (p *player) message(f []string) wire.Message {
	switch f[0] {
	case "welcome":
		return &wire.Welcome{Proto: 1, HighWater: p.number(f[2]), Sum: p.number(f[3])}
	case "ack":
		a := &wire.Ack{UpTo: p.number(f[2])}
		for _, s := range f[3:] {
			a.Rejected = append(a.Rejected, wire.Rejection{Seq: p.number(s), Reason: "bad"})
		}
		return a
	case "job":
		return p.job(f[2:])
	case "cancel":
		return &wire.Cancel{JID: jid(f[2])}
	case "bye":
		return &wire.Bye{Reason: "go away", Hint: "later"}
	case "chunk":
		return &wire.Chunk{}
	}
	p.t.Fatalf("unknown line %q", f)
	return nil
}

func (p *player) job(f []string) *wire.Job {
	remaining, err := time.ParseDuration(f[3])
	if err != nil {
		p.t.Fatal(err)
	}
	j := &wire.Job{JID: jid(f[0]), Attempt: int(p.number(f[1])), Fun: f[2], Remaining: remaining}
	switch f[2] {
	case "apply":
		j.Fun = job.StateApply
	case "forbidden":
		j.Fun, j.Test = job.StateApply, true
	case "ping":
		j.Fun = job.TestPing
	}
	return j
}

// jid makes one of a number.
func jid(n string) string { return fmt.Sprintf("%016s", "j"+n) }

// wait lets time pass, with a Tick at the times the core asks for.
func (p *player) wait(d time.Duration) {
	end := p.now.Add(d)
	for ticks := 0; ; ticks++ {
		at := p.core.Wake()
		if at.IsZero() || at.After(end) {
			break
		}
		if ticks > 1000 {
			p.t.Fatalf("the core wants to be woken at %s for ever", since(at))
		}
		if at.After(p.now) {
			p.now = at
		}
		p.printf("  - %s\n", since(p.now))
		p.step(Tick{})
	}
	p.now = end
	p.step(Tick{})
}

func (p *player) step(in Input) {
	for _, out := range p.core.Step(p.now, in) {
		p.printf("  %s\n", show(out))
	}
	if n := len(p.core.queue); n > maxQueuedJobs {
		p.t.Errorf("%d jobs are queued", n)
	}
}

func (p *player) number(s string) uint64 {
	var n uint64
	if _, err := fmt.Sscan(s, &n); err != nil {
		p.t.Fatalf("%q: %v", s, err)
	}
	return n
}

func since(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return "+" + at.Sub(start).String()
}

func show(out Output) string {
	short := func(jid string) string { return strings.TrimLeft(jid, "0") }
	switch out := out.(type) {
	case Dial:
		return fmt.Sprintf("dial %d", out.Conn)
	case Hangup:
		return fmt.Sprintf("hangup %d %s", out.Conn, out.Reason)
	case Send:
		switch m := out.Msg.(type) {
		case *wire.Hello:
			return fmt.Sprintf("send %d hello %s inc=%d first=%d next=%d acked=%d", out.Conn, m.ID, m.Inc, m.First, m.Next, m.Acked)
		case *wire.Taken:
			return fmt.Sprintf("send %d taken %s %d", out.Conn, short(m.JID), m.Attempt)
		}
		return fmt.Sprintf("send %d %T", out.Conn, out.Msg)
	case Compare:
		return fmt.Sprintf("compare %d seq=%d sum=%d", out.Conn, out.Seq, out.Sum)
	case Transmit:
		return fmt.Sprintf("transmit %d from %d", out.Conn, out.From)
	case Trim:
		return fmt.Sprintf("trim %d rejected=%v", out.UpTo, out.Rejected)
	case Renew:
		return "renew: " + out.Reason
	case Run:
		return fmt.Sprintf("run %s attempt=%d until %s", short(out.Job.JID), out.Job.Attempt, since(out.Deadline))
	case Refuse:
		return fmt.Sprintf("refuse %s: %s", short(out.Job.JID), out.Reason)
	case Recall:
		return "recall " + short(out.Job.JID)
	case Fire:
		return fmt.Sprintf("fire %s %+v", out.Tag, out.Data)
	case Log:
		args := fmt.Sprint(out.Args...)
		if out.Warn {
			return strings.TrimSpace("warning: " + out.Text + " " + args)
		}
		return strings.TrimSpace("log: " + out.Text + " " + args)
	}
	return fmt.Sprintf("%T", out)
}
