package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/rig"
)

// patience bounds every test: nothing here waits for longer.
const patience = 2 * time.Minute

// world is one installation under test.
type world struct {
	*rig.Rig
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	clients map[string]*api.Client // of the minions, by socket
}

// newWorld prepares an installation in a folder of the test's own. At the test's end everything is stopped, and no daemon may have
// panicked.
func newWorld(t *testing.T) *world {
	t.Helper()
	r, err := rig.New(t.TempDir(), bin)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	w := &world{Rig: r, t: t, ctx: ctx, clients: map[string]*api.Client{}}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
		r.Client.Close()
		for _, c := range w.clients {
			c.Close()
		}
		cancel()
		w.checkLogs()
	})
	return w
}

// checkLogs looks for what no daemon may ever print, and shows the logs of a test that failed.
func (w *world) checkLogs() {
	logs, _ := filepath.Glob(w.Path("log/*.log"))
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			w.t.Error(err)
		}
		for _, bad := range []string{"panic", "DATA RACE", "goroutine "} {
			if strings.Contains(string(text), bad) {
				w.t.Errorf("%s speaks of %q:\n%s", filepath.Base(name), bad, last(string(text), 8<<10))
				break
			}
		}
		if w.t.Failed() {
			w.t.Logf("%s:\n%s", filepath.Base(name), last(string(text), 6<<10))
		}
	}
}

func last(s string, n int) string { return s[max(0, len(s)-n):] }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// wait waits until what is so.
func (w *world) wait(what string, so func() (bool, error)) {
	w.t.Helper()
	w.must(w.Wait(w.ctx, what, so))
}

// until is wait for what cannot fail.
func (w *world) until(what string, so func() bool) {
	w.t.Helper()
	w.wait(what, func() (bool, error) { return so(), nil })
}

func (w *world) startMaster() {
	w.t.Helper()
	w.must(w.StartMaster(w.ctx))
}

func (w *world) start(m *rig.Minion) {
	w.t.Helper()
	w.must(w.Start(m))
}

// minion prepares, starts and accepts a minion and waits until it is online. extra is added to its configuration.
func (w *world) minion(id, extra string) *rig.Minion {
	w.t.Helper()
	m := w.prepare(id, extra)
	w.start(m)
	w.must(w.Accept(w.ctx, id))
	w.must(w.Online(w.ctx, id))
	return m
}

func (w *world) prepare(id, extra string) *rig.Minion {
	w.t.Helper()
	m, err := w.NewMinion(id, extra)
	w.must(err)
	return m
}

// write writes a file of the installation in one step.
func (w *world) write(rel, text string) {
	w.t.Helper()
	w.must(w.Write(rel, text))
}

// status is the minion's own.
func (w *world) status(m *rig.Minion) api.MinionStatus {
	w.t.Helper()
	var s api.MinionStatus
	w.until(m.ID+" answers on its socket", func() bool {
		var err error
		s, err = w.api(m).MinionStatus(w.ctx)
		return err == nil
	})
	return s
}

// api is the minion's own, on its socket.
func (w *world) api(m *rig.Minion) *api.Client {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.clients[m.Socket]
	if c == nil {
		c = api.New(m.Socket)
		w.clients[m.Socket] = c
	}
	return c
}

// unsent is how many events the minion holds that the master has not acknowledged; -1 when it does not answer.
func (w *world) unsent(m *rig.Minion) int {
	s, err := w.api(m).MinionStatus(w.ctx)
	if err != nil {
		return -1
	}
	return int(s.Unsent)
}

// events reads the log. A record that cannot be read is a failure.
func (w *world) events(q api.Query) []event.Event {
	w.t.Helper()
	var list []event.Event
	for line, err := range w.Client.Events(w.ctx, q) {
		w.must(err)
		if line.Damaged != "" {
			w.t.Fatal(line.Damaged)
		}
		if line.Event != nil {
			list = append(list, *line.Event)
		}
	}
	return list
}

// tagged reads the events with a tag pattern that stand behind a position.
func (w *world) tagged(tag string, after uint64) []event.Event {
	w.t.Helper()
	return w.events(api.Query{Tag: tag, From: after + 1})
}

// one waits for the first event with a tag pattern behind a position.
func (w *world) one(tag string, after uint64) event.Event {
	w.t.Helper()
	var found event.Event
	w.until("there is an event "+tag, func() bool {
		list := w.tagged(tag, after)
		if len(list) > 0 {
			found = list[0]
		}
		return len(list) > 0
	})
	return found
}

// head is the last position of the log.
func (w *world) head() uint64 {
	w.t.Helper()
	s, err := w.Client.Status(w.ctx)
	w.must(err)
	return s.Last
}

// submit submits a job and waits until it has ended on all its targets.
func (w *world) submit(s api.Submit) []job.Job {
	w.t.Helper()
	done, err := w.Client.Submit(w.ctx, s)
	w.must(err)
	return w.ended(done.JID)
}

func (w *world) ended(jid string) []job.Job {
	w.t.Helper()
	var jobs []job.Job
	w.wait("job "+jid+" has ended", func() (bool, error) {
		var err error
		jobs, err = w.Client.Job(w.ctx, jid)
		for _, j := range jobs {
			if j.Status.Open() {
				return false, err
			}
		}
		return err == nil, err
	})
	return jobs
}

// apply applies states to a minion and gives the result.
func (w *world) apply(id string, sls ...string) job.Result {
	w.t.Helper()
	jobs := w.submit(api.Submit{Fun: job.StateApply, Args: job.Args{SLS: sls}, Tgt: id})
	if len(jobs) != 1 || jobs[0].Ret.IsZero() {
		w.t.Fatalf("state.apply %v on %s gave no result: %+v", sls, id, jobs)
	}
	return w.result(jobs[0].Ret)
}

// result reads the result that an event carries.
func (w *world) result(id event.ID) job.Result {
	w.t.Helper()
	e, err := w.Client.Event(w.ctx, id.String())
	w.must(err)
	return w.decode(e)
}

func (w *world) decode(e event.Event) job.Result {
	w.t.Helper()
	var r job.Result
	w.must(e.Data.Decode(&r))
	return r
}

// settled waits until nothing is under way any more: no open job, nothing unsent, and an answer to a ping that was asked after that.
func (w *world) settled(minions ...*rig.Minion) {
	w.t.Helper()
	w.wait("no job is open", func() (bool, error) {
		jobs, err := w.Client.Jobs(w.ctx, api.JobQuery{Open: true})
		return len(jobs) == 0, err
	})
	for _, m := range minions {
		w.until(m.ID+" has sent everything", func() bool { return w.unsent(m) == 0 })
		w.submit(api.Submit{Fun: job.TestPing, Tgt: m.ID})
	}
}

// seed is that of the test's chance.
func seed(t *testing.T) *rand.Rand {
	n := rand.Uint64()
	if s := os.Getenv("BRINE_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("BRINE_SEED: %v", err)
		}
	}
	t.Logf("BRINE_SEED=%d", n)
	return rand.New(rand.NewPCG(n, n))
}

// long skips what takes more than a few seconds.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes too long for -short")
	}
}
