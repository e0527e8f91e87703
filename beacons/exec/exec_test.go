package exec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/config"
	"brine/internal/job"
)

// A command has no root: it reads a file that the case sets up elsewhere.
func TestConformance(t *testing.T) {
	path := filepath.Join(t.TempDir(), "says")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	beacontest.Run(t, Module(), beacontest.Case{Name: "the output changes", System: true, Interval: 50 * time.Millisecond,
		Config: `{says: {argv: [cat, ` + path + `]}, exits: {argv: [test, -e, ` + path + `], tell: exit}}`,
		Setup:  func(*testing.T, string) { write("1") },
		Ready:  func(kept map[string][]byte) bool { return kept["says"] != nil && kept["exits"] != nil },
		Act:    func(*testing.T, string) { write("2") }, Tags: []string{"says"}})
}

func commandOf(t *testing.T, options string) Command {
	t.Helper()
	c := Module().Config().(*Config)
	n, _ := config.Parse("case.yaml", []byte("c: "+options))
	if err := n.Decode(c).Err(); err != nil {
		t.Fatal(err)
	}
	return c.Commands["c"]
}

// Runs one after the other, and what is told of each.
func TestLook(t *testing.T) {
	ran := func(exit int, out string) job.Result { return job.Result{OK: exit == 0, Exit: exit, Stdout: out} }
	for _, c := range []struct {
		what, options string
		runs          []job.Result
		want          string
	}{
		{"in order", `{argv: [x]}`, []job.Result{ran(0, "a"), ran(0, "a"), ran(0, "b")}, "- - output"},
		{"wrong from the first", `{argv: [x]}`, []job.Result{ran(2, "a"), ran(2, "a"), ran(0, "a")}, "first - exit"},
		{"the exit code only", `{argv: [x], tell: exit}`, []job.Result{ran(0, "a"), ran(0, "b"), ran(1, "b"), ran(-1, "")}, "- - exit exit"},
		{"each", `{argv: [x], tell: always}`, []job.Result{ran(0, "a"), ran(0, "a"), ran(0, "b")}, "first same output"},
		{"what matches", `{argv: [x], match: 'v(?P<v>\d)'}`, []job.Result{ran(0, "v1 10:01"), ran(0, "v1 10:02"), ran(0, "none"), ran(0, "v2")}, "first - - output"},
		{"JSON that means the same", `{argv: [x], json: true}`, []job.Result{ran(0, `{"a":1,"b":2}`), ran(0, `{"b": 2, "a": 1}`), ran(0, `{"a":2}`)}, "- - output"},
		{"it cannot be run", `{argv: [x]}`, []job.Result{ran(0, "a"), {Error: "no such file"}, {Error: "no such file"}, ran(0, "a"), ran(0, "a")}, "- failed - running -"},
		{"it does not end", `{argv: [x]}`, []job.Result{{Exit: -1, Error: "stopped after its timeout of 1s"}, ran(0, "a")}, "failed output"},
	} {
		e := commandOf(t, c.options)
		var was *last
		var got []string
		for _, r := range c.runs {
			d, now := e.look("c", r, was)
			was = &now
			if d == nil {
				got = append(got, "-")
			} else {
				got = append(got, d.Change)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q; want %q", c.what, strings.Join(got, " "), c.want)
		}
	}
}

func TestReal(t *testing.T) {
	h := beacontest.Start(t, Module(), `{json: {argv: [printf, '{"free": 12, "share": 0.5}'], json: true, tell: always, match: '"free": (?P<free>\d+)'},
		slow: {argv: [sh, -c, 'sleep 1000 & wait'], timeout: 50ms}}`, beacons.Env{Interval: 20 * time.Millisecond})
	d := h.Next("json").Data.(Data)
	if v, ok := d.JSON.(map[string]any); !ok || v["free"] != int64(12) || v["share"] != 0.5 || d.Groups["free"] != "12" || d.Argv[0] != "printf" {
		t.Errorf("%+v", d)
	}
	if d := h.Next("slow/failed").Data.(Data); d.Error != "stopped after its timeout of 50ms" || d.Exit != -1 {
		t.Errorf("%+v", d)
	}
}

func TestRefusedOptions(t *testing.T) {
	for text, want := range map[string]string{
		`c: {tell: exit}`:                `"argv" is required`,
		`c: {argv: 'df -h'}`:             "no shell is run",
		`c: {argv: [x], tell: often}`:    `c: tell: "often"; want change, exit or always`,
		`c: {argv: [x], timeout: 1h}`:    "c: timeout: 1h0m0s; want at most 10m0s",
		`c: {argv: [x], cwd: here}`:      `c: cwd: "here" is not absolute`,
		`c: {argv: [x], match: '(?=a)'}`: "invalid or unsupported Perl syntax",
		`c: {argv: [x], cmd: y}`:         `unknown key "cmd"`,
	} {
		n, faults := config.Parse("minion.yaml", []byte(text))
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		if err := n.Decode(Module().Config()).Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to say %q", text, err, want)
		}
	}
}
