package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/config"
)

// journalctl prints what stands in the file journal.json of the folder it runs in, from behind a cursor, and follows it. With a file "ends" there it
// ends after that, and refuses the cursor "bad".
const journalctl = `#!/bin/sh
after= number=1
for a; do case $a in
--after-cursor=bad) echo 'Failed to seek to cursor: Invalid argument' >&2; exit 1;;
--after-cursor=*) after=${a#*=};;
esac; done
[ -n "$after" ] && number=+$(($(grep -nF "\"__CURSOR\":\"$after\"" journal.json | head -n 1 | cut -d: -f1) + 1))
if [ -e ends ]; then exec tail -n $number journal.json; fi
exec tail -n $number -f -s 0.05 journal.json
`

func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journalctl")
	must(t, os.WriteFile(path, []byte(journalctl), 0o755))
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// line is a record as journalctl prints it with --output-fields.
func line(n int, at time.Time, unit, message string) string {
	quoted, _ := json.Marshal(message)
	return fmt.Sprintf(`{"__CURSOR":"s=69a3d9f0;i=%x;b=5f3e","__REALTIME_TIMESTAMP":"%d","__MONOTONIC_TIMESTAMP":"811","_BOOT_ID":"5f3e","PRIORITY":"3",`+
		`"SYSLOG_IDENTIFIER":"app","_COMM":"app","_PID":"811","_SYSTEMD_UNIT":%q,"MESSAGE":%s}`+"\n", n, at.UnixMicro(), unit, quoted)
}

func later() time.Time { return time.Now().Add(time.Second) } // than the beacon's start, whenever that was

func write(t *testing.T, root, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(root, "journal.json"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	must(t, err)
}

func TestConformance(t *testing.T) {
	path := program(t)
	setup := func(t *testing.T, root string) {
		write(t, root, line(1, time.Unix(1772359200, 0), "app.service", "E1 of before"))
	}
	ready := func(kept map[string][]byte) bool { return kept[cursorKey] != nil }
	beacontest.Run(t, Module(),
		beacontest.Case{Name: "records", System: true, Config: "{program: " + path + `, app: {units: ["app*"], match: 'E(?P<code>\d+)'}, bad: {priority: crit}}`,
			Setup: setup, Ready: ready, Tags: []string{"app", "app"},
			Act: func(t *testing.T, root string) {
				write(t, root, line(2, later(), "app.service", "E2")+line(3, later(), "other.service", "E3")+line(4, later(), "app@1.service", "E4"))
			}},
		beacontest.Case{Name: "too many", System: true, Config: "{program: " + path + `, app: {most: 0, rate: {above: 2, within: 20s, by: unit}}}`,
			Setup: setup, Ready: ready, Tags: []string{"app/rate"},
			Act: func(t *testing.T, root string) {
				write(t, root, line(2, later(), "a", "E")+line(3, later(), "a", "E")+line(4, later(), "a", "E")+line(5, later(), "b", "E"))
			}},
	)
}

// No journalctl: nothing is told, and it is no failure.
func TestNone(t *testing.T) {
	beacontest.Start(t, Module(), "program: /nonexistent/journalctl", beacons.Env{Root: t.TempDir()}).Quiet(300 * time.Millisecond)
}

func TestRecordThatCannotBeRead(t *testing.T) {
	root := t.TempDir()
	write(t, root, "")
	l := beacontest.Start(t, Module(), "{program: "+program(t)+", app: {match: last}}", beacons.Env{Root: root})
	write(t, root, line(1, later(), "a", strings.Repeat("x", maxLine))+line(2, later(), "a", "last")+"garbled\n")
	if d := l.Next(Lost).Data.(Data); !strings.Contains(d.Reason, "more than 1048576 bytes") {
		t.Errorf("%+v", d)
	}
	if d := l.Next("app").Data.(Data); d.Message != "last" || d.Unit != "a" || d.Priority != 3 || d.PID != 811 || d.Identifier != "app" {
		t.Errorf("%+v", d)
	}
	l.Next(Lost)
}

// host runs the beacon again and again over the same baselines; each fire may fail, as if the minion had been killed then.
type host struct {
	mu   sync.Mutex
	kept map[string][]byte
	got  []Data
	told chan struct{}
	fail func() bool
}

func newHost() *host {
	return &host{kept: map[string][]byte{}, told: make(chan struct{}, 1), fail: func() bool { return false }}
}

func (h *host) Get(key string) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.kept[key], nil
}

