package masterapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	actionlist "brine/internal/action/all"
	"brine/internal/api"
	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/master"
	statelist "brine/states/all"
)

// start runs a master and its API until the test ends.
func start(t *testing.T) (*api.Client, *master.Master) {
	t.Helper()
	c, m, _ := startStop(t)
	return c, m
}

// startStop gives the means to stop it before.
func startStop(t *testing.T) (*api.Client, *master.Master, func()) {
	t.Helper()
	dir := t.TempDir()
	rules := filepath.Join(dir, "reactors")
	if err := os.MkdirAll(rules, 0o755); err != nil {
		t.Fatal(err)
	}
	rule := "deployed:\n  on: deploy/finished\n  when: data.ok\n  do:\n    - event.fire: {tag: ops/told, data: {who: '${tag}'}}\n"
	if err := os.WriteFile(filepath.Join(rules, "deploy.yaml"), []byte(rule), 0o644); err != nil {
		t.Fatal(err)
	}
	c := master.DefaultConfig()
	c.Listen, c.DataDir, c.Socket, c.Tap = config.Strings{"tcp://127.0.0.1:0"}, filepath.Join(dir, "data"), filepath.Join(dir, "m.sock"), ""
	c.FileRoots, c.ReactorDirs = []string{dir}, []string{rules}
	log := slog.New(slog.DiscardHandler)
	m, err := master.New(master.Options{Config: &c, States: statelist.List(), Actions: actionlist.List(), Version: "test", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- m.Run(ctx) }()
	go func() { done <- Serve(ctx, c.Socket, m, log) }()
	stop := sync.OnceFunc(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(c.Socket); !errors.Is(err, os.ErrNotExist) {
			t.Error("the socket is left behind:", err)
		}
	})
	t.Cleanup(stop)
	client := api.New(c.Socket)
	t.Cleanup(client.Close)
	<-m.Ready()
	awaitSocket(t, c.Socket)
	return client, m, stop
}

func awaitSocket(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("unix", path)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestFireShowTrace(t *testing.T) {
	c, _ := start(t)
	ctx := t.Context()
	data, err := event.FromJSON([]byte(`{"ok": true, "n": 7}`))
	if err != nil {
		t.Fatal(err)
	}
	fired, err := c.Fire(ctx, "deploy/finished", data)
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.Event(ctx, fired.ID.String())
	if err != nil {
		t.Fatal(err)
	}
	if e.Pos != fired.Pos || e.Tag != "deploy/finished" || e.By == "" || !strings.Contains(string(mustJSON(t, e)), `"n":7`) {
		t.Errorf("%s", mustJSON(t, e))
	}
	tr, err := c.Trace(ctx, fired.ID.String())
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.Root.Verdicts) != 1 || tr.Root.Verdicts[0].Outcome != "fired" || len(tr.Root.Effects) != 1 || tr.Root.Effects[0].Event.Tag != "ops/told" {
		t.Fatalf("%s", mustJSON(t, tr))
	}
	// From the effect the same tree is found.
	again, err := c.Trace(ctx, tr.Root.Effects[0].Event.ID.String())
	if err != nil {
		t.Fatal(err)
	}
	if again.Root.Event.ID != fired.ID || again.Asked == again.Root.Event.ID {
		t.Errorf("%s", mustJSON(t, again))
	}
}

func TestErrors(t *testing.T) {
	c, _ := start(t)
	ctx := t.Context()
	check := func(what string, err error, code api.Code, text string) {
		t.Helper()
		var e *api.Error
		if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, text) {
			t.Errorf("%s: %#v, want %s with %q", what, err, code, text)
		}
	}
	_, err := c.Event(ctx, "99999")
	check("no such position", err, api.NotFound, "99999")
	_, err = c.Event(ctx, "web1:aaaaaaab:5")
	check("no such id", err, api.NotFound, "web1:aaaaaaab:5")
	_, err = c.Event(ctx, "nonsense")
	check("no id", err, api.BadRequest, "nonsense")
	_, err = c.Trace(ctx, "nonsense")
	check("trace of no id", err, api.BadRequest, "nonsense")
	_, err = c.Fire(ctx, "brine/x", nil)
	check("reserved tag", err, api.BadRequest, "brine/")
	_, err = c.Fire(ctx, "a//b", nil)
	check("bad tag", err, api.BadRequest, "empty segment")
	_, err = c.Submit(ctx, api.Submit{Fun: job.TestPing, Tgt: "*"})
	check("nobody", err, api.NotFound, "no accepted minion")
	_, err = c.Submit(ctx, api.Submit{Fun: "pillar.show", Tgt: "*"})
	check("unknown function", err, api.BadRequest, "pillar.show")
	_, err = c.Submit(ctx, api.Submit{Fun: job.TestPing, Tgt: "[", TTL: 1})
	check("bad target", err, api.BadRequest, "[")
	_, err = c.Job(ctx, "aaaaaaaaaaaaaaaa")
	check("no such job", err, api.NotFound, "aaaaaaaaaaaaaaaa")
	_, err = c.AcceptKeys(ctx, "web1")
	check("no such key", err, api.NotFound, "web1")
	_, err = c.AcceptKeys(ctx)
	check("nobody named", err, api.BadRequest, "who")
	_, err = c.Keys(ctx, "[")
	check("bad glob", err, api.BadRequest, "match")
	_, err = c.NewToken(ctx, api.NewToken{TTL: 0})
	check("token without life", err, api.BadRequest, "life")
	_, err = c.Minions(ctx, "*", "grain")
	check("unknown kind of target", err, api.BadRequest, "grain")
	_, err = c.Drift(ctx, "nobody", "", false)
	check("drift of nobody", err, api.NotFound, "no accepted minion")
	_, err = c.Drift(ctx, "[", "", true)
	check("drift of a bad target", err, api.BadRequest, "[")
	if list, err := c.Drift(ctx, "", "", true); list == nil || len(list) != 0 || err != nil {
		t.Error(list, err)
	}
	_, err = c.MinionStatus(ctx)
	if err != nil {
		t.Error(err)
	}
}

