package notify

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"brine/internal/action"
	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"

	"github.com/google/go-cmp/cmp"
)

// send carries out a notify with arguments as a rule has them once they are evaluated.
func send(t *testing.T, args map[string]any) job.Result {
	t.Helper()
	data, err := event.Encode(args)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := Module().Decode(job.Args{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return run(t.Context(), action.Call{Job: job.Job{JID: "j1", Rule: "tell"}, Args: decoded, Host: action.Host{Version: "1.0"}})
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSlack(t *testing.T) {
	var got slackMessage
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = slackMessage{}
		if r.URL.Path != "/services/T00/B00" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		if got.Channel == "#none" {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "channel_not_found at "+r.URL.Path)
		}
	}))
	defer s.Close()
	url := file(t, s.URL+"/services/T00/B00\n")
	for _, tt := range []struct {
		args map[string]any
		want slackMessage
	}{
		{map[string]any{"text": "*web1* is down"}, slackMessage{Text: "*web1* is down"}},
		{map[string]any{"text": "<!everyone> & <https://evil|a>", "channel": "#ops\n"}, slackMessage{Text: "&lt;!everyone&gt; &amp; &lt;https://evil|a&gt;", Channel: "#ops "}},
		{map[string]any{"text": "up", "mention": []any{"here", "U024BE7LH", "SAZ94GDB8"}}, slackMessage{Text: "<!here> <@U024BE7LH> <!subteam^SAZ94GDB8> up"}},
		{map[string]any{"text": strings.Repeat("ä", maxText)}, slackMessage{Text: strings.Repeat("ä", maxText/2) + "\n[... cut ...]"}},
	} {
		tt.args["url_file"] = url
		if r := send(t, map[string]any{"slack": tt.args}); !r.OK {
			t.Errorf("%+v", r)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Error(d)
		}
	}
	r := send(t, map[string]any{"slack": map[string]any{"url_file": url, "text": "a", "channel": "#none"}})
	if r.OK || !r.Final || strings.Contains(r.Error+r.Stdout, "T00") || !strings.Contains(r.Stdout, "channel_not_found at ********") {
		t.Errorf("%+v", r)
	}
	if r := send(t, map[string]any{"slack": map[string]any{"url_file": url, "text": " "}}); r.OK || !r.Final {
		t.Errorf("empty: %+v", r)
	}
	if r := send(t, map[string]any{"slack": map[string]any{"url_file": file(t, "no address"), "text": "a"}}); r.OK || r.Final || strings.Contains(r.Error, "no address such") == false {
		t.Errorf("bad file: %+v", r)
	}
}

func TestArgs(t *testing.T) {
	mail := func(more string) string { return "{mail: {to: a@b, from: a@b, subject: s" + more + "}}" }
	for text, want := range map[string]string{
		"{slack: {url_file: /a, text: '${tag}', channel: '#${minion}'}}": "", mail(", text: '${tag}', tls: none"): "", mail(", user: u, password_file: /p"): "",
		"{}": "one of slack and mail", "{slack: {url_file: /a, text: a}, mail: {to: a@b, from: a@b, subject: s}}": "one of slack and mail",
		"{slack: {text: a}}": `"url_file" is required`, "{slack: {url_file: a, text: a}}": "not absolute", "{slack: {url_file: '/${minion}', text: a}}": "cannot be a template",
		"{slack: {url_file: /a, text: a, mention: ops}}": `"ops"; want here`, "{slack: {url_file: /a, text: a, mention: ['${minion}']}}": "cannot be a template",
		"{mail: {to: [a@b, nobody], from: a@b, subject: s}}": `"nobody" is no address`, "{mail: {to: a@b, from: x, subject: s}}": `"x" is no address`,
		"{mail: {to: '${data.to}', from: a@b, subject: s}}": "mail.to cannot be a template", mail(", tls: maybe"): "want starttls, tls or none", mail(", server: mail"): "want host:port",
		mail(", user: u"): "of no use without", mail(", user: u, password_file: /p, tls: none"): "in the clear", mail(", password_file: p, user: u"): "not absolute",
		mail(", sever: a"): "did you mean server?",
	} {
		n, faults := config.Parse("f", []byte(text))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		got := Module().CheckArgs(n)
		if want == "" && len(got) > 0 || want != "" && (len(got) == 0 || !strings.Contains(got.Error(), want)) {
			t.Errorf("%s: %v, want %s", text, got, want)
		}
	}
}
