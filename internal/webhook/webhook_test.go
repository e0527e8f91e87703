package webhook

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/internal/job"
)

func post(t *testing.T, address string, change func(*Request)) job.Result {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	r := Request{URL: u, Header: http.Header{"X-A": {"1"}}, Body: []byte("the body"), Timeout: 5 * time.Second}
	if change != nil {
		change(&r)
	}
	return Post(t.Context(), r)
}

// Which answers are success, which may pass, and which never will.
func TestAnswers(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var code int
		fmt.Sscanf(r.URL.Path, "/%d", &code)
		w.WriteHeader(code)
		io.WriteString(w, "said")
	}))
	defer s.Close()
	for code, want := range map[int]job.Result{
		200: {OK: true}, 202: {OK: true}, 299: {OK: true}, 301: {Final: true}, 304: {Final: true}, 400: {Final: true}, 401: {Final: true}, 404: {Final: true}, 410: {Final: true},
		408: {}, 425: {}, 429: {}, 500: {}, 502: {}, 503: {}, 599: {},
	} {
		got := post(t, fmt.Sprintf("%s/%d", s.URL, code), nil)
		if got.OK != want.OK || got.Final != want.Final || (got.Error == "") != got.OK || !got.OK && !strings.Contains(got.Error, fmt.Sprint(code)) {
			t.Errorf("%d: %+v", code, got)
		}
		var a Answer
		if err := got.Return.Decode(&a); err != nil || a.Status != code || code != 304 && got.Stdout != "said" {
			t.Errorf("%d: kept %+v, %q, %v", code, a, got.Stdout, err)
		}
	}
}

func TestWhatIsSentAndKept(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprintf(w, `{"method": %q, "body": %q, "a": %q, "secret": "hunter22"}`, r.Method, body, r.Header.Get("X-A"))
	}))
	defer s.Close()
	r := post(t, s.URL, func(r *Request) { r.Secrets = []string{"hunter22"} })
	var a Answer
	if err := r.Return.Decode(&a); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(a.JSON); got != "map[a:1 body:the body method:POST secret:********]" || strings.Contains(r.Stdout, "hunter22") {
		t.Errorf("%s, %s", got, r.Stdout)
	}
}

func TestLargeAnswerIsCut(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for range 100 {
			w.Write(make([]byte, 10<<10))
		}
	}))
	defer s.Close()
	r := post(t, s.URL, nil)
	if !r.OK || len(r.Stdout) > MaxAnswer+100 || !strings.HasSuffix(r.Stdout, "left out ...]\n") {
		t.Errorf("ok %v, %d bytes", r.OK, len(r.Stdout))
	}
}

// A redirect must not carry what was meant for one host to another.
func TestRedirects(t *testing.T) {
	reached := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- "other" }))
	defer other.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/307":
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		case "/303":
			http.Redirect(w, r, "/end", http.StatusSeeOther)
		case "/other":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusPermanentRedirect)
		default:
			body, _ := io.ReadAll(r.Body)
			io.WriteString(w, r.Method+" "+string(body))
		}
	}))
	defer s.Close()
	if r := post(t, s.URL+"/307", nil); !r.OK || r.Stdout != "POST the body" {
		t.Errorf("307: %+v", r)
	}
	for _, path := range []string{"/303", "/other", "/loop"} {
		if r := post(t, s.URL+path, nil); r.OK || !r.Final || !strings.Contains(r.Error, "redirect") {
			t.Errorf("%s: %+v", path, r)
		}
	}
	select {
	case who := <-reached:
		t.Errorf("the request reached %s", who)
	default:
	}
}

func TestNoAnswer(t *testing.T) {
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
		}
		<-stop
	}))
	defer s.Close()
	defer close(stop)
	for _, path := range []string{"/", "/half"} {
		r := post(t, s.URL+path, func(r *Request) { r.Timeout = 100 * time.Millisecond })
		if r.OK || r.Final || !strings.Contains(r.Error, "no answer within 100ms") {
			t.Errorf("%s: %+v", path, r)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u, _ := url.Parse(s.URL)
	if r := Post(ctx, Request{URL: u}); r.OK || r.Final {
		t.Errorf("stopped: %+v", r)
	}
}

// A server that is down, and one that speaks no HTTP: both may pass, and the address, a secret, is not told.
func TestBrokenServers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "no HTTP at all\r\n\r\n")
			c.Close()
		}
	}()
	addr := "http://" + l.Addr().String() + "/services/T00/secret"
	if r := post(t, addr, nil); r.OK || r.Final || r.Error == "" || strings.Contains(r.Error, "secret") {
		t.Errorf("no HTTP: %+v", r)
	}
	l.Close()
	if r := post(t, addr, nil); r.OK || r.Final || !strings.Contains(r.Error, "refused") || strings.Contains(r.Error, "secret") {
		t.Errorf("down: %+v", r)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, config := range map[string]TLS{
		"":                       {CA: ca},
		"certificate":            {},
		"not wrong.example.org":  {CA: ca, ServerName: "wrong.example.org"},
		"no such file":           {CA: ca + "x"},
		"holds no certificate":   {CA: os.Args[0]},
		"tls: cert: open /no/su": {CA: ca, Cert: "/no/such", Key: "/no/such"},
	} {
		r := post(t, s.URL, func(r *Request) { r.TLS = config })
		if r.OK != (want == "") || !strings.Contains(r.Error, want) {
			t.Errorf("%+v: %+v", config, r)
		}
	}
}

func TestCheckHeader(t *testing.T) {
	for _, h := range [][2]string{{"X-A", "a\tb c"}, {"x", ""}, {"X", "ümlaut"}} {
		if err := CheckHeader(h[0], h[1]); err != nil {
			t.Error(err)
		}
	}
	for _, h := range [][2]string{{"", "a"}, {"X A", "a"}, {"X:", "a"}, {"X\n", "a"}, {"X", "a\r\nY: b"}, {"X", "a\nb"}, {"X", "a\x00"}, {"X", "a\x7f"}, {"Xü", "a"}} {
		if err := CheckHeader(h[0], h[1]); err == nil {
			t.Errorf("%q: %q is sent", h[0], h[1])
		}
	}
}
