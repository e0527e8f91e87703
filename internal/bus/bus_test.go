package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"brine/internal/identity"
)

// patience bounds every wait of the tests; it is never waited for when all is well.
const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newKey(t testing.TB) identity.Key {
	t.Helper()
	key, err := identity.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

type received struct {
	peer *Peer
	msg  []byte
}

type closed struct {
	peer *Peer
	err  error
}

// recorder tells what happened on channels, and holds the handler's contract against the bus.
type recorder struct {
	t      testing.TB
	opened chan *Peer
	msgs   chan received
	closed chan closed

	mu    sync.Mutex
	state map[*Peer]string
}

func newRecorder(t testing.TB) *recorder {
	return &recorder{t: t, opened: make(chan *Peer, 4096), msgs: make(chan received, 1<<16), closed: make(chan closed, 4096), state: map[*Peer]string{}}
}

func (r *recorder) step(p *Peer, want, next string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state[p] != want {
		r.t.Errorf("handler called out of order: %q when peer is %q", next, r.state[p])
	}
	r.state[p] = next
}

func (r *recorder) Opened(p *Peer) {
	r.step(p, "", "open")
	r.opened <- p
}

func (r *recorder) Message(p *Peer, msg []byte) {
	r.step(p, "open", "open")
	r.msgs <- received{p, msg}
}

func (r *recorder) Closed(p *Peer, err error) {
	r.step(p, "open", "closed")
	if err == nil {
		r.t.Error("closed without a reason")
	}
	r.closed <- closed{p, err}
}

func next[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

func (r *recorder) nextClosed(t testing.TB, why error) {
	t.Helper()
	if c := next(t, r.closed, "Closed"); !errors.Is(c.err, why) {
		t.Fatalf("closed because %v, want %v", c.err, why)
	}
}

// house is a server on loopback with the keys it admits.
type house struct {
	*Server
	t    testing.TB
	key  identity.Key
	addr string // tcp://host:port
	rec  *recorder

	mu     sync.Mutex
	admits map[identity.Fingerprint]bool
	asked  atomic.Int64
}

func (h *house) admit(key identity.Fingerprint) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.admits[key] = true
}

func (h *house) reject(key identity.Fingerprint) {
	h.mu.Lock()
	delete(h.admits, key)
	h.mu.Unlock()
}

var errNotKnown = errors.New("not known here")

func newHouse(t testing.TB, change func(*ServerOptions)) *house {
	t.Helper()
	return newHouseOn(t, "tcp://127.0.0.1:0", change)
}

func newHouseOn(t testing.TB, addr string, change func(*ServerOptions)) *house {
	t.Helper()
	h := &house{t: t, key: newKey(t), rec: newRecorder(t), admits: map[identity.Fingerprint]bool{}}
	opt := ServerOptions{
		Key: h.key,
		Admit: func(door string, key identity.Fingerprint) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.asked.Add(1)
			if door == identity.DoorBus && !h.admits[key] {
				return errNotKnown
			}
			return nil
		},
		Handler: h.rec,
	}
	if change != nil {
		change(&opt)
	}
	h.Server = NewServer(opt)
	ln, err := Listen(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	h.addr = "tcp://" + ln.Addr().String()
	serve(t, func(ctx context.Context) error { return h.Serve(ctx, ln) })
	return h
}

// serve runs until the test ends, and then waits for the end.
func serve(t testing.TB, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := next(t, done, "Serve to return"); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// guest dials with an admitted key.
func (h *house) guest(change func(*ClientOptions)) (*Peer, *recorder) {
	h.t.Helper()
	key := newKey(h.t)
	h.admit(key.Fingerprint())
	return h.dial(key, change)
}

func (h *house) dial(key identity.Key, change func(*ClientOptions)) (*Peer, *recorder) {
	h.t.Helper()
	rec := newRecorder(h.t)
	opt := ClientOptions{Key: key, Trust: identity.Pin(h.key.Fingerprint()), Handler: rec}
	if change != nil {
		change(&opt)
	}
	p, err := Dial(h.t.Context(), h.addr, opt)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		p.Close(nil)
		next(h.t, p.Done(), "the client to end")
	})
	return p, rec
}

// serves fails unless a new guest is served as ever.
func (h *house) serves() {
	h.t.Helper()
	p, _ := h.guest(nil)
	if err := p.Send([]byte("still there?")); err != nil {
		h.t.Fatal(err)
	}
	for {
		if m := next(h.t, h.rec.msgs, "the guest's message"); string(m.msg) == "still there?" {
			break
		}
	}
	p.Close(nil)
}

// eventually waits for what nobody tells: the end of something in another goroutine.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func rawDial(t testing.TB, addr string) net.Conn {
	t.Helper()
	hostport, err := ParseAddress(addr)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", hostport)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}
