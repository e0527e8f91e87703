package e2e

import (
	"os"
	"strings"
	"testing"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
)

// outcomes is what a rule said of an event.
func (w *world) outcomes(id event.ID, rule string) string {
	w.t.Helper()
	traced, err := w.Client.Trace(w.ctx, id.String())
	w.must(err)
	var said []string
	traced.Root.Walk(func(n *api.Trace) {
		if n.Event.ID == id {
			for _, v := range n.Verdicts {
				if v.Rule == rule {
					said = append(said, v.Outcome)
				}
			}
		}
	})
	return strings.Join(said, " ")
}

// A throttled state runs once more when the window ends, for everything that was held back.
func TestThrottle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files, config := w.manage("motd")
	f := files[0]
	w.write("reactors/motd.yaml", f.rule("  throttle: {once_within: 3s, by: [minion]}\n"))
	w.startMaster()
	m := w.minion("web1", config)
	w.bring(m, f)
	w.settled(m)
	from := w.head()
	w.must(os.Remove(f.path))
	f.corrected(from, "removed")
	held := w.head()
	w.must(os.WriteFile(f.path, []byte("again\n"), 0o640))
	seen := w.one(f.tag(), held)
	w.must(os.Chmod(f.path, 0o600))
	w.until("both drifts are told", func() bool { return len(w.tagged(f.tag(), held)) >= 2 })
	if got := w.outcomes(seen.ID, "restore-motd"); got != "throttled" {
		t.Fatalf("the rule says %q of the second drift", got)
	}
	w.one("brine/reactor/restore-motd/timer", held)
	f.right()
	w.until("the correction is told", func() bool {
		list := w.tagged(f.tag(), held)
		return list[len(list)-1].Own
	})
	w.settled(m)
	changed := 0
	for _, e := range w.tagged("brine/job/*/ret/*", held) {
		if w.decode(e).Changed() {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("%d corrections of what was held back", changed)
		w.showLog(from)
	}
	// What came of it leads back to the drift.
	traced, err := w.Client.Trace(w.ctx, seen.ID.String())
	w.must(err)
	own := 0
	traced.Root.Walk(func(n *api.Trace) {
		if n.Event.Own {
			own++
		}
	})
	if own != 1 {
		t.Errorf("the trace of the drift that was held back holds %d own changes", own)
	}
}

// A rule runs a command on the master's host and fires events; what the command printed is in the log.
func TestActions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("reactors/a.yaml", `
count:
  on: e2e/ask
  do:
    - master.exec: [sh, -c, 'printf "%s\n" "$0" "$1"; cat >&2; exit 3', "${data.name}", "$(touch `+w.Path("pwned")+`)"]
      ignore_failure: true
    - event.fire: {tag: "e2e/answer/${data.name}", data: {by: "${minion}", n: "${data.n + 1}"}}
`)
	w.startMaster()
	m := w.minion("web1", "")
	data, err := event.Encode(map[string]any{"name": "a; rm -rf /x", "n": 41})
	w.must(err)
	// A minion's own event outside brine/ triggers only rules that name it.
	_, err = w.api(m).Fire(w.ctx, "e2e/ask", data)
	w.must(err)
	if e := w.one("e2e/ask", 0); w.outcomes(e.ID, "count") != "foreign" {
		t.Errorf("of a minion's event the rule says %q", w.outcomes(e.ID, "count"))
	}
	asked, err := w.Client.Fire(w.ctx, "e2e/ask", data)
	w.must(err)
	answer := w.one("e2e/answer/**", 0)
	if text, _ := answer.Data.MarshalJSON(); answer.Tag != "e2e/answer/a; rm -rf /x" || !strings.Contains(string(text), `"n":42`) {
		t.Errorf("%s %s", answer.Tag, text)
	}
	if len(answer.Causes) == 0 || answer.Causes[0] != asked.ID {
		t.Errorf("caused by %v", answer.Causes)
	}
	r := w.decode(w.one("brine/job/*/ret/@master", 0))
	if r.OK || r.Exit != 3 || !strings.HasPrefix(r.Stdout, "a; rm -rf /x\n$(touch ") || !strings.Contains(r.Stderr, `"tag":"e2e/ask"`) {
		t.Errorf("%+v", r)
	}
	if _, err := os.Lstat(w.Path("pwned")); err == nil {
		t.Error("a shell saw the argument")
	}
	var jobs []job.Job
	w.until("the job has failed", func() bool {
		jobs, err = w.Client.Jobs(w.ctx, api.JobQuery{})
		w.must(err)
		return len(jobs) == 1 && jobs[0].Status == job.Failed
	})
}

// Two rules that fire each other's events come to rest.
func TestChainEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("reactors/loop.yaml", "ping:\n  on: e2e/ping\n  do: [{event.fire: e2e/pong}]\npong:\n  on: e2e/pong\n  do: [{event.fire: e2e/ping}, {event.fire: e2e/ping}]\n")
	w.startMaster()
	_, err := w.Client.Fire(w.ctx, "e2e/ping", nil)
	w.must(err)
	end, err := w.Client.Fire(w.ctx, "e2e/end", nil) // stands behind all that came of it
	w.must(err)
	var deepest uint8
	n := 0
	for _, e := range w.events(api.Query{Tag: "e2e/*", To: end.Pos}) {
		deepest = max(deepest, e.Depth)
		n++
	}
	if deepest != event.MaxDepth || n < event.MaxDepth || n > 100 {
		t.Errorf("%d events, the deepest %d", n, deepest)
	}
	for _, e := range w.events(api.Query{Tag: "e2e/p*", To: end.Pos}) {
		if rule := strings.TrimPrefix(e.Tag, "e2e/"); e.Depth == event.MaxDepth && w.outcomes(e.ID, rule) != "deep" {
			t.Errorf("of %s the rule says %q", e.ID, w.outcomes(e.ID, rule))
		}
	}
	if head := w.head(); head != end.Pos {
		t.Errorf("it goes on: %d events more", head-end.Pos)
	}
}
