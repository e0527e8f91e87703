package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	beaconlist "brine/beacons/all"
	actionlist "brine/internal/action/all"
	"brine/internal/api"
	"brine/internal/api/masterapi"
	"brine/internal/api/minionapi"
	"brine/internal/config"
	"brine/internal/master"
	"brine/internal/minion"
	statelist "brine/states/all"

	"github.com/rogpeppe/go-internal/testscript"
)

var rewrite = flag.Bool("rewrite", false, "write what commands print into the scripts' expectations")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"brine": func() { os.Exit(Main(os.Args[1:]...)) }})
}

// The scripts run the command against real daemons of their own: `master` starts one, `minion ID` one that is let in.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *rewrite,
		Setup: func(env *testscript.Env) error {
			env.Setenv("BRINE_SOCKET", filepath.Join(env.WorkDir, "m.sock"))
			env.Setenv("TZ", "UTC")
			env.Setenv("TERM", "xterm")
			env.Values[hereKey{}] = &here{dir: env.WorkDir, log: slog.New(slog.DiscardHandler), stops: map[string]func() error{}}
			env.Defer(func() { stopAll(env.T().(failer), env.Values[hereKey{}].(*here)) })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"master":  func(ts *testscript.TestScript, _ bool, _ []string) { of(ts).master(ts) },
			"minion":  func(ts *testscript.TestScript, _ bool, args []string) { of(ts).minion(ts, args) },
			"halt":    func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(of(ts).stop(args[0])) },
			"await":   func(ts *testscript.TestScript, _ bool, args []string) { of(ts).await(ts, args) },
			"watches": func(ts *testscript.TestScript, _ bool, args []string) { of(ts).watches(ts, args) },
			"trace":   func(ts *testscript.TestScript, _ bool, args []string) { of(ts).trace(ts, args) },
			"append":  appendFile,
			"jid":     setJID,
			"stable":  stableOutput,
		},
	})
}

type hereKey struct{}

type failer interface{ Fatal(args ...any) }

// here is what runs for one script.
type here struct {
	dir   string
	log   *slog.Logger
	addr  string
	stops map[string]func() error
	order []string
}

func of(ts *testscript.TestScript) *here { return ts.Value(hereKey{}).(*here) }

func (h *here) client() *api.Client { return api.New(filepath.Join(h.dir, "m.sock")) }

// begin runs a daemon until stop.
func (h *here) begin(name string, runs ...func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, len(runs))
	for _, run := range runs {
		go func() { done <- run(ctx) }()
	}
	h.order = append(h.order, name)
	h.stops[name] = func() (err error) {
		cancel()
		for range runs {
			if e := <-done; e != nil {
				err = e
			}
		}
		return err
	}
}

func (h *here) stop(name string) error {
	stop := h.stops[name]
	delete(h.stops, name)
	if stop == nil {
		return nil
	}
	return stop()
}

func stopAll(t failer, h *here) {
	for i := len(h.order) - 1; i >= 0; i-- {
		if err := h.stop(h.order[i]); err != nil {
			t.Fatal(err)
		}
	}
}

func (h *here) master(ts *testscript.TestScript) {
	c := master.DefaultConfig()
	listen := h.addr
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	c.Listen, c.DataDir, c.Socket, c.Tap = config.Strings{"tcp://" + listen}, filepath.Join(h.dir, "master"), filepath.Join(h.dir, "m.sock"), ""
	c.FileRoots, c.ReactorDirs = []string{filepath.Join(h.dir, "states")}, []string{filepath.Join(h.dir, "reactors")}
	c.BeaconDirs = []string{filepath.Join(h.dir, "beacons")}
	for _, dir := range slices.Concat(c.FileRoots, c.ReactorDirs, c.BeaconDirs) {
		ts.Check(os.MkdirAll(dir, 0o755))
	}
	m, err := master.New(master.Options{Config: &c, Beacons: beaconlist.List(), States: statelist.List(), Actions: actionlist.List(), Version: "test", Log: h.log})
	ts.Check(err)
	h.begin("master", m.Run, func(ctx context.Context) error { return masterapi.Serve(ctx, c.Socket, m, h.log) })
	<-m.Ready()
	h.addr = m.Addrs()[0].String()
	awaitSocket(ts, c.Socket)
}

// minion starts a minion. Unless "waits" is said it is let in by a token, and there when this returns.
func (h *here) minion(ts *testscript.TestScript, args []string) {
	id, waits := args[0], len(args) > 1 && args[1] == "waits"
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client := h.client()
	defer client.Close()
	status, err := client.Status(ctx)
	ts.Check(err)
	text := "id: " + id + "\nmaster: tcp://" + h.addr + "\ndata_dir: " + filepath.Join(h.dir, "d-"+id) + "\nsocket: " + filepath.Join(h.dir, id+"-minion.sock") +
		"\nroot: " + filepath.Join(h.dir, "root-"+id) + "\nbeacons:\n  file: {paths: {/etc/motd: {}}}\n"
	if len(args) > 1 && args[1] == "allows" { // commands: the patterns that follow
		text += "allow:\n  functions: [state.*, test.*, cmd.run]\n  commands: ['" + strings.Join(args[2:], "', '") + "']\n"
	}
	if waits {
		text += "trust_on_first_use: true\n"
	} else {
		made, err := client.NewToken(ctx, api.NewToken{ID: id, TTL: api.Duration(time.Minute)})
		ts.Check(err)
		text += "join_token: " + made.Text + "\n"
	}
	ts.Check(os.MkdirAll(filepath.Join(h.dir, "root-"+id, "etc"), 0o755))
	path := filepath.Join(h.dir, id+".yaml")
	ts.Check(os.WriteFile(path, []byte(text), 0o600))
	c, err := minion.LoadConfig(path, beaconlist.List())
	ts.Check(err)
	m, err := minion.New(minion.Options{Config: c, Path: path, Beacons: beaconlist.List(), States: statelist.List(), Version: "test", Log: h.log})
	ts.Check(err)
	h.begin(id, m.Run, func(ctx context.Context) error { return minionapi.Serve(ctx, c.Socket, m, h.log) })
	awaitSocket(ts, c.Socket)
	tag := "brine/minion/" + id + "/online"
	if waits {
		tag = "brine/key/" + id + "/pending"
	}
	h.see(ts, ctx, 1, tag, status.Last+1)
}

