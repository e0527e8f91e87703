package bus

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"brine/internal/identity"
)

// proxy forwards TCP until it is told to hold its breath: then everything stays open and nothing moves.
type proxy struct {
	addr   string
	frozen atomic.Bool
	thaw   chan struct{}
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: "tcp://" + ln.Addr().String(), thaw: make(chan struct{})}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			hostport, _ := ParseAddress(target)
			out, err := net.Dial("tcp", hostport)
			if err != nil {
				in.Close()
				continue
			}
			running.Go(func() { p.copy(in, out) })
			running.Go(func() { p.copy(out, in) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		close(p.thaw)
		running.Wait()
	})
	return p
}

func (p *proxy) copy(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if p.frozen.Load() {
			<-p.thaw // an end is not passed on either
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

func TestHalfOpenConnectionIsNoticedByBothSides(t *testing.T) {
	limits := Limits{Heartbeat: 100 * time.Millisecond, Dead: time.Second}
	h := newHouse(t, func(o *ServerOptions) { o.Limits = limits })
	direct := h.addr
	way := newProxy(t, direct)
	h.addr = way.addr
	p, rec := h.guest(func(o *ClientOptions) { o.Limits = limits })
	if err := p.Send([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	next(t, h.rec.msgs, "a message through the proxy")
	way.frozen.Store(true)
	rec.nextClosed(t, ErrSilent)
	h.rec.nextClosed(t, ErrSilent)
	if st := h.Stats(); st.Silent != 1 {
		t.Errorf("stats: %+v", st)
	}
	h.addr = direct
	h.serves()
}

// stalled blocks in its first Message, so that its side reads nothing more.
type stalled struct {
	*recorder
	release chan struct{}
}

func (s *stalled) Message(p *Peer, msg []byte) {
	<-s.release
	s.recorder.Message(p, msg)
}

func TestStalledPeerHarmsOnlyItself(t *testing.T) {
	const (
		size     = 10_000
		messages = 4000 // 40 MB: more than queue and kernel hold
		healthy  = 3
	)
	h := newHouse(t, func(o *ServerOptions) { o.QueueBytes = 1 << 20 })
	release := make(chan struct{})
	slow := &stalled{recorder: newRecorder(t), release: release}
	bad, _ := h.guest(func(o *ClientOptions) { o.Handler = slow })
	badThere := next(t, h.rec.opened, "Opened")
	var good []*Peer
	var recs []*recorder
	for range healthy {
		_, rec := h.guest(nil)
		good, recs = append(good, next(t, h.rec.opened, "Opened")), append(recs, rec)
	}
	before := heap()
	var slowErr error
	for i := range messages {
		if err := badThere.Send(make([]byte, size)); err != nil && slowErr == nil {
			slowErr = err
		}
		for j, p := range good {
			if err := p.Send(make([]byte, size)); err != nil {
				t.Fatalf("a healthy peer got %v", err)
			}
			if i%20 == 19 { // at their pace: what is tested is not theirs
				for range 20 {
					next(t, recs[j].msgs, "a message")
				}
			}
		}
	}
	if !errors.Is(slowErr, ErrSlow) {
		t.Errorf("sending to the stalled one: %v, want ErrSlow", slowErr)
	}
	if after := heap(); after > before+16<<20 {
		t.Errorf("memory grew from %d to %d MiB", before>>20, after>>20)
	}
	h.rec.nextClosed(t, ErrSlow)
	if st := h.Stats(); st.Slow != 1 || st.Peers != healthy {
		t.Errorf("stats: %+v", st)
	}
	close(release)
	next(t, bad.Done(), "the stalled one to end")
}

// A peer that reads nothing is given up after WriteTimeout even when its queue never fills.
func TestWriteTimeout(t *testing.T) {
	h := newHouse(t, func(o *ServerOptions) { o.WriteTimeout, o.QueueBytes = 300*time.Millisecond, 64<<20 })
	release := make(chan struct{})
	h.guest(func(o *ClientOptions) { o.Handler = &stalled{newRecorder(t), release} })
	p := next(t, h.rec.opened, "Opened")
	for range 30 {
		if err := p.Send(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	h.rec.nextClosed(t, ErrSlow)
	close(release)
}

// Back pressure: while Message blocks nothing is lost, and others are served.
func TestBlockedHandlerHoldsBackItsPeer(t *testing.T) {
	release := make(chan struct{})
	h := newHouse(t, nil)
	slow := &stalled{recorder: newRecorder(t), release: release}
	h.guest(nil)
	next(t, h.rec.opened, "Opened")
	h.guest(func(o *ClientOptions) { o.Handler = slow })
	there := next(t, h.rec.opened, "Opened")
	for i := range 500 {
		if err := there.Send([]byte{byte(i), byte(i >> 8)}); err != nil {
			t.Fatal(err)
		}
	}
	h.serves()
	close(release)
	for i := range 500 {
		if m := next(t, slow.msgs, "a message"); m.msg[0] != byte(i) || m.msg[1] != byte(i>>8) {
			t.Fatalf("message %d is %v", i, m.msg)
		}
	}
}

// flaky is a listener that has no descriptors at first.
type flaky struct {
	net.Listener
	failures atomic.Int32
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

func TestAcceptGoesOn(t *testing.T) {
	h := newHouse(t, nil)
	ln, err := Listen(t.Context(), "tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{Listener: ln}
	f.failures.Store(4)
	serve(t, func(ctx context.Context) error { return h.Serve(ctx, f) })
	h.addr = "tcp://" + ln.Addr().String()
	h.serves()
	if n := h.Stats().AcceptErrors; n != 4 {
		t.Errorf("%d errors counted, want 4", n)
	}
}

func TestServeReturnsWhenTheListenerBreaks(t *testing.T) {
	h := newHouse(t, nil)
	ln, err := Listen(t.Context(), "tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- h.Serve(t.Context(), ln) }()
	ln.Close()
	if err := next(t, done, "Serve to return"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v", err)
	}
}

func TestDialErrorsHelp(t *testing.T) {
	h := newHouse(t, nil)
	closedPort := func() string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		return "tcp://" + ln.Addr().String()
	}
	// serverOf answers every connection with one text and an end.
	serverOf := func(text string) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, text)
				conn.Close()
			}
		}()
		return "tcp://" + ln.Addr().String()
	}
	trust := identity.Pin(h.key.Fingerprint())
	var wrong *identity.ErrWrongMaster
	cases := []struct {
		name  string
		addr  string
		trust func(identity.Fingerprint) error
		ok    func(error) bool
	}{
		{"a key that is not accepted", h.addr, trust, func(err error) bool { return errors.Is(err, identity.ErrNotAdmitted) }},
		{"another master", h.addr, identity.Pin(newKey(t).Fingerprint()), func(err error) bool { return errors.As(err, &wrong) }},
		{"nobody listens", closedPort(), trust, func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		{"no TLS", serverOf("HTTP/1.1 400 Bad Request\r\n\r\n"), trust, func(err error) bool { return true }},
		{"closed at once", serverOf(""), trust, func(err error) bool { return true }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Dial(t.Context(), c.addr, ClientOptions{Key: newKey(t), Trust: c.trust, Handler: newRecorder(t)})
			if err == nil || !c.ok(err) {
				t.Fatalf("got %v", err)
			}
			if identity.Hint(err) == "" {
				t.Errorf("no hint for %v", err)
			}
			t.Logf("error: %v\nhint: %v", err, identity.Hint(err))
		})
	}
	t.Run("no answer", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		_, err = Dial(t.Context(), "tcp://"+ln.Addr().String(), ClientOptions{
			Key: newKey(t), Trust: trust, Handler: newRecorder(t), Limits: Limits{HandshakeTimeout: 50 * time.Millisecond},
		})
		if !errors.Is(err, context.DeadlineExceeded) && identity.Hint(err) == "" {
			t.Errorf("got %v", err)
		}
		t.Logf("error: %v\nhint: %v", err, identity.Hint(err))
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Dial(ctx, h.addr, ClientOptions{Key: newKey(t), Trust: trust, Handler: newRecorder(t)})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAddresses(t *testing.T) {
	for addr, want := range map[string]string{
		"tcp://127.0.0.1:4506": "127.0.0.1:4506", "tcp://[::1]:4506": "[::1]:4506", "tcp://brine:4506": "brine:4506", "tcp://*:4506": ":4506",
		"tcp://[fe80::1%eth0]:1": "[fe80::1%eth0]:1",
		"brine:4506":             "", "tcp://brine": "", "tcp://::1:4506": "", "tcp://brine:": "", "tcp://brine:65536": "", "ipc:///x": "", "": "",
	} {
		got, err := ParseAddress(addr)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", addr, got, err, want)
		}
	}
}