func TestKeysTokensRules(t *testing.T) {
	c, m := start(t)
	ctx := t.Context()
	made, err := c.NewToken(ctx, api.NewToken{ID: "web1", TTL: api.Duration(time.Hour), Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	_, fp, err := identity.ParseToken(made.Text)
	if err != nil || fp != m.Fingerprint() || made.Token.By == "" || !made.Token.Replace {
		t.Errorf("%v %+v", err, made)
	}
	tokens, err := c.Tokens(ctx)
	if err != nil || len(tokens) != 1 || tokens[0].ID != "web1" {
		t.Errorf("%v %v", tokens, err)
	}
	if f, err := c.Fingerprint(ctx); err != nil || f != m.Fingerprint() {
		t.Error(f, err)
	}
	r, err := c.Rules(ctx)
	if err != nil || len(r.Rules) != 1 || r.Rules[0].Name != "deployed" || r.Rules[0].When != "data.ok" {
		t.Errorf("%+v %v", r, err)
	}
	if r, err = c.Reload(ctx); err != nil || len(r.Rules) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	s, err := c.Status(ctx)
	if err != nil || s.Fingerprint != m.Fingerprint() || s.Rules != 1 || s.Last == 0 {
		t.Errorf("%+v %v", s, err)
	}
	for what, get := range map[string]func() (int, error){
		"keys":    func() (int, error) { l, err := c.Keys(ctx, ""); return len(l), err },
		"minions": func() (int, error) { l, err := c.Minions(ctx, "", ""); return len(l), err },
		"jobs":    func() (int, error) { l, err := c.Jobs(ctx, api.JobQuery{Reverse: true, Limit: 3}); return len(l), err },
	} {
		if n, err := get(); n != 0 || err != nil {
			t.Error(what, n, err)
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// raw asks without the client.
func raw(t *testing.T, c *api.Client, method, path, body string) (int, string) {
	t.Helper()
	h := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return net.Dial("unix", c.Socket())
	}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://brine"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := h.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&answer)
	text, _ := answer["error"].(string)
	return resp.StatusCode, text
}

func TestStrictRequests(t *testing.T) {
	c, _ := start(t)
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/v1/events", `{"tag":"a","dta":{}}`, 400, "dta"},
		{"POST", "/v1/events", `{"tag":"a"} {"tag":"b"}`, 400, "more than one"},
		{"POST", "/v1/events", `{"tag":`, 400, "cannot be read"},
		{"POST", "/v1/events", ``, 400, "cannot be read"},
		{"POST", "/v1/events", `{"tag":"` + strings.Repeat("a", api.MaxBody) + `"}`, 400, "more than"},
		{"POST", "/v1/jobs", `{"fun":"test.ping","tgt":"*","args":{"argv":["sh"]}}`, 400, "args"},
		{"GET", "/v1/events?limit=x", "", 400, "limit"},
		{"GET", "/v1/events?since=yesterday", "", 400, "since"},
		{"GET", "/v1/events?tag=a//b", "", 400, "tag"},
		{"GET", "/v1/events?minion=%5B", "", 400, "minion"},
		{"GET", "/v1/events?follow=true&reverse=true", "", 400, "backwards"},
		{"GET", "/v1/jobs?open=maybe", "", 400, "open"},
		{"GET", "/v2/status", "", 404, "/v2/status"},
		{"DELETE", "/v1/status", "", 404, "DELETE"},
	} {
		status, text := raw(t, c, tt.method, tt.path, tt.body)
		if status != tt.status || !strings.Contains(text, tt.want) {
			t.Errorf("%s %s: %d %q, want %d with %q", tt.method, tt.path, status, text, tt.status, tt.want)
		}
	}
}
