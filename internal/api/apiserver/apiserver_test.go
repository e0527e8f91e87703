package apiserver

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"brine/internal/api"
)

func TestListen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run", "brine")
	path := filepath.Join(dir, "d.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	mode := func(p string) os.FileMode {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if mode(dir) != 0o750 || mode(path) != 0o660 {
		t.Errorf("folder %o, socket %o", mode(dir), mode(path))
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another daemon") {
		t.Errorf("a live socket: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("the live socket is gone:", err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Error("left behind:", entries)
	}
	l.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("a closed socket stays:", err)
	}
}

func TestListenOverWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.sock")
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close() // as after kill -9
	l, err := Listen(path)
	if err != nil {
		t.Fatal("stale socket:", err)
	}
	l.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil {
		t.Error("a file gave way to the socket")
	}
	if _, err := Listen(filepath.Join(t.TempDir(), strings.Repeat("long", 30))); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Error(err)
	}
}

// ask serves one route and gives its answer.
func ask(t *testing.T, h http.HandlerFunc) (status int, body string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "d.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- serve(ctx, l, Routes{"GET /x": h}, slog.New(slog.DiscardHandler)) }()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}}
	resp, err := client.Get("http://brine/x")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	cancel()
	if serr := <-done; serr != nil || err != nil {
		t.Error(serr, err)
	}
	return resp.StatusCode, string(text)
}

func TestPanicIsAnAnswer(t *testing.T) {
	status, body := ask(t, func(http.ResponseWriter, *http.Request) { panic("ouch") })
	if status != 500 || !strings.Contains(body, "ouch") || !strings.Contains(body, `"code":"internal"`) {
		t.Error(status, body)
	}
}

func TestBy(t *testing.T) {
	_, body := ask(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, By(r.Context())) })
	me, err := user.Current()
	if err != nil || body != me.Username {
		t.Errorf("%q, want %v (%v)", body, me, err)
	}
	if got := userName(4_000_000_000); got != "uid:4000000000" {
		t.Error(got)
	}
}

func TestExplain(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	none := func(error) *api.Error { return nil }
	if e := Explain(t.Context(), log, none, errors.New("odd")); e.Code != api.Internal || e.Message != "odd" || e.Advice == "" {
		t.Error(e)
	}
	if e := Explain(t.Context(), log, none, context.Canceled); e.Code != api.Unavailable {
		t.Error(e)
	}
	for c, want := range map[api.Code]int{api.BadRequest: 400, api.NotFound: 404, api.Conflict: 409, api.Unavailable: 503, api.Internal: 500, "": 500} {
		if c.HTTPStatus() != want {
			t.Error(c, c.HTTPStatus())
		}
	}
}
