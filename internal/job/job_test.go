package job

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"brine/internal/event"
)

// Jids are kept on disk and recomputed after a crash: what they follow from must never change.
func TestJIDIsStable(t *testing.T) {
	cause := event.ID{Origin: "web1", Inc: 7, Seq: 9}
	if got, want := JID(cause, "restore-motd", 0), "g2tsmuom4pkhxexd"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	seen := map[string]string{}
	for _, c := range []struct {
		what  string
		cause event.ID
		rule  string
		step  int
	}{
		{"base", cause, "r", 1}, {"rule", cause, "r1", 1}, {"step", cause, "r", 2}, {"sequence", event.ID{Origin: "web1", Inc: 7, Seq: 10}, "r", 1},
		{"incarnation", event.ID{Origin: "web1", Inc: 8, Seq: 9}, "r", 1}, {"origin", event.ID{Origin: "web2", Inc: 7, Seq: 9}, "r", 1}, {"rule and step run together", cause, "r1", 0},
	} {
		jid := JID(c.cause, c.rule, c.step)
		if other, dup := seen[jid]; dup {
			t.Errorf("%s and %s share %s", c.what, other, jid)
		}
		seen[jid] = c.what
		if len(jid) != JIDLen || event.CheckTag("brine/job/"+jid+"/new") != nil || strings.Trim(jid, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("jid %q", jid)
		}
	}
}

func TestSame(t *testing.T) {
	base := func() Job {
		return Job{JID: "a", Target: "web1", Fun: StateApply, Args: Args{SLS: []string{"motd", "ssh"}}, Created: time.Unix(1, 0)}
	}
	tests := []struct {
		what   string
		change func(*Job)
		same   bool
	}{
		{"nothing", func(*Job) {}, true},
		{"who decided it, and when", func(j *Job) {
			j.JID, j.Rule, j.Step, j.Created, j.Causes, j.By = "b", "r", 1, time.Unix(2, 0), []event.ID{{}}, "root"
		}, true},
		{"empty for none", func(j *Job) { j.Args.Argv, j.Args.Env = []string{}, map[string]string{} }, true},
		{"target", func(j *Job) { j.Target = "web2" }, false},
		{"function", func(j *Job) { j.Fun = TestPing }, false},
		{"SLS", func(j *Job) { j.Args.SLS = []string{"motd"} }, false},
		{"order of SLS", func(j *Job) { j.Args.SLS = []string{"ssh", "motd"} }, false},
		{"test mode", func(j *Job) { j.Args.Test = true }, false},
		{"command", func(j *Job) { j.Args.Argv = []string{"x"} }, false},
		{"environment", func(j *Job) { j.Args.Env = map[string]string{"A": "1"} }, false},
		{"input", func(j *Job) { j.Args.Stdin = []byte{1} }, false},
	}
	for _, tt := range tests {
		other := base()
		tt.change(&other)
		if got := base().Same(other); got != tt.same || other.Same(base()) != got {
			t.Errorf("%s differs: %v", tt.what, got)
		}
	}
}

func TestStatusOpen(t *testing.T) {
	for s, open := range map[Status]bool{Waiting: true, Sent: true, Succeeded: false, Failed: false, Expired: false, Dead: false, Cancelled: false, "": false} {
		if s.Open() != open {
			t.Errorf("%q", s)
		}
	}
}