func (h *host) Each(prefix string, f func(string, []byte) error) error { return nil }

func (h *host) fire(_ context.Context, signals ...beacons.Signal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail() {
		return errors.New("killed")
	}
	for _, s := range signals {
		for _, kv := range s.Set {
			h.kept[kv.Key] = kv.Value
		}
		if d, ok := s.Data.(Data); ok {
			h.got = append(h.got, d)
		}
	}
	select {
	case h.told <- struct{}{}:
	default:
	}
	return nil
}

func (h *host) start(t *testing.T, root, options string) (stop func()) {
	c := Module().Config()
	n, faults := config.Parse("case.yaml", []byte(options))
	must(t, errors.Join(faults.Err(), n.Decode(c).Err()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = c.Beacon(beacons.Env{Root: root, Log: slog.New(slog.DiscardHandler), Baseline: h, Now: time.Now}).Run(ctx, h.fire)
		}
	}()
	return func() { cancel(); <-done }
}

func (h *host) until(t *testing.T, what string, ok func(h *host) bool) {
	t.Helper()
	limit := time.After(beacontest.Patience)
	for {
		h.mu.Lock()
		now := ok(h)
		h.mu.Unlock()
		if now {
			return
		}
		select {
		case <-h.told:
		case <-limit:
			t.Fatalf("%s: told %d", what, len(h.got))
		}
	}
}

