package post

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/internal/action"
	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"

	"github.com/google/go-cmp/cmp"
)

// call is a call with arguments as a rule has them once they are evaluated.
func call(t *testing.T, args map[string]any) action.Call {
	t.Helper()
	data, err := event.Encode(args)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := Module().Decode(job.Args{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	carried, err := event.Encode(map[string]any{"path": "/etc/motd"})
	if err != nil {
		t.Fatal(err)
	}
	return action.Call{
		Job: job.Job{JID: "j1", Rule: "tell", Attempt: 2}, Args: decoded, Host: action.Host{Version: "1.0"},
		Event: event.Event{ID: event.ID{Origin: "web1", Inc: 7, Seq: 9}, Pos: 3, Tag: "brine/beacon/web1/file/etc/motd", Minion: "web1", Data: carried,
			Time: time.Date(2026, 11, 1, 2, 3, 4, 5, time.UTC), Received: time.Date(2026, 11, 1, 2, 3, 5, 0, time.UTC)},
	}
}

// request is what a server would see.
func request(t *testing.T, args map[string]any) (http.Header, string, string) {
	t.Helper()
	c := call(t, args)
	r, err := c.Args.(*Args).request(c, time.Unix(1492774577, 0))
	if err != nil {
		t.Fatal(err)
	}
	return r.Header, string(r.Body), r.URL.String()
}

// The shapes are those of the CloudEvents specification: JSON format 1.0.2, 3.2; HTTP protocol binding 1.0.2, 3.1 and 3.2.
func TestCloudEvents(t *testing.T) {
	head, body, _ := request(t, map[string]any{"url": "https://h/p"})
	want := `{"specversion":"1.0","id":"j1","source":"brine/minion/web1","type":"brine.event","subject":"brine/beacon/web1/file/etc/motd",` +
		`"time":"2026-11-01T02:03:04.000000005Z","datacontenttype":"application/json","brinerule":"tell","brineevent":"web1:aaaaaaah:9","data":{"path":"/etc/motd"}}`
	if d := cmp.Diff(want, body); d != "" || head.Get("Content-Type") != "application/cloudevents+json; charset=UTF-8" {
		t.Error(d, head)
	}
	head, body, _ = request(t, map[string]any{"url": "https://h/p", "format": "cloudevents-binary", "type": "com.example.über", "source": "/a b", "data": []any{"x"}})
	if d := cmp.Diff(http.Header{
		"Ce-Specversion": {"1.0"}, "Ce-Id": {"j1"}, "Ce-Source": {"/a%20b"}, "Ce-Type": {"com.example.%C3%BCber"}, "Ce-Subject": {"brine/beacon/web1/file/etc/motd"},
		"Ce-Time": {"2026-11-01T02:03:04.000000005Z"}, "Ce-Brinerule": {"tell"}, "Ce-Brineevent": {"web1:aaaaaaah:9"}, "Content-Type": {"application/json"},
		"User-Agent": {"brine/1.0"}, "Idempotency-Key": {"j1"}, "X-Brine-Attempt": {"2"},
	}, head); d != "" || body != `["x"]` {
		t.Error(d, body)
	}
	_, body, _ = request(t, map[string]any{"url": "https://h/p", "format": "json"})
	if !strings.HasPrefix(body, `{"id":"web1:aaaaaaah:9","pos":3,`) {
		t.Error(body)
	}
	_, body, _ = request(t, map[string]any{"url": "https://h/p", "format": "json", "data": map[string]any{"title": "a\"b", "n": 5}})
	if body != `{"n":5,"title":"a\"b"}` {
		t.Error(body)
	}
}

// The event is no longer in the log: what the rule says is still told.
func TestWithoutEvent(t *testing.T) {
	c := call(t, map[string]any{"url": "https://h/p"})
	c.Event = event.Event{}
	r, err := c.Args.(*Args).request(c, time.Now())
	if want := `{"specversion":"1.0","id":"j1","source":"brine/master","type":"brine.event","brinerule":"tell"}`; err != nil || string(r.Body) != want {
		t.Errorf("%s, %v", r.Body, err)
	}
}

// The values were made with openssl dgst -sha256 -hmac.
func TestSignature(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("It's a Secret to Everybody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries, with the text "Hello, World!"
	s := Sign{Style: Body}
	if got := s.signature("It's a Secret to Everybody", []byte("Hello, World!"), time.Time{}); got != "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" {
		t.Error(got)
	}
	for style, want := range map[string]string{"timestamped": "t=1492774577,v1=4b3cd037848ea5369cbe292e01e654d6008f30984660d8c3450d474bf98db67f", "body": "sha256=3aea7d9882012d69ea49b8443b94e755179f85ee830bfa901efb5dc673af63a3"} {
		head, _, _ := request(t, map[string]any{"url": "https://h/p", "format": "json", "data": map[string]any{"a": 1},
			"sign": map[string]any{"secret_file": secret, "header": "X-Sig", "style": style}})
		if got := head.Get("X-Sig"); got != want {
			t.Errorf("%s: %s", style, got)
		}
	}
}

func TestAddress(t *testing.T) {
	for _, tt := range []struct {
		args map[string]any
		want string
	}{
		{map[string]any{"url": "https://h/a/"}, "https://h/a/"},
		{map[string]any{"url": "https://h/a/?x=1", "path": []any{"b", "c d"}}, "https://h/a/b/c%20d?x=1"},
		{map[string]any{"url": "https://h", "path": []any{"../../admin", "?q#f", "%2e%2e", "@evil"}}, "https://h/..%2F..%2Fadmin/%3Fq%23f/%252e%252e/@evil"},
		{map[string]any{"url": "https://h/a", "query": map[string]any{"q": "a&b=c#d", "e": ""}}, "https://h/a?e=&q=a%26b%3Dc%23d"},
	} {
		if _, _, got := request(t, tt.args); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.args, got, tt.want)
		}
	}
}

// What an event may bring about is a refusal, at once and for good.
func TestHostileValues(t *testing.T) {
	for _, args := range []map[string]any{
		{"path": []any{".."}}, {"path": []any{"."}}, {"path": []any{""}}, {"path": []any{"a", ".."}},
		{"headers": map[string]any{"X-A": "1\r\nX-B: 2"}}, {"headers": map[string]any{"X-A": "1\x00"}},
	} {
		args["url"] = "http://127.0.0.1:1/"
		r := run(t.Context(), call(t, args))
		if r.OK || !r.Final || r.Error == "" {
			t.Errorf("%v: %+v", args, r)
		}
	}
	c := call(t, map[string]any{"url": "http://127.0.0.1:1/", "authorization_file": "/no/such"})
	if r := run(t.Context(), c); r.OK || r.Final || !strings.Contains(r.Error, "authorization_file: open /no/such") {
		t.Errorf("%+v", r)
	}
}

func TestArgs(t *testing.T) {
	for text, want := range map[string]string{
		"{url: https://h}": "", "{url_file: /a, path: ['${minion}'], headers: {X-A: '${tag}'}}": "",
		"{}": "one of url and url_file", "{url: https://h, url_file: /a}": "one of url", "{url: 'https://${minion}/'}": "url cannot be a template",
		"{url: h/p}": "https://host/path", "{url: 'ftp://h'}": "https://host/path", "{url: 'https://a:b@h'}": "authorization_file", "{url: 'https://h/#a'}": "never sent",
		"{url: https://h, format: xml}": "cloudevents-binary", "{url: https://h, timeout: 0s}": "timeout: 0s", "{url: https://h, timeout: 1h}": "at most 10m",
		"{url: https://h, headers: {Host: a}}": "Host is not a rule's", "{url: https://h, headers: {ce-id: a}}": "ce-id is not", "{url: https://h, headers: {'a b': a}}": "no name of a header",
		"{url: https://h, headers: {content-type: a}}": "content-type is not", "{url: https://h, format: json, headers: {content-type: a}}": "",
		"{url: https://h, sign: {secret_file: a}}": `"a" is not absolute`, "{url: https://h, sign: {secret_file: /a, style: md5}}": "want timestamped or body",
		"{url: https://h, sign: {secret_file: '/a/${minion}'}}": "cannot be a template", "{url: https://h, tls: {cert: /a}}": "of no use without",
		"{url: https://h, ulr: x}": "did you mean url?", "{url: https://h, format: json, type: a}": "format json has none",
		"{url: https://h, sign: {secret_file: /a}, headers: {x-brine-signature: a}}": "the signature's",
	} {
		n, faults := config.Parse("f", []byte(text))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		got := Module().CheckArgs(n)
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0].String(), want)) {
			t.Errorf("%s: %v, want %s", text, got, want)
		}
	}
}

// A server that fails three times and then works, as a receiver sees it: the same id each time.
func TestFailsThenWorks(t *testing.T) {
	var ids []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e struct{ ID, Subject string }
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &e); err != nil || r.Header.Get("Idempotency-Key") != e.ID {
			t.Errorf("%s: %v", body, err)
		}
		if ids = append(ids, e.ID); len(ids) <= 3 {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer s.Close()
	for n := 1; n <= 4; n++ {
		if r := run(t.Context(), call(t, map[string]any{"url": s.URL})); r.OK != (n == 4) || r.Final {
			t.Errorf("attempt %d: %+v", n, r)
		}
	}
	if d := cmp.Diff([]string{"j1", "j1", "j1", "j1"}, ids); d != "" {
		t.Error(d)
	}
}
