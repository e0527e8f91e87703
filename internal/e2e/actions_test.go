package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
)

// Rules that call a web service and run commands, with the real daemons: the service fails at first, and one minion allows nothing.
func TestWebhookAndCommand(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ids, bodies []string
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		ids, bodies = append(ids, r.Header.Get("Idempotency-Key")), append(bodies, string(body))
		if len(ids) <= 2 {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	w := newWorld(t)
	w.write("reactors/actions.yaml", `
tell:
  on: ops/tell
  do: {http.post: {url: '`+s.URL+`', path: [hosts, '${data.host}'], data: {said: '${data.said}'}}}
run:
  on: ops/run
  do: {cmd.run: [printf, '%s|', 'a b', '$HOME', '${data.said}'], tgt: '*'}
one:
  on: ops/one
  do: {state.single: {file.managed: {name: '`+w.Path("host")+`/${data.name}', contents: 'it is ${data.name}', mode: '0600'}}, tgt: web1, name: one}
`)
	w.must(os.MkdirAll(w.Path("host"), 0o755))
	w.startMaster()
	w.minion("web1", "allow: {functions: [state.*, test.*, cmd.run], commands: ['**']}\n")
	w.minion("web2", "")
	w.fire("ops/tell", map[string]any{"host": "../x", "said": "a \"b\" ${tag}"})
	const told = "brine/job/*/ret/@master"
	w.until("the service has taken it", func() bool {
		list := w.tagged(told, 0)
		return len(list) > 0 && w.decode(list[len(list)-1]).OK
	})
	mu.Lock()
	if len(ids) != 3 || ids[0] != ids[2] || ids[0] == "" || !strings.Contains(bodies[2], `"data":{"said":"a \"b\" ${tag}"}`) || bodies[2] != bodies[0] {
		t.Errorf("%q %q", ids, bodies)
	}
	mu.Unlock()
	if n := len(w.tagged(told, 0)); n != 3 {
		t.Errorf("%d results of three attempts", n)
	}
	w.fire("ops/run", map[string]any{"said": "; touch /x"})
	ran, refused := w.decode(w.one("brine/job/*/ret/web1", 0)), w.decode(w.one("brine/job/*/ret/web2", 0))
	if !ran.OK || ran.Fun != job.CmdRun || ran.Stdout != "a b|$HOME|; touch /x|" {
		t.Errorf("%+v", ran)
	}
	if refused.OK || !refused.Refused || !strings.Contains(refused.Error, "does not allow") {
		t.Errorf("%+v", refused)
	}
	w.single()
}

// One state that stands in the rule, made of what the event says.
func (w *world) single() {
	w.t.Helper()
	from := w.head()
	w.fire("ops/one", map[string]any{"name": "made"})
	r := w.decode(w.one("brine/job/*/ret/web1", from))
	text, err := os.ReadFile(w.Path("host/made"))
	if err != nil || !r.OK || string(text) != "it is made\n" && string(text) != "it is made" {
		w.t.Errorf("%+v: %q, %v", r, text, err)
	}
}

// fire fires an event of an operator's.
func (w *world) fire(tag string, value any) {
	w.t.Helper()
	data, err := event.Encode(value)
	w.must(err)
	_, err = w.Client.Fire(w.ctx, tag, data)
	w.must(err)
}

// Three web services: one never answers, one is down for good, one fails three times. The first two end as dead letters with their reason,
// and hold up neither the third nor a correction on a minion; a dead letter is carried out when somebody asks for it again.
func TestBadWebhooks(t *testing.T) {
	t.Parallel()
	const told = 6
	asked := make(chan struct{}, 64)
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(silent.Close)
	t.Cleanup(sync.OnceFunc(func() { close(release) }))
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	downAddr := down.Addr().String()
	down.Close()
	var calls atomic.Int32
	flaky := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) <= 3 {
			rw.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(flaky.Close)
	w := newWorld(t)
	w.write("reactors/hooks.yaml", `
silent: {on: ops/tell, do: {http.post: {url: '`+silent.URL+`', timeout: 1s}, retry: {attempts: 2, backoff: 100ms}}}
down: {on: ops/tell, do: {http.post: {url: 'http://`+downAddr+`'}, retry: {attempts: 3, backoff: 100ms}}}
flaky: {on: ops/tell, do: {http.post: {url: '`+flaky.URL+`'}, retry: {attempts: 5, backoff: 100ms}}}
fix: {on: ops/fix, do: {state.single: {file.managed: {name: '`+w.Path("host")+`/fixed', contents: fixed}}, tgt: web1}}
`)
	w.must(os.MkdirAll(w.Path("host"), 0o755))
	w.startMaster()
	w.minion("web1", "")
	for range told { // more than one rule may have under way
		w.fire("ops/tell", nil)
	}
	<-asked // the silent one keeps its callers waiting
	w.fire("ops/fix", nil)
	if r := w.decode(w.one("brine/job/*/ret/web1", 0)); !r.OK {
		t.Errorf("the minion waited for a webhook: %+v", r)
	}
	w.until("the flaky one has taken it all", func() bool { return calls.Load() >= 3+told })
	dead := func(rule string) (list []job.Job) {
		jobs, err := w.Client.Jobs(w.ctx, api.JobQuery{Dead: true})
		w.must(err)
		for _, j := range jobs {
			if j.Rule == rule {
				list = append(list, j)
			}
		}
		return list
	}
	w.until("what is down is given up", func() bool { return len(dead("down")) == told })
	for _, j := range dead("down") {
		if j.Attempt != 3 || !strings.Contains(j.Error, "refused") || j.Status != job.Dead {
			t.Errorf("%+v", j)
		}
	}
	w.until("what never answers is given up", func() bool { return len(dead("silent")) == told })
	if n := len(dead("flaky")); n != 0 {
		t.Errorf("%d of the flaky one are dead letters", n)
	}
	again, err := net.Listen("tcp", downAddr) // it is back, and an operator tries once more
	if err != nil {
		t.Skip("the port has been taken by somebody else: ", err)
	}
	back := &httptest.Server{Listener: again, Config: &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}}
	back.Start()
	t.Cleanup(back.Close)
	one := dead("down")[0]
	_, err = w.Client.RetryJob(w.ctx, one.JID, "")
	w.must(err)
	w.until("it is carried out after all", func() bool {
		jobs, err := w.Client.Job(w.ctx, one.JID)
		w.must(err)
		return jobs[0].Status == job.Succeeded
	})
}
