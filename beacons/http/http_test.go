package http

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/config"
)

// serve answers with a status that can be changed. /moved leads to /.
func serve(t *testing.T, secure bool) (url, ca string, status *atomic.Int64) {
	t.Helper()
	status = new(atomic.Int64)
	status.Store(200)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write([]byte(`{"status": "ok", "agent": "` + r.UserAgent() + `", "host": "` + r.Host + `"}` + strings.Repeat(" ", 2*maxBody) + "end"))
	})
	s := httptest.NewUnstartedServer(h)
	s.Config.SetKeepAlivesEnabled(false)
	if secure {
		s.StartTLS()
		ca = filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o644); err != nil {
			t.Fatal(err)
		}
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.URL, ca, status
}

func TestConformance(t *testing.T) {
	url, _, status := serve(t, false)
	beacontest.Run(t, Module(), beacontest.Case{Name: "it fails", Config: `shop: {url: '` + url + `', failures: 2}`, System: true,
		Setup: func(*testing.T, string) { status.Store(200) },
		Ready: func(kept map[string][]byte) bool { return len(kept) == 1 },
		Act:   func(*testing.T, string) { status.Store(503) }, Tags: []string{"shop/down"}})
}

func TestAsk(t *testing.T) {
	plain, _, _ := serve(t, false)
	secure, ca, _ := serve(t, true)
	for options, want := range map[string]string{
		`url: ` + plain:                                                   "",
		`url: ` + plain + `/moved`:                                        "status 302; want 200-299",
		`url: ` + plain + `/moved, redirects: 1`:                          "",
		`url: ` + plain + `, status: [204, 400-404]`:                      "status 200; want 204, 400-404",
		`url: ` + plain + `, body: '"status": "ok"'`:                      "",
		`url: ` + plain + `, body: 'end'`:                                 `the body does not match "end"`,
		`url: ` + plain + `, latency: 1ns`:                                "the limit is 1ns",
		`url: ` + plain + `, body: brine-minion`:                          "",
		`url: ` + plain + `, headers: {Host: a.b}, body: '"host": "a.b"'`: "",
		`url: ` + secure:                                                  "certificate",
		`url: ` + secure + `, ca: ` + ca:                                  "",
		`url: ` + secure + `, ca: /no/such`:                               "no such file",
		`url: 'https://example.com/', connect: '` + strings.TrimPrefix(secure, "https://") + `', ca: ` + ca: "",
		`url: 'http://127.0.0.1:1/'`: "refused",
	} {
		c := Module().Config().(*Config)
		n, _ := config.Parse("case.yaml", []byte("p: {"+options+"}"))
		if err := n.Decode(c).Err(); err != nil {
			t.Fatalf("%s: %v", options, err)
		}
		a := c.Probes["p"].filled().ask(t.Context(), c.Probes["p"].CA)
		if want == "" && a.err != nil || want != "" && (a.err == nil || !strings.Contains(a.err.Error(), want)) {
			t.Errorf("%s: %v; want %q", options, a.err, want)
		}
	}
}

func TestExpires(t *testing.T) {
	url, ca, _ := serve(t, true)
	h := beacontest.Start(t, Module(), `shop: {url: '`+url+`', ca: `+ca+`, expires: {below: 100000d}}`, beacons.Env{Interval: 10 * time.Millisecond})
	if d := h.Next("shop/expires").Data.(Data); d.Left <= 0 || d.NotAfter.IsZero() || d.State != "entered" || d.Status != 200 || d.Subject == "" {
		t.Errorf("%+v", d)
	}
}

func TestRefusedOptions(t *testing.T) {
	for text, want := range map[string]string{
		`a: {}`:                                       `"url" is required`,
		`a: {url: shop.example.com}`:                  `a: url: "shop.example.com"; want such as`,
		`a: {url: 'file:///etc/passwd'}`:              `a: url: "file:///etc/passwd"`,
		`a: {url: 'http://a/', method: POST}`:         `a: method: "POST"; want GET or HEAD`,
		`a: {url: 'http://a/', status: 99}`:           `"99" is no status`,
		`a: {url: 'http://a/', redirects: 11}`:        "a: redirects: 11; want at most 10",
		`a: {url: 'http://a/', timeout: 2m}`:          "a: timeout: 2m0s",
		`a: {url: 'http://a/', connect: b}`:           `a: connect: "b"; want host:port`,
		`a: {url: 'http://a/', expires: {below: 5%}}`: "a: expires: 5% is a share",
		`a: {url: 'http://a/', follow: true}`:         `unknown key "follow"`,
	} {
		n, faults := config.Parse("minion.yaml", []byte(text))
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		if err := n.Decode(Module().Config()).Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to say %q", text, err, want)
		}
	}
}