// await waits for an event, or with a number for so many: its tag's pattern, and words that its summary must hold.
func (h *here) await(ts *testscript.TestScript, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	n, err := strconv.Atoi(args[0])
	if err != nil {
		n, args = 1, append([]string{""}, args...)
	}
	h.see(ts, ctx, n, args[1], 1, args[2:]...)
}

func (h *here) see(ts *testscript.TestScript, ctx context.Context, n int, tag string, from uint64, words ...string) {
	client := h.client()
	defer client.Close()
	for l, err := range client.Events(ctx, api.Query{Tag: tag, From: from, Follow: true}) {
		ts.Check(err)
		if l.Event != nil && strings.Contains(summarize(*l.Event), strings.Join(words, " ")) {
			if n--; n == 0 {
				return
			}
		}
	}
	ts.Fatalf("no event %s %s came", tag, words)
}

func awaitSocket(ts *testscript.TestScript, path string) {
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("unix", path)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s: %v", path, err)
		}
	}
}

// watches runs `event watch` with more arguments, fires an event, and waits until it is shown. Then Ctrl-C ends it with exit code 0.
func (h *here) watches(ts *testscript.TestScript, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, streams{strings.NewReader(""), w, w}, append([]string{"--socket", filepath.Join(h.dir, "m.sock"), "event", "watch"}, args[1:]...))
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	lines.Scan() // the header: from here on nothing is missed
	client := h.client()
	defer client.Close()
	_, err := client.Fire(ctx, args[0], nil)
	ts.Check(err)
	if !lines.Scan() || !strings.Contains(lines.Text(), args[0]) {
		ts.Fatalf("shown was %q (%v)", lines.Text(), lines.Err())
	}
	cancel()
	if c := <-code; c != exitOK {
		ts.Fatalf("exit code %d", c)
	}
}

// trace writes the trace of the newest event with a tag, made stable and without lines about Brine's own writes, whose place among
// the others depends on who was faster.
func (h *here) trace(ts *testscript.TestScript, args []string) {
	client := h.client()
	defer client.Close()
	for l, err := range client.Events(context.Background(), api.Query{Tag: args[0], Reverse: true, Limit: 1}) {
		ts.Check(err)
		if l.Event != nil {
			ts.Check(ts.Exec("brine", "event", "trace", l.Event.ID.String(), "--diff"))
		}
	}
	var kept []string
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if !strings.Contains(line, "by Brine itself") && !strings.Contains(line, "passed over it") {
			kept = append(kept, strings.Replace(line, "└", "├", 1)) // whether it is the last depends on them too
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(stable(strings.Join(kept, ""))), 0o600))
}

// setJID sets JID and ID to the jid, or the run, and the id in the first line of JSON that was printed.
func setJID(ts *testscript.TestScript, _ bool, _ []string) {
	var v struct {
		JID string `json:"jid"`
		Run string `json:"run"`
		ID  string `json:"id"`
	}
	line, _, _ := strings.Cut(ts.ReadFile("stdout"), "\n")
	ts.Check(json.Unmarshal([]byte(line), &v))
	ts.Setenv("JID", cmp.Or(v.JID, v.Run))
	ts.Setenv("ID", v.ID)
}

func appendFile(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteString(strings.Join(args[1:], " ") + "\n")
	ts.Check(err)
	ts.Check(f.Close())
}

// stable puts words in the place of what differs from run to run. Runs of spaces count as two: columns are as wide as their cells.
func stable(s string) string {
	if u, err := user.Current(); err == nil {
		s = regexp.MustCompile(`\b`+regexp.QuoteMeta(u.Username)+`\b`).ReplaceAllString(s, "OPERATOR")
	}
	for _, r := range []struct{ pattern, with string }{
		{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}`, "TIME"},
		{`SHA256:[A-Za-z0-9+/]{43}`, "KEY"},
		{`brine_join_1_[a-z2-7]{96}`, "TOKEN"},
		{`\b[0-9a-f]{12}\b`, "TOKEN-NAME"},
		{`\b[a-z2-7]{16}\b`, "JID"},
		{`:[a-z2-7]{8}:\d+`, ":INC:N"},
		{`127\.0\.0\.1:\d+`, "ADDR"},
		{`\+?\d+(\.\d+)? (ms|s)\b`, "N ms"},
		{`\b\d+s\b`, "Ns"},
		{`position \d+`, "position N"},
		{`(?m)^\d+(  +TIME)`, "N$1"},
		{`(?m)^ +N ms`, "N ms"},
		{`  +`, "  "},
	} {
		s = regexp.MustCompile(r.pattern).ReplaceAllString(s, r.with)
	}
	return s
}

// stableOutput writes what the last command printed, made stable, into a file for cmp.
func stableOutput(ts *testscript.TestScript, _ bool, args []string) {
	got := stable(strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "WORK"))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(got), 0o600))
}
