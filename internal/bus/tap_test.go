package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func newTap(t testing.TB, opt TapOptions) (*Tap, string) {
	t.Helper()
	// Not t.TempDir: a socket's path must be short.
	dir, err := os.MkdirTemp("", "tap")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	addr := "ipc://" + filepath.Join(dir, "own", "events.ipc")
	ln, err := ListenTap(addr)
	if err != nil {
		t.Fatal(err)
	}
	tap := NewTap(opt)
	serve(t, func(ctx context.Context) error { return tap.Serve(ctx, ln) })
	return tap, addr
}

func dialTap(t testing.TB, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(addr, "ipc://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestTapSendsWhatIsSubscribed(t *testing.T) {
	tap, addr := newTap(t, TapOptions{})
	if tap.Wanted() {
		t.Error("wanted by nobody")
	}
	tap.Publish("brine/lost", []byte("{}")) // to nobody
	conn := dialTap(t, addr)
	write(conn, append(greetingBytes(), readyBytes(property("Socket-Type", "SUB"))...))
	if tap.Wanted() {
		t.Error("wanted before the first subscription")
	}
	write(conn, bytes.Join([][]byte{
		frameBytes(0, []byte("\x01brine/beacon/")), frameBytes(0, []byte("\x01ops/")), frameBytes(0, []byte("\x01gone")), frameBytes(0, []byte("\x00gone")),
		frameBytes(flagCommand, []byte("\x04PING\x00\x64ctx")),
	}, nil))
	skip(t, conn, greetingBytes())
	skipReady(t, conn)
	skip(t, conn, frameBytes(flagCommand, []byte("\x04PONGctx"))) // so all before it is taken in
	for _, tag := range []string{"brine/beacon/web1/file/etc/motd", "brine/job/1/new", "gone", "ops/scaled"} {
		tap.Publish(tag, []byte(`{"tag":"`+tag+`"}`))
	}
	for _, tag := range []string{"brine/beacon/web1/file/etc/motd", "ops/scaled"} {
		skip(t, conn, frameBytes(flagMore, []byte(tag)))
		skip(t, conn, frameBytes(0, []byte(`{"tag":"`+tag+`"}`)))
	}
	conn.Close()
	eventually(t, "the subscriber to be gone", func() bool { return tap.Stats().Subscribers == 0 && !tap.Wanted() })
	if st := tap.Stats(); st.Accepted != 1 || st.Sent != 2 || st.Slow+st.Broken != 0 {
		t.Errorf("stats: %+v", st)
	}
}

// skip reads exactly what is wanted.
func skip(t testing.TB, r io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %q, %v; want %q", got[:n], err, want)
	}
}

func skipReady(t testing.TB, r io.Reader) {
	t.Helper()
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || head[0] != flagCommand {
		t.Fatalf("READY begins with %v, %v", head, err)
	}
	if _, err := io.CopyN(io.Discard, r, int64(head[1])); err != nil {
		t.Fatal(err)
	}
}

func TestSlowSubscriberIsCutOff(t *testing.T) {
	tap, addr := newTap(t, TapOptions{QueueBytes: 1 << 20})
	subscribe := append(append(greetingBytes(), readyBytes(property("Socket-Type", "SUB"))...), frameBytes(0, []byte{1})...)
	slow, healthy := dialTap(t, addr), dialTap(t, addr)
	write(slow, subscribe)
	write(healthy, subscribe)
	eventually(t, "both to subscribe", func() bool {
		tap.mu.RLock()
		defer tap.mu.RUnlock()
		n := 0
		for s := range tap.subscribers {
			if s.topics.any() {
				n++
			}
		}
		return n == 2
	})
	skip(t, healthy, greetingBytes())
	skipReady(t, healthy)
	before := heap()
	body := make([]byte, 10_000)
	for range 4000 {
		tap.Publish("t", body)
		skip(t, healthy, []byte("\x01\x01t"))
		skip(t, healthy, frameBytes(0, body))
	}
	if after := heap(); after > before+8<<20 {
		t.Errorf("memory grew from %d to %d MiB", before>>20, after>>20)
	}
	eventually(t, "the slow one to be cut off", func() bool { st := tap.Stats(); return st.Slow == 1 && st.Subscribers == 1 })
}