// The API and -o json show these; scripts read them.
func TestJSONShapes(t *testing.T) {
	at := time.Date(2026, 11, 1, 2, 3, 4, 5, time.UTC)
	id := event.ID{Origin: "web1", Inc: 7, Seq: 9}
	args, err := event.Encode(map[string]any{"mode": "0644"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		value, back any
		want        string
	}{
		{Job{JID: "j", Target: "web1", Fun: StateApply, Args: Args{SLS: []string{"motd"}}, Rule: "r", Step: 1, Causes: []event.ID{id}, Depth: 1, Created: at, Deadline: at,
			Status: Waiting, Updated: at, New: id}, &Job{},
			`{"jid":"j","target":"web1","fun":"state.apply","args":{"sls":["motd"]},"rule":"r","step":1,"causes":["web1:aaaaaaah:9"],"depth":1,` +
				`"created":"2026-11-01T02:03:04.000000005Z","deadline":"2026-11-01T02:03:04.000000005Z","status":"waiting","attempt":0,` +
				`"updated":"2026-11-01T02:03:04.000000005Z","new":"web1:aaaaaaah:9","ret":""}`},
		{Result{JID: "j", Attempt: 1, Fun: StateApply, OK: true, Started: at, Took: 1500, States: []StateResult{{ID: "/etc/motd", SLS: "motd", Fun: "file.managed", Name: "/etc/motd",
			OK: true, Comment: "restored", Started: at, Took: 2, Changes: []Change{{What: "mode", From: "0600", To: "0644"}}}}}, &Result{},
			`{"jid":"j","attempt":1,"fun":"state.apply","ok":true,"started":"2026-11-01T02:03:04.000000005Z","took_ns":1500,"states":[{"id":"/etc/motd","sls":"motd",` +
				`"fun":"file.managed","name":"/etc/motd","ok":true,"comment":"restored","changes":[{"what":"mode","from":"0600","to":"0644"}],` +
				`"started":"2026-11-01T02:03:04.000000005Z","took_ns":2}]}`},
		{LowState{Hash: "h", States: []Low{{ID: "i", SLS: "motd", Fun: "file.managed", Name: "/etc/motd", Args: args, Require: []int{0}, Content: []Content{{Hash: "c", Size: 3}}}}, Source: []string{"motd"}}, &LowState{},
			`{"hash":"h","states":[{"id":"i","sls":"motd","fun":"file.managed","name":"/etc/motd","args":{"mode":"0644"},"require":[0],"content":[{"hash":"c","size":3}]}],"source":["motd"]}`},
	}
	for _, tt := range tests {
		text, err := json.Marshal(tt.value)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, string(text)); d != "" {
			t.Error(d)
		}
		if err := json.Unmarshal(text, tt.back); err != nil {
			t.Error(err)
		}
		if again, _ := json.Marshal(tt.back); string(again) != string(text) {
			t.Errorf("read and written again: %s", again)
		}
	}
}

// A result and a low state travel as the data of events and jobs: CBOR must keep what JSON keeps.
func TestCBORKeepsEverything(t *testing.T) {
	want := Result{JID: "j", Attempt: 2, Error: "e", Refused: true, Rule: "r", Hash: "h", Started: time.Unix(5, 6).UTC(), Took: 7, Stdout: "o", Exit: 3,
		States: []StateResult{{ID: "i", Changes: []Change{{What: "content", Diff: "-a\n+b\n"}}, Started: time.Unix(8, 9).UTC()}}}
	d, err := event.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Result
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !got.Changed() || (Result{States: []StateResult{{}}}).Changed() {
		t.Error("Changed")
	}
}

func TestKey(t *testing.T) {
	if got := (Low{Fun: "file.managed", Name: "/etc/motd"}).Key(); got != "file.managed: /etc/motd" {
		t.Error(got)
	}
}

// The minion keeps the hash of what was last applied: it must follow every field, and never change by itself.
func TestHashStates(t *testing.T) {
	base := func() []Low {
		return []Low{{ID: "i", SLS: "s", Fun: "f", Name: "n", Args: event.Data{1}, Require: []int{0}, Content: []Content{{Hash: "h", Size: 1}}}, {}}
	}
	if got, want := HashStates(base()), "2b63b1952883ff454991c5673f07d388f63f67bafcaec3f43147e7ba9f8ef321"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	seen := map[string]string{HashStates(base()): "nothing"}
	for what, change := range map[string]func(*Low){
		"id": func(l *Low) { l.ID = "x" }, "sls": func(l *Low) { l.SLS = "x" }, "fun": func(l *Low) { l.Fun = "x" }, "name": func(l *Low) { l.Name = "x" },
		"args": func(l *Low) { l.Args = nil }, "require": func(l *Low) { l.Require = []int{1} }, "no require": func(l *Low) { l.Require = nil },
		"content": func(l *Low) { l.Content[0].Hash = "x" }, "size": func(l *Low) { l.Content[0].Size = 2 }, "no content": func(l *Low) { l.Content = nil },
		"texts run together": func(l *Low) { l.ID, l.SLS = "is", "" },
	} {
		states := base()
		change(&states[0])
		hash := HashStates(states)
		if other, dup := seen[hash]; dup {
			t.Errorf("%s and %s have one hash", what, other)
		}
		seen[hash] = what
	}
	if HashStates(base()[:1]) == HashStates(base()) {
		t.Error("the number of states does not count")
	}
}
