package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

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
