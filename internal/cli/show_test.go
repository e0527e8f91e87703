package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/master"
	"brine/reactors"
)

func TestTableAlignsWideAndColouredCells(t *testing.T) {
	var out bytes.Buffer
	tab := newTable(&out, false, "A", "LONGER", "C")
	tab.row("日本", palette(true).red("x"), "1")
	tab.row("a", "yy", "2")
	if err := tab.flush(); err != nil {
		t.Fatal(err)
	}
	tab.row("a longer one", "z", "3") // it comes late: what is above stays as it is
	if err := tab.flush(); err != nil {
		t.Fatal(err)
	}
	want := "A     LONGER  C\n日本  \x1b[31mx\x1b[0m       1\na     yy      2\na longer one  z       3\n"
	if out.String() != want {
		t.Errorf("%q\nwant\n%q", out.String(), want)
	}
}

// What a minion sends must not reach the terminal as commands for it.
func TestCleanDisarms(t *testing.T) {
	for in, want := range map[string]string{
		"plain é": "plain é", "a\x1b[2Jb": `a\x1b[2Jb`, "a\rb": `a\x0db`, "\u202eevil": `\u202eevil`, "two\nlines\t": "two\nlines\t", "\u009b31m": `\u009b31m`,
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := oneLine("a\n b\x07"+strings.Repeat("c", 10), 8); got != `a b\x07…` {
		t.Errorf("%q", got)
	}
	d, err := event.Encode(map[string]any{"x\x1b[1m": "y\x1b[2m"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := &app{streams: streams{out: &out, err: &out}, format: formatTable}
	e := event.Event{Tag: "a", Data: d}
	if err := a.showEvent(e); err != nil {
		t.Fatal(err)
	}
	s := newEventShower(a)
	if err := errors.Join(s.line(api.Line{Event: &e}), s.flush()); err != nil {
		t.Fatal(err)
	}
	bad := applied{Minion: "m", Result: &job.Result{Fun: job.StateApply, States: []job.StateResult{
		{Name: "n\x1b", Comment: "c\x1b"}, {Name: "d", OK: true, Changes: []job.Change{{What: "w\x1b", Diff: "+\x1b"}}}}}}
	if err := a.showApplied(bad); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("%q", out.String())
	}
}

func TestMillis(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0 ms", 840 * time.Microsecond: "0.8 ms", 99949 * time.Microsecond: "99.9 ms", 123 * time.Millisecond: "123 ms", 999600 * time.Microsecond: "1.0 s",
		3200 * time.Millisecond: "3.2 s", 250 * time.Second: "4m10s", 3*time.Hour + 20*time.Minute: "3h20m", -time.Millisecond: "-1.0 ms", 50 * time.Hour: "2d",
	} {
		if got := millis(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestParseWhen(t *testing.T) {
	now := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "1h": now.Add(-time.Hour), "7d": now.AddDate(0, 0, -7), "2026-11-05T10:30:00Z": now.Add(-90 * time.Minute),
		"2026-11-05": time.Date(2026, 11, 5, 0, 0, 0, 0, time.Local), "2026-11-05 10:30": time.Date(2026, 11, 5, 10, 30, 0, 0, time.Local),
	} {
		got, err := parseWhen("since", text, now)
		if err != nil || !got.Equal(want) {
			t.Errorf("%q: %v %v, want %v", text, got, err, want)
		}
	}
	if _, err := parseWhen("since", "-1h", now); exitCode(err) != exitUsage {
		t.Error(err)
	}
}

func TestExitCodes(t *testing.T) {
	refused := &api.Unreachable{Socket: "s", Err: syscall.ECONNREFUSED}
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {errors.New("x"), 1}, {failed(), 1}, {failf("", "x"), 1}, {late(), 3}, {usagef("", "x"), 2}, {refused, 3}, {fmt.Errorf("x: %w", refused), 3},
		{&api.CutOff{}, 3}, {api.Errorf(api.BadRequest, "", "x"), 2}, {api.Errorf(api.NotFound, "", "x"), 1}, {api.Errorf(api.Conflict, "", "x"), 1},
		{api.Errorf(api.Internal, "", "x"), 1}, {api.Errorf(api.Unavailable, "", "x"), 3}, {context.Canceled, 1},
	} {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestExplainSaysWhatToDo(t *testing.T) {
	var out bytes.Buffer
	a := &app{streams: streams{err: &out}}
	if code := a.explain(&api.Unreachable{Socket: "/run/x", Err: syscall.EACCES}); code != exitUnreachable ||
		out.String() != "error: no permission to use the socket /run/x\nhint: use sudo, or join the group that owns the socket (`ls -l /run/x`)\n" {
		t.Error(code, out.String())
	}
}

// Lint must look at the very files that the master loads.
func TestLintReadsWhatTheMasterLoads(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.yaml", "sub/b.yml", ".hidden.yaml", "a_test.yaml", "c.txt", "sub/.d.yml"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		rule := strings.NewReplacer(".", "-", "/", "-").Replace(filepath.Base(name)) + ":\n  on: x/y\n  do: [{event.fire: {tag: a/b}}]\n"
		if err := os.WriteFile(path, []byte(rule), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	set, err := master.LoadRules([]string{dir}, reactors.Env{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := readRules([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	var loaded, read []string
	for _, r := range set.Rules() {
		loaded = append(loaded, r.File)
	}
	for _, f := range files {
		read = append(read, f.Name)
	}
	if fmt.Sprint(loaded) != fmt.Sprint(read) || len(read) != 2 {
		t.Errorf("the master loads %v, lint reads %v", loaded, read)
	}
}

func TestSummaries(t *testing.T) {
	for _, tt := range []struct {
		e    event.Event
		want string
	}{
		{ev("web1", 1, "brine/beacon/web1/file/etc/motd", 0, 0, fileData{Path: "/etc/motd", Change: "attributes", Before: &stat{Mode: "0644", User: "root"}, After: &stat{Mode: "0600", User: "www"}}),
			"/etc/motd attributes changed (mode 0644 → 0600, user root → www)"},
		{ev("web1", 1, "brine/beacon/web1/cpu/high", 0, 0, map[string]any{"value": 93.5}), "value=93.5"},
		{ev("web1", 1, "brine/job/abcdefghijklmnop/ret/web1", 0, 0, job.Result{JID: "j", Fun: job.StateApply, OK: true, States: []job.StateResult{{}, {}}}), "as wanted, took 0.0 ms"},
		{ev("web1", 1, "brine/job/abcdefghijklmnop/ret/web1", 0, 0, job.Result{JID: "j", Refused: true, Error: "not allowed"}), "refused: not allowed"},
		{ev(event.Master, 1, "brine/job/abcdefghijklmnop/new", 0, 0, map[string]any{"fun": job.StateApply, "targets": []string{"a", "b", "c", "d", "e"}}),
			"state.apply (highstate) on a, b, c and 2 more"},
		{ev("web1", 1, "brine/drift/web1/motd/corrected", 0, 0, driftOfMotd(3, "")), "file.managed: /etc/motd corrected (content, mode 0600 instead of 0644), 3 times"},
		{ev("web1", 1, "brine/drift/web1/motd/corrected", 0, 0, driftOfMotd(1, "")), "file.managed: /etc/motd corrected (content, mode 0600 instead of 0644)"},
		{ev("web1", 1, "brine/drift/web1/motd/drifted", 0, 0, driftOfMotd(3, "")), "file.managed: /etc/motd drifted (content, mode 0600 instead of 0644)"},
		{ev("web1", 1, "brine/drift/web1/motd/failed", 0, 0, driftOfMotd(3, "disk full")), "file.managed: /etc/motd failed: disk full"},
		{ev("web1", 1, "brine/drift/web1/motd/contested", 0, 0, driftOfMotd(10, "")),
			"file.managed: /etc/motd contested: something else changes it again and again (content, mode 0600 instead of 0644), 10 times"},
		{ev("web1", 1, "brine/drift/web1/motd/settled", 0, 0, job.Drift{Fun: "file.managed", Name: "/etc/motd", Corrected: 10}), "file.managed: /etc/motd settled"},
		{ev("web1", 1, "brine/drift/web1/motd/settled", 0, 0, "odd"), "odd"},
		{ev(event.Master, 1, "deploy/x", 0, 0, "text"), "text"},
		{event.Event{Tag: "deploy/x", Data: event.Data{0xff}}, "unreadable"},
		{event.Event{Tag: "deploy/x"}, ""},
	} {
		if got := summarize(tt.e); got != tt.want && (tt.want != "unreadable" || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s: %q, want %q", tt.e.Tag, got, tt.want)
		}
	}
}

// driftOfMotd is what is told of a state that differed.
func driftOfMotd(corrected int, comment string) job.Drift {
	return job.Drift{ID: "motd", SLS: "motd", Fun: "file.managed", Name: "/etc/motd", Corrected: corrected, Result: job.StateResult{
		OK: comment == "", Comment: comment, Started: after(1.6), Took: 1200 * time.Microsecond, Changes: []job.Change{
			{What: "content", From: "b", To: "a", Diff: "-drift\n"}, {What: "mode", From: "0600", To: "0644"}}}}
}