func TestHostileSubscribers(t *testing.T) {
	tap, addr := newTap(t, TapOptions{HandshakeTimeout: time.Second, MaxSubscribers: 3})
	sub := append(greetingBytes(), readyBytes(property("Socket-Type", "SUB"))...)
	many := func(n int) []byte {
		var b []byte
		for i := range n {
			b = append(b, frameBytes(0, fmt.Appendf([]byte{1}, "%d", i))...)
		}
		return b
	}
	for name, sent := range map[string][]byte{
		"nothing":                nil,
		"garbage":                bytes.Repeat([]byte("garbage"), 1000),
		"a PUB":                  append(greetingBytes(), readyBytes(property("Socket-Type", "PUB"))...),
		"malformed metadata":     append(greetingBytes(), readyBytes([]byte{200, 'S'})...),
		"a message":              append(sub[:len(sub):len(sub)], frameBytes(0, []byte("hello"))...),
		"an empty message":       append(sub[:len(sub):len(sub)], frameBytes(0, nil)...),
		"a prefix too long":      append(sub[:len(sub):len(sub)], frameBytes(0, make([]byte, maxPrefix+2))...),
		"too many prefixes":      append(sub[:len(sub):len(sub)], many(maxSubscriptions+1)...),
		"2^62 bytes":             append(sub[:len(sub):len(sub)], claim(0, 1<<62)...),
		"a command of 2^62":      append(sub[:len(sub):len(sub)], claim(flagCommand, 1<<62)...),
		"MORE":                   append(sub[:len(sub):len(sub)], frameBytes(flagMore, []byte("\x01a"))...),
		"an unknown command":     append(sub[:len(sub):len(sub)], frameBytes(flagCommand, []byte("\x04BOOM"))...),
		"a PING without its ttl": append(sub[:len(sub):len(sub)], frameBytes(flagCommand, []byte("\x04PING"))...),
	} {
		t.Run(name, func(t *testing.T) {
			was, before := tap.Stats().Broken, runtime.NumGoroutine()
			conn := dialTap(t, addr)
			write(conn, sent)
			eventually(t, "it to be cut off", func() bool { return tap.Stats().Broken == was+1 })
			conn.Close()
			eventually(t, "its goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
	if tap.Wanted() || tap.Stats().Subscribers != 0 {
		t.Error("something is left behind")
	}
	for range 4 {
		dialTap(t, addr)
	}
	eventually(t, "the fourth to be refused", func() bool { return tap.Stats().Refused == 1 })
}

// PINGs that are never answered because nobody reads fill the bounded queue, no more.
func TestEndlessPings(t *testing.T) {
	tap, addr := newTap(t, TapOptions{QueueMessages: 100})
	conn := dialTap(t, addr)
	write(conn, append(greetingBytes(), readyBytes(property("Socket-Type", "SUB"))...))
	flood(conn, frameBytes(flagCommand, []byte("\x04PING\x00\x64some context")))
	eventually(t, "it to be cut off", func() bool { return tap.Stats().Slow == 1 })
}

func TestListenTap(t *testing.T) {
	dir, err := os.MkdirTemp("", "tap")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "a", "b", "events.ipc")
	ln, err := ListenTap("ipc://" + path)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]os.FileMode{path: 0o660, filepath.Dir(path): 0o750} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %04o", p, info.Mode(), err, want)
		}
	}
	if _, err := ListenTap("ipc://" + path); err == nil {
		t.Error("a live socket was taken")
	}
	// The same when whoever has it knows nothing of our lock.
	foreign := filepath.Join(dir, "a", "b", "foreign.ipc")
	other, err := net.Listen("unix", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ListenTap("ipc://" + foreign); err == nil {
		t.Error("somebody's live socket was taken")
	}
	other.(*net.UnixListener).SetUnlinkOnClose(false)
	other.Close() // as after kill -9: the file is left
	stale, err := ListenTap("ipc://" + foreign)
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	stale.Close()
	ln.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}

	plain := filepath.Join(dir, "a", "b", "file")
	if err := os.WriteFile(plain, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := errors.Join(os.Mkdir(open, 0o755), os.Chmod(open, 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{
		"ipc://" + plain, "ipc://" + filepath.Join(open, "x.ipc"), "ipc://relative.ipc", "ipc://", "ipc://*", "tcp://127.0.0.1:1", "",
		"ipc:///" + strings.Repeat("long/", 30), "ipc://" + plain + "/x",
	} {
		if ln, err := ListenTap(addr); err == nil {
			ln.Close()
			t.Errorf("%q was taken", addr)
		} else {
			t.Log(err)
		}
	}
	if b, err := os.ReadFile(plain); err != nil || string(b) != "precious" {
		t.Errorf("a plain file was touched: %q, %v", b, err)
	}
}

func FuzzSubscriptions(f *testing.F) {
	f.Add([]byte("\x01\x01a\x02\x01ab\x02\x00a"), "abc")
	f.Add([]byte("\x00"), "")
	f.Add([]byte("\x01\x01\x01\x01\x01\x00"), "x")
	f.Fuzz(func(t *testing.T, data []byte, tag string) {
		// data: a length and a frame of it, again and again.
		var s subscriptions
		var plain []string // each subscription that was not cancelled
		for len(data) > 0 {
			n := min(int(data[0]), len(data)-1)
			frame := data[1 : 1+n]
			data = data[1+n:]
			err := s.apply(frame)
			if err != nil {
				if len(frame) > 0 && frame[0] <= 1 && len(plain) < maxSubscriptions {
					t.Fatalf("%q: %v", frame, err)
				}
				break
			}
			if frame[0] == 1 {
				plain = append(plain, string(frame[1:]))
				continue
			}
			for i, p := range plain {
				if p == string(frame[1:]) {
					plain = append(plain[:i:i], plain[i+1:]...)
					break
				}
			}
		}
		want := false
		for _, p := range plain {
			want = want || strings.HasPrefix(tag, p)
		}
		if s.want(tag) != want || s.any() != (len(plain) > 0) {
			t.Fatalf("want(%q) is %v after %q", tag, s.want(tag), plain)
		}
	})
}
