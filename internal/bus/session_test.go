package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"brine/internal/identity"
)

func TestMessagesBothWays(t *testing.T) {
	for _, addr := range []string{"tcp://127.0.0.1:0", "tcp://[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			h := newHouseOn(t, addr, nil)
			p, rec := h.guest(nil)
			there := next(t, h.rec.opened, "Opened")
			if there.Key() == p.Key() || p.Key() != h.key.Fingerprint() {
				t.Fatalf("keys: the server is %v to us, we are %v to it", p.Key(), there.Key())
			}
			// Around every boundary of the frame format and the buffers.
			for _, size := range []int{1, 2, 254, 255, 256, 257, readBuffer - 9, readBuffer, writeBuffer, eager - 1, eager, eager + 1, 1<<20 - 1, 1 << 20} {
				msg := bytes.Repeat([]byte{byte(size), 1, 4, 0xff}, size/4+1)[:size]
				if err := p.Send(msg); err != nil {
					t.Fatal(err)
				}
				if got := next(t, h.rec.msgs, "a message up"); !bytes.Equal(got.msg, msg) {
					t.Fatalf("up: %d bytes came as %d others", size, len(got.msg))
				}
				if err := there.Send(msg); err != nil {
					t.Fatal(err)
				}
				if got := next(t, rec.msgs, "a message down"); !bytes.Equal(got.msg, msg) {
					t.Fatalf("down: %d bytes came as %d others", size, len(got.msg))
				}
			}
			st := h.Stats()
			if st.MessagesIn != 14 || st.MessagesOut != 14 || st.BytesIn != st.BytesOut || st.Peers != 1 || st.Opened != 1 {
				t.Errorf("stats: %+v", st)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	h := newHouse(t, nil)
	p, _ := h.guest(nil)
	for i := range 4000 {
		if err := p.Send(fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4000 {
		if m := next(t, h.rec.msgs, "a message"); string(m.msg) != fmt.Sprint(i) {
			t.Fatalf("message %q, want %d", m.msg, i)
		}
	}
}

func TestSendRefusesSizes(t *testing.T) {
	h := newHouse(t, nil)
	p, _ := h.guest(func(o *ClientOptions) { o.MaxFrame = 1000 })
	for _, size := range []int{0, 1001} {
		if err := p.Send(make([]byte, size)); !errors.Is(err, ErrSize) {
			t.Errorf("%d bytes: %v, want ErrSize", size, err)
		}
	}
	if err := p.Send(make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	next(t, h.rec.msgs, "the message in bounds")
}

func TestCloseIsTold(t *testing.T) {
	h := newHouse(t, nil)
	p, rec := h.guest(nil)
	there := next(t, h.rec.opened, "Opened")
	mine := errors.New("enough")
	for range 3 {
		go there.Close(mine)
	}
	h.rec.nextClosed(t, mine)
	rec.nextClosed(t, ErrGone)
	for _, p := range []*Peer{p, there} {
		if err := p.Send([]byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("Send after Close: %v", err)
		}
		p.Close(nil)
	}
	if st := h.Stats(); st.Peers != 0 {
		t.Errorf("%d peers are left", st.Peers)
	}
}

// Everything that was queued and the last message arrive, although the other side sends all the while.
func TestCloseAfterDelivers(t *testing.T) {
	h := newHouse(t, nil)
	p, rec := h.guest(nil)
	there := next(t, h.rec.opened, "Opened")
	noise := make(chan struct{})
	go func() {
		defer close(noise)
		for p.Err() == nil {
			if n, _ := p.Queued(); n > 1000 {
				runtime.Gosched()
				continue
			}
			_ = p.Send(make([]byte, 2000))
		}
	}()
	for range 50 {
		if err := there.Send(make([]byte, 100<<10)); err != nil {
			t.Fatal(err)
		}
	}
	bye := errors.New("bye")
	there.CloseAfter([]byte("bye"), bye)
	there.CloseAfter([]byte("twice"), nil)
	if err := there.Send([]byte("late")); !errors.Is(err, ErrClosed) {
		t.Errorf("Send after CloseAfter: %v", err)
	}
	for range 50 {
		if m := next(t, rec.msgs, "a queued message"); len(m.msg) != 100<<10 {
			t.Fatalf("got %q", m.msg)
		}
	}
	if m := next(t, rec.msgs, "the last message"); string(m.msg) != "bye" {
		t.Errorf("last message %q", m.msg)
	}
	rec.nextClosed(t, ErrGone)
	h.rec.nextClosed(t, bye)
	<-noise
}

func TestDisconnectEndsEverySessionOfAKey(t *testing.T) {
	h := newHouse(t, nil)
	key := newKey(t)
	h.admit(key.Fingerprint())
	_, one := h.dial(key, nil)
	_, two := h.dial(key, nil)
	_, other := h.guest(nil)
	for range 3 {
		next(t, h.rec.opened, "Opened")
	}
	h.reject(key.Fingerprint())
	rejected := errors.New("key rejected")
	if n := h.Disconnect(key.Fingerprint(), rejected); n != 2 {
		t.Errorf("%d connections closed, want 2", n)
	}
	one.nextClosed(t, ErrGone)
	two.nextClosed(t, ErrGone)
	h.rec.nextClosed(t, rejected)
	h.rec.nextClosed(t, rejected)
	_, err := Dial(t.Context(), h.addr, ClientOptions{Key: key, Trust: identity.Pin(h.key.Fingerprint()), Handler: one})
	if !errors.Is(err, identity.ErrNotAdmitted) {
		t.Errorf("dialling with a rejected key: %v", err)
	}
	if len(other.closed) != 0 {
		t.Error("somebody else was disconnected")
	}
	h.CloseAll(ErrShutdown)
	other.nextClosed(t, ErrGone)
}

// A key that is rejected between the handshake's question and registration gets no session.
func TestRejectedDuringHandshake(t *testing.T) {
	var h *house
	key := newKey(t)
	asked := make(chan struct{}, 10)
	h = newHouse(t, func(o *ServerOptions) {
		admit := o.Admit
		o.Admit = func(door string, fp identity.Fingerprint) error {
			err := admit(door, fp)
			if fp == key.Fingerprint() {
				h.reject(fp) // right after the first answer
				asked <- struct{}{}
			}
			return err
		}
	})
	h.admit(key.Fingerprint())
	rec := newRecorder(t)
	p, err := Dial(t.Context(), h.addr, ClientOptions{Key: key, Trust: identity.Pin(h.key.Fingerprint()), Handler: rec})
	if err == nil {
		next(t, p.Done(), "the end")
	}
	next(t, asked, "the first question")
	next(t, asked, "the second question")
	eventually(t, "the refusal to be counted", func() bool { return h.Stats().Refused["key"] == 1 })
	if len(h.rec.opened) != 0 || h.Stats().Peers != 0 {
		t.Error("a session was opened for a rejected key")
	}
}

func TestOldConnectionOfAKeyIsReplaced(t *testing.T) {
	h := newHouse(t, func(o *ServerOptions) { o.MaxPerKey = 2 })
	key := newKey(t)
	h.admit(key.Fingerprint())
	_, first := h.dial(key, nil)
	next(t, h.rec.opened, "Opened")
	h.dial(key, nil)
	h.dial(key, nil)
	h.rec.nextClosed(t, ErrReplaced)
	first.nextClosed(t, ErrGone)
}

func TestMaxPeers(t *testing.T) {
	h := newHouse(t, func(o *ServerOptions) { o.MaxPeers = 1 })
	p, _ := h.guest(nil)
	next(t, h.rec.opened, "Opened")
	key := newKey(t)
	h.admit(key.Fingerprint())
	rec := newRecorder(t)
	q, err := Dial(t.Context(), h.addr, ClientOptions{Key: key, Trust: identity.Pin(h.key.Fingerprint()), Handler: rec})
	if err == nil {
		next(t, q.Done(), "the second to be refused")
	}
	eventually(t, "the refusal to be counted", func() bool { st := h.Stats(); return st.Refused["peers_full"] == 1 && st.Peers == 1 })
	p.Close(nil)
	next(t, h.rec.closed, "Closed")
	h.guest(nil)
	next(t, h.rec.opened, "the place to be free again")
}

func TestServeEndsWithItsContext(t *testing.T) {
	s := NewServer(ServerOptions{Key: newKey(t), Admit: func(string, identity.Fingerprint) error { return nil }, Handler: newRecorder(t)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	rec := newRecorder(t)
	for range 2 {
		ln, err := Listen(ctx, "tcp://127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { done <- s.Serve(ctx, ln) }()
		rawDial(t, "tcp://"+ln.Addr().String()) // says nothing
		if _, err := Dial(ctx, "tcp://"+ln.Addr().String(), ClientOptions{
			Key: newKey(t), Trust: func(identity.Fingerprint) error { return nil }, Handler: rec,
		}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for range 2 {
		if err := next(t, done, "Serve to return"); err != nil {
			t.Error(err)
		}
		rec.nextClosed(t, ErrGone)
	}
	if st := s.Stats(); st.Peers != 0 || st.Handshakes != 0 {
		t.Errorf("left behind: %+v", st)
	}
}

func TestHeartbeatsKeepAnIdleConnection(t *testing.T) {
	limits := Limits{Heartbeat: 20 * time.Millisecond, Dead: 500 * time.Millisecond}
	h := newHouse(t, func(o *ServerOptions) { o.Limits = limits })
	p, rec := h.guest(func(o *ClientOptions) { o.Limits = limits })
	there := next(t, h.rec.opened, "Opened")
	// Three times as long as the idle connection would live without them.
	select {
	case <-p.Done():
		t.Fatalf("the client gave up: %v", p.Err())
	case <-there.Done():
		t.Fatalf("the server gave up: %v", there.Err())
	case <-time.After(3 * limits.Dead):
	}
	if len(rec.msgs)+len(h.rec.msgs) != 0 {
		t.Error("a heartbeat was handed over as a message")
	}
}
