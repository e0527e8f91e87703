package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"brine/internal/api"
	"brine/internal/job"
)

// Events that match two rules flow while the master is killed at random. Each decision is carried out, none is begun again after its finish was
// committed, and none is missing: those that fire an event at once, and those that are steps of a command, a state and an event.
func TestDecisionsSurvive(t *testing.T) {
	t.Parallel()
	const every = 50 // one event in so many has steps
	chance := seed(t)
	w := newWorld(t)
	began := filepath.Join(t.TempDir(), "began")
	w.write("reactors/steps.yaml", fmt.Sprintf(`
each:
  on: e2e/w*
  from: '*'
  max_rate: 100000/1s
  do: {event.fire: {tag: answered, data: {gun: "${data.gun}", n: "${data.n}"}}}
some:
  on: e2e/w*
  from: '*'
  max_rate: 100000/1s
  when: data.n %% %d == 0
  do:
    - {name: first, master.exec: [sh, -c, 'echo "$BRINE_JOB_ID $BRINE_ATTEMPT" >>%s; echo $1', x, "${data.n}"]}
    - state.apply: counted
    - event.fire: {tag: stepped, data: {gun: "${data.gun}", n: "${int(steps.first.stdout.trim())}"}}
`, every, began))
	w.write("states/counted.sls", "/etc/counted:\n  file.managed:\n    - contents: counted\n    - makedirs: true\n")
	w.startMaster()
	m := w.minion("web1", "")
	w.settled(m)
	var guns []*gun
	for i := range 2 {
		g := w.aim(m, "w"+strconv.Itoa(i))
		g.fire()
		guns = append(guns, g)
	}
	for range 10 {
		for _, g := range guns {
			g.more(sized(500, 20) + chance.IntN(50))
		}
		w.Master.Kill()
		w.startMaster()
	}
	for _, g := range guns {
		g.cease()
	}
	w.drained(m)
	w.once(guns...)
	wanted, stepped, all := map[shot]int{}, map[shot]int{}, 0
	for s, n := range w.times() {
		all += n
		wanted[s] = 1
		if s.N%every == 0 {
			stepped[s] = 1
		}
	}
	w.until("all is carried out", func() bool {
		jobs, err := w.Client.Jobs(w.ctx, api.JobQuery{Open: true})
		w.must(err)
		return len(jobs) == 0
	})
	w.answered("answered", wanted)
	w.until("all steps have ended", func() bool { return len(w.tagged("brine/reactor/some/ended", 0)) >= len(stepped) })
	w.answered("stepped", stepped)
	w.none("brine/reactor/*/dead")
	w.none("brine/reactor/*/suspended")
	w.notAgain(began, len(stepped))
	t.Logf("%d events, %d with steps, %d events in the log", all, len(stepped), w.head())
}

// answered checks that there is one event with a tag for each that is wanted.
func (w *world) answered(tag string, wanted map[shot]int) {
	w.t.Helper()
	got := map[shot]int{}
	for _, e := range w.tagged(tag, 0) {
		var s shot
		w.must(e.Data.Decode(&s))
		got[s]++
	}
	for s := range wanted {
		if got[s] != 1 {
			w.t.Errorf("%s: event %d of %s was answered %d times", tag, s.N, s.Gun, got[s])
		}
	}
	if len(got) != len(wanted) {
		w.t.Errorf("%s: %d answers to %d events", tag, len(got), len(wanted))
	}
}

// notAgain checks what the commands wrote as they began: each job did, and none after the attempt that finished.
func (w *world) notAgain(file string, jobs int) {
	w.t.Helper()
	finished := map[string]int{}
	for _, e := range w.tagged("brine/job/*/ret/@master", 0) {
		var r job.Result
		w.must(e.Data.Decode(&r))
		if finished[r.JID] > 0 {
			w.t.Errorf("job %s has two results", r.JID)
		}
		finished[r.JID] = r.Attempt
	}
	text, err := os.ReadFile(file)
	w.must(err)
	began := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		jid, attempt, _ := strings.Cut(strings.TrimSpace(line), " ")
		began[jid] = true
		if n, err := strconv.Atoi(attempt); err != nil || n > finished[jid] {
			w.t.Errorf("job %s finished with attempt %d and began with attempt %s", jid, finished[jid], attempt)
		}
	}
	if len(began) != jobs || len(finished) != jobs {
		w.t.Errorf("%d commands began and %d finished; wanted %d", len(began), len(finished), jobs)
	}
	if w.ctx.Err() == context.DeadlineExceeded {
		w.t.Error("it took too long")
	}
}
