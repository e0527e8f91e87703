package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
)

var t0 = time.Date(2026, 11, 5, 10, 30, 0, 0, time.Local) // as tables show it, wherever the test runs

func after(ms float64) time.Time { return t0.Add(time.Duration(ms * float64(time.Millisecond))) }

func ev(origin string, seq uint64, tag string, at, received float64, data any) event.Event {
	d, err := event.Encode(data)
	if err != nil {
		panic(err)
	}
	e := event.Event{ID: event.ID{Origin: origin, Inc: 7, Seq: seq}, Pos: 10 + seq, Tag: tag, Time: after(at), Received: after(received), Data: d}
	if origin != event.Master {
		e.Minion = origin
	}
	return e
}

// drift is a file that was edited and put back.
func drift(skew float64) api.Traced {
	const jid, diff = "abcdefghijklmnop", "--- /etc/motd\n+++ /etc/motd\n@@ -1,2 +1 @@\n welcome\n-drift\n"
	file := func(own bool, seq uint64, at, received float64) *api.Trace {
		e := ev("web1", seq, "brine/beacon/web1/file/etc/motd", at+skew, received,
			fileData{Path: "/etc/motd", Change: "modified", Before: &stat{SHA256: "a", Mode: "0644"}, After: &stat{SHA256: "b", Mode: "0600"}})
		e.Own = own
		return &api.Trace{Event: e}
	}
	root := file(false, 1, 0, 0.8)
	root.Verdicts = []api.Verdict{
		{Rule: "quiet", Outcome: "no", Why: "data.change == 'removed' is false"},
		{Rule: "restore", Outcome: "fired", Why: "matches brine/beacon/*/file/**", Jobs: []string{jid}},
	}
	made := &api.Trace{Event: ev(event.Master, 2, "brine/job/"+jid+"/new", 0.8, 0.8,
		map[string]any{"jid": jid, "fun": job.StateApply, "args": job.Args{SLS: []string{"motd"}}, "targets": []string{"web1"}, "rule": "restore"})}
	made.Jobs = []job.Job{{JID: jid, Target: "web1", Status: job.Succeeded, Ret: event.ID{Origin: "web1", Inc: 7, Seq: 3}}}
	own := file(true, 2, 2.2, 3.4)
	own.Verdicts = []api.Verdict{{Rule: "restore", Outcome: "own", Why: "Brine's own change"}}
	ret := &api.Trace{Event: ev("web1", 3, "brine/job/"+jid+"/ret/web1", 2.9+skew, 3.6, job.Result{
		JID: jid, Fun: job.StateApply, OK: true, Started: after(1.5 + skew), Took: 1400 * time.Microsecond,
		States: []job.StateResult{
			{Fun: "file.managed", Name: "/etc/issue", OK: true, Started: after(1.5 + skew)},
			{Fun: "file.managed", Name: "/etc/motd", OK: true, Started: after(1.6 + skew), Took: 1200 * time.Microsecond, Changes: []job.Change{
				{What: "content", From: "b", To: "a", Diff: diff}, {What: "mode", From: "0600", To: "0644"}}},
		}})}
	made.Effects = []*api.Trace{own, ret}
	root.Effects = []*api.Trace{made}
	return api.Traced{Asked: ret.Event.ID, Root: root}
}

func show(t *testing.T, tr api.Traced, diff bool) string {
	t.Helper()
	var out bytes.Buffer
	a := &app{streams: streams{out: &out, err: &out}, format: formatTable}
	if err := a.showTrace(tr, diff); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

func TestTraceOfADrift(t *testing.T) {
	golden(t, "trace-drift.txt", show(t, drift(0), false))
	golden(t, "trace-diff.txt", show(t, drift(0), true))
}

// A minion whose clock is off must not make effects come before their causes.
func TestTraceCorrectsClocks(t *testing.T) {
	tr := drift(3_600_000)
	tr.Offsets = map[string]time.Duration{"web1": time.Hour}
	tr.Root.Effects[0].Effects[0].Event.Time = after(3_600_002.2)
	got := show(t, tr, false)
	if !strings.Contains(got, "the clock of web1 is 1h00m ahead of the master's") || !strings.Contains(got, "+2.9 ms") || strings.Contains(got, "-1h") {
		t.Error(got)
	}
}

func TestTraceEndings(t *testing.T) {
	failed := drift(0)
	failed.Root.Effects[0].Effects[1].Event = ev("web1", 3, "brine/job/abcdefghijklmnop/ret/web1", 2.9, 3.6, job.Result{
		JID: "abcdefghijklmnop", Fun: job.StateApply, Error: "no space left", States: []job.StateResult{{Fun: "file.managed", Name: "/etc/motd", Comment: "no space left", Started: after(1.6)}}})
	failed.Root.Effects[0].Jobs[0].Status = job.Failed
	waiting := drift(0)
	waiting.Root.Effects[0].Effects = nil
	waiting.Root.Effects[0].Jobs = []job.Job{{Target: "web1", Status: job.Waiting, Updated: after(1)}}
	expired := drift(0)
	expired.Root.Effects[0].Effects = nil
	expired.Root.Effects[0].Jobs = []job.Job{{Target: "web1", Status: job.Expired, Error: "its deadline passed", Updated: after(1)}}
	missing := drift(0)
	missing.Root.Missing = []event.ID{{Origin: "web9", Inc: 7, Seq: 1}}
	alone := api.Traced{Root: &api.Trace{Event: ev(event.Master, 1, "deploy/done", 0, 0, nil)}}
	for name, tt := range map[string]struct {
		tr   api.Traced
		want []string
	}{
		"failed":  {failed, []string{"file.managed /etc/motd: no space left", "result: failed: no space left", "1 of 1 job failed"}},
		"waiting": {waiting, []string{"waits for web1", "1 of 1 job still to be done"}},
		"expired": {expired, []string{"expired for web1: its deadline passed", "1 of 1 job failed"}},
		"missing": {missing, []string{"its cause web9:aaaaaaah:1 is no longer in the log"}},
		"alone":   {alone, []string{"no rule looks at this event"}},
	} {
		got := show(t, tt.tr, false)
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is missing:\n%s", name, want, got)
			}
		}
	}
}

// What a minion put right by itself needs no rule and no job.
func TestTraceOfWhatTheMinionPutRight(t *testing.T) {
	tr := drift(0)
	tr.Root.Verdicts = nil
	own := tr.Root.Effects[0].Effects[0]
	own.Verdicts = nil
	told := &api.Trace{Event: ev("web1", 3, "brine/drift/web1/motd/corrected", 4.4, 5, driftOfMotd(2, ""))}
	tr.Root.Effects, tr.Asked = []*api.Trace{own, told}, tr.Root.Event.ID
	golden(t, "trace-enforced.txt", show(t, tr, true))

	for what, want := range map[string]string{
		job.DriftDrifted:   "out of line: file.managed: /etc/motd (drifted)",
		job.DriftFailed:    "out of line: file.managed: /etc/motd (failed)",
		job.DriftContested: "out of line: file.managed: /etc/motd (contested)",
	} {
		told.Event = ev("web1", 3, "brine/drift/web1/motd/"+what, 4.4, 5, driftOfMotd(2, "disk full"))
		if got := show(t, tr, false); !strings.Contains(got, want) {
			t.Errorf("%s:\n%s", what, got)
		}
	}
}
