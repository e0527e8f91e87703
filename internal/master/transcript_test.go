package master

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/identity"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what is now said into testdata")

// The transcripts in testdata: rules, a history, and what the core wants done at each line of it. A history begins with a
// master that has nothing. C is the number of a connection, KEY the name of a key, J1 the first job that was met. Lines:
//
//	key ACT WHO...                      an operator accepts, rejects, deletes keys, by id or as KEY:name
//	enrol KEY ID [TOKEN]                a request at the enrolment door
//	token NAME ID [replace]             an operator makes a join token
//	open C KEY                          a connection on the bus door
//	close C                             it ends
//	hello C ID [inc=1 first=1 next=1 acked=0 min=1 max=1 grains={}]
//	events C FIRST TAG...               a batch; TAG is tag, tag={json}, and then ~flag: ~own, ~depth=N, ~seq=N, ~broken=text
//	result C SEQ JOB ok|failed|broken [ATTEMPT]
//	taken C JOB ATTEMPT
//	get C HASH
//	send C TYPE                         any other message
//	compiled JOB TARGET [low|big|error TEXT]
//	executed JOB ok|failed|final [STDOUT]
//	retry JOB [TARGET], cancel JOB [TARGET]
//	approve ID, deny ID                 ID as J3
//	submit GLOB FUN TTL [SLS...]        an operator's job
//	fire TAG                            an operator's event
//	note TAG                            an event of the shell's
//	rules FILE                          another set in force
//	use FILE                            the set that the next start finds
//	pause D RULE...|tgt=GLOB            an operator pauses rules or minions, with the reason "patching"
//	resume RULE...|tgt=GLOB|state=KEY|all
//	guards                              what does not act at present
//	maintain ID GLOB D                  a window of the configuration's begins
//	wait D                              time passes, with a Tick whenever the core wants one
//	clock D                             the wall clock alone is set, by so much
//	restart [replay=N]                  another core, with what was stored; the last N events are shown to the rules again
//	backup, restore                     a copy of the log; it is put back
//	wake, minions                       what Wake, Minions and Online say
//	quiet                               what follows is not shown
//	loud                                it is again
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
			last := len(ar.Files) - 1
			if last < 1 || ar.Files[last].Name != "want" || ar.Files[last-1].Name != "history" {
				t.Fatal("a transcript ends with -- history -- and -- want --")
			}
			got := play(t, ar)
			if *update {
				ar.Files[last].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := string(ar.Files[last].Data); got != want {
				t.Errorf("%s", firstDifference(got, want))
			}
		})
	}
}

// firstDifference shows the first line that differs, with what leads to it.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	i := 0
	for i < len(g) && i < len(w) && g[i] == w[i] {
		i++
	}
	part := func(lines []string) string {
		return strings.Join(lines[min(max(i-6, 0), len(lines)):min(i+6, len(lines))], "\n")
	}
	return fmt.Sprintf("line %d\n-- got --\n%s\n-- want --\n%s", i+1, part(g), part(w))
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// player plays one transcript.
type player struct {
	t      *testing.T
	files  map[string]string
	now    time.Time
	core   *Core
	disk   disk
	backup disk
	lives  uint64
	jids   []string
	runs   []string
	quiet  bool
	out    bytes.Buffer
}

func play(t *testing.T, ar *txtar.Archive) string {
	now := time.Now() // it has a monotonic reading
	p := &player{t: t, files: map[string]string{}, now: now.Add(start.Sub(now)), disk: newDisk()}
	for _, f := range ar.Files {
		p.files[f.Name] = string(f.Data)
	}
	p.disk.rules = "rules"
	p.start(0)
	for _, line := range strings.Split(strings.TrimSpace(p.files["history"]), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		p.printf("> %s\n", line)
		p.line(strings.Fields(line), line)
	}
	return p.out.String()
}

func (p *player) printf(format string, args ...any) {
	if !p.quiet {
		fmt.Fprintf(&p.out, format, args...)
	}
}