// The beacon is killed at any time, and journalctl ends again and again: each record is told once.
func TestNothingLostNothingTwice(t *testing.T) {
	for _, ends := range []bool{false, true} {
		t.Run(fmt.Sprint("journalctl ends: ", ends), func(t *testing.T) {
			root, h := t.TempDir(), newHost()
			write(t, root, line(1, time.Unix(1772359200, 0), "a", "before"))
			if ends {
				must(t, os.WriteFile(filepath.Join(root, "ends"), nil, 0o644))
			}
			options := "{program: " + program(t) + ", app: {most: 10000, match: even}}"
			stop := h.start(t, root, options)
			h.until(t, "begun", func(h *host) bool { return h.kept[cursorKey] != nil })
			h.mu.Lock()
			h.fail = func() bool { return rand.IntN(4) == 0 }
			h.mu.Unlock()
			const total = 1000
			var want, got []string
			for i := range total {
				text := fmt.Sprintf("record %d is %s", i, []string{"even", "odd"}[i%2])
				write(t, root, line(i+2, later(), "a", text))
				if i%2 == 0 {
					want = append(want, text)
				}
				if i%250 == 100 {
					stop()
					stop = h.start(t, root, options)
				}
			}
			h.until(t, "all", func(h *host) bool { return len(h.got) >= len(want) })
			stop()
			for _, d := range h.got {
				got = append(got, d.Message)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestManyAreCounted(t *testing.T) {
	root, h := t.TempDir(), newHost()
	write(t, root, line(1, time.Unix(1772359200, 0), "a", "before"))
	defer h.start(t, root, "{program: "+program(t)+", app: {most: 2}}")()
	h.until(t, "begun", func(h *host) bool { return h.kept[cursorKey] != nil })
	for i := range 5 {
		write(t, root, line(i+2, later(), "a", "x"))
	}
	h.until(t, "counted", func(h *host) bool { return strings.Contains(string(h.kept["pace/app"]), `"told":2,"more":3`) })
	if len(h.got) != 2 {
		t.Errorf("%+v", h.got)
	}
	w := &watcher{name: "app", pace: pace{Start: time.Unix(0, 0), Told: 2, More: 3}}
	over := &told{paces: map[*watcher]pace{}}
	over.over(w, time.Now())
	if len(over.signals) != 1 || over.signals[0].Tag != "app/more" || over.signals[0].Data.(Data).Count != 3 {
		t.Errorf("%+v", over.signals)
	}
}

// Where nothing matches the cursor is kept all the same, now and then; a cursor that the journal refuses is given up, and that is told.
func TestCursor(t *testing.T) {
	root, h := t.TempDir(), newHost()
	h.kept[cursorKey] = []byte("bad")
	write(t, root, line(1, time.Unix(1772359200, 0), "a", "before"))
	defer h.start(t, root, "{program: "+program(t)+", app: {match: never}}")()
	h.until(t, "begun anew", func(h *host) bool { return strings.Contains(string(h.kept[cursorKey]), "i=1;") })
	if len(h.got) != 1 || !strings.Contains(h.got[0].Reason, "Failed to seek to cursor") {
		t.Errorf("%+v", h.got)
	}
	var text strings.Builder
	for i := range lazy {
		text.WriteString(line(i+2, later(), "a", "x"))
	}
	write(t, root, text.String())
	h.until(t, "kept", func(h *host) bool { return !strings.Contains(string(h.kept[cursorKey]), "i=1;") })
}

func TestDecode(t *testing.T) {
	for text, want := range map[string]record{
		`{"__CURSOR":"c","MESSAGE":"m","_COMM":"sh","PRIORITY":"9","_SYSTEMD_UNIT":"a","UNIT":"forged","_PID":"2"}`: {cursor: "c", message: "m", identifier: "sh", priority: 6, unit: "a", pid: 2},
		`{"__CURSOR":"c","MESSAGE":[104,105,255],"PRIORITY":"0"}`:                                                   {cursor: "c", message: "hi\xff"},
		`{"__CURSOR":"c","MESSAGE":["first","second"],"PRIORITY":"0"}`:                                              {cursor: "c", message: "first"},
		`{"__CURSOR":"c","MESSAGE":[[104,105],"second"],"PRIORITY":"0"}`:                                            {cursor: "c", message: "hi"},
		`{"__CURSOR":"c","MESSAGE":null,"PRIORITY":"4"}`:                                                            {cursor: "c", priority: 4},
		`{"__CURSOR":"c","_PID":"1","_SYSTEMD_UNIT":"init.scope","UNIT":"a.service","PRIORITY":"5"}`:                {cursor: "c", pid: 1, unit: "a.service", priority: 5},
	} {
		if got, err := decode([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestRefusedOptions(t *testing.T) {
	for text, want := range map[string]string{
		`program: journalctl`:               `program: "journalctl" is no absolute path`,
		`w: {priority: bad}`:                `"bad" is no priority`,
		`w: {match: '('}`:                   "missing closing )",
		`w: {units: ['[']}`:                 `units: "[" is no pattern`,
		`w: {most: -1}`:                     "most: -1; want 0 to 10000",
		`w: {rate: {above: 1, by: b}}`:      `by: "b"; want one of unit, identifier`,
		`w: {rate: {above: 1, within: 2h}}`: "within: 2h0m0s; want 1s to 1h0m0s",
		`lost: {priority: err}`:             "choose another name",
		`w: {unit: [a]}`:                    `unknown key "unit"`,
		`w: {rate: {above: 5%}}`:            "want a plain number",
		`a/b: {priority: err}`:              "it stands in the tag",
	} {
		n, faults := config.Parse("minion.yaml", []byte(text))
		must(t, faults.Err())
		if err := n.Decode(Module().Config()).Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to say %q", text, err, want)
		}
	}
}

// Another program than journalctl needs what a command needs.
func TestPrograms(t *testing.T) {
	c := Module().Config().(*Config)
	if p := c.Programs(); len(p) != 0 {
		t.Errorf("%v", p)
	}
	c.Program = "/tmp/x"
	if p := c.Programs(); len(p) != 1 || p[0].Argv[0] != "/tmp/x" {
		t.Errorf("%v", p)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(line(1, time.Unix(1772359200, 0), "a.service", "a message")))
	f.Add([]byte(`{"__CURSOR":"c","MESSAGE":[[104,105],"second"],"_PID":[1]}`))
	f.Add([]byte(`{"__CURSOR":"c","MESSAGE":[[[]]]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := read(text, false)
		if r.lost == "" && (r.cursor == "" || r.priority < 0 || r.priority > 7 || len(r.message) > maxMatched) {
			t.Errorf("%+v", r)
		}
	})
}

// What journalctl of systemd 252 printed of records that were sent to journald: bytes that are no text, and a field that a record has twice.
func TestCaptured(t *testing.T) {
	text, err := os.ReadFile("testdata/systemd-252.json")
	must(t, err)
	var got []string
	for _, l := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		r, err := decode([]byte(l))
		if err != nil || r.identifier != "app" || r.unit != "" || r.pid == 0 || r.at.Year() != 2026 || !strings.HasPrefix(r.cursor, "s=9db2") {
			t.Errorf("%+v, %v", r, err)
		}
		got = append(got, r.message)
	}
	if want := []string{"E1 first", "E2 second", "E3 third", "E4 \xff bytes\x01", "twice E6"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