func (p *player) line(f []string, line string) {
	tail := func(n int) string { return strings.Join(f[min(n, len(f)):], " ") }
	switch f[0] {
	case "key":
		for i := range f[2:] {
			if name, ok := strings.CutPrefix(f[2+i], "KEY:"); ok {
				f[2+i] = string(fingerprint(name))
			}
		}
		p.step(KeyCommand{Ref: line, Act: KeyAct(f[1]), Who: f[2:], By: "root"})
	case "enrol":
		req := identity.Request{ID: f[2], Version: "1", Proto: 1, Token: secret(tail(3))}
		p.step(Enrol{Ref: line, Key: fingerprint(f[1]), Remote: "10.0.0.1:1", Req: req})
	case "token":
		p.step(TokenCommand{Ref: line, Token: token(p.t, f[1], f[2], tail(3) == "replace"), By: "root"})
	case "open":
		p.step(Opened{Conn: p.number(f[1]), Key: fingerprint(f[2]), Remote: "remote" + f[1]})
	case "close":
		p.step(Closed{Conn: p.number(f[1])})
	case "hello":
		p.step(Received{Conn: p.number(f[1]), Msg: p.hello(f[2], f[3:])})
	case "events":
		p.step(Events{Conn: p.number(f[1]), First: p.number(f[2]), Items: p.items(p.number(f[2]), f[3:])})
	case "result":
		p.step(Events{Conn: p.number(f[1]), First: p.number(f[2]), Items: p.result(f[1:])})
	case "taken", "get", "send":
		p.step(Received{Conn: p.number(f[1]), Msg: p.message(f)})
	case "compiled":
		p.step(p.compiled(f))
	case "executed":
		p.step(p.executed(f))
	case "retry":
		p.step(p.retry(f, line))
	case "cancel":
		p.step(CancelJob{Ref: line, JID: p.jid(f[1]), Target: tail(2), By: "root"})
	case "approve", "deny":
		p.step(Approval{Ref: line, ID: p.jid(f[1]), Deny: f[0] == "deny", Why: tail(2), By: "root"})
	case "submit":
		p.submit(f, line)
	case "fire":
		p.step(FireEvent{Ref: line, Tag: f[1], Data: p.data(tail(2)), By: "root"})
	case "note":
		p.step(Note{Tag: f[1], Data: map[string]string{"of": "the shell"}})
	case "rules":
		p.disk.rules = f[1]
		p.step(Rules{Set: p.load(), Reason: "a test"})
	case "use":
		p.disk.rules = f[1]
	case "pause", "resume", "guards", "maintain":
		p.guard(f, line)
	case "wait":
		p.wait(p.duration(f[1]))
	case "clock":
		p.now = setWall(p.now, p.duration(f[1]))
	case "restart":
		p.start(p.number(strings.TrimPrefix(tail(1)+"replay=0", "replay=")[:1]))
	case "backup":
		p.backup = p.disk.clone()
	case "restore":
		p.disk = p.backup.clone()
		p.start(0)
	case "wake":
		p.printf("  at %s\n", p.since(p.core.Wake()))
	case "minions":
		p.minions()
	case "quiet", "loud":
		p.quiet = f[0] == "quiet"
	default:
		p.t.Fatalf("unknown line %q", line)
	}
}

// wait lets time pass, with a Tick at the times the core asks for.
func (p *player) wait(d time.Duration) {
	end := p.now.Add(d)
	for ticks := 0; ; ticks++ {
		at := p.core.Wake()
		if at.IsZero() || at.After(end) {
			break
		}
		if ticks > 1000 {
			p.t.Fatalf("the core wants to be woken at %s for ever", p.since(at))
		}
		if at.After(p.now) {
			p.now = at
		}
		p.printf("  - %s\n", p.since(p.now))
		p.step(Tick{})
	}
	p.now = end
	p.step(Tick{})
}

func (p *player) step(in Input) {
	for _, out := range p.core.Step(p.now, in) {
		if text := p.show(out); text != "" {
			p.printf("  %s\n", text)
		}
		p.disk.store(p.t, out)
	}
}

// start makes a core of what is stored.
func (p *player) start(replay uint64) {
	p.lives++
	p.core = NewCore(p.now, CoreOptions{Reactor: p.disk.reactor(p.t, p.load()), Blast: testBlast}, p.disk.recovered(p.t, p.lives))
	for _, e := range p.disk.events[uint64(len(p.disk.events))-replay:] {
		p.step(React{Event: e})
	}
	p.step(Tick{})
}

func (p *player) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

func (p *player) number(s string) uint64 {
	var n uint64
	if _, err := fmt.Sscan(s, &n); err != nil {
		p.t.Fatalf("%q: %v", s, err)
	}
	return n
}

func (p *player) data(text string) event.Data {
	if text == "" {
		return nil
	}
	d, err := event.FromJSON([]byte(text))
	if err != nil {
		p.t.Fatalf("%q: %v", text, err)
	}
	return d
}
