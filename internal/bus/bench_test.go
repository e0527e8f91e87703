package bus

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"brine/internal/identity"
)

// counter wakes its waiter when so many messages have come.
type counter struct {
	left atomic.Int64
	all  chan struct{}
	echo bool
	open chan *Peer

	window  int64
	windows chan struct{} // one for each window of messages that has come
	come    int64
}

func newCounter() *counter {
	return &counter{all: make(chan struct{}, 1), open: make(chan *Peer, 10000), windows: make(chan struct{}, 4), window: 1 << 60}
}

func (c *counter) Opened(p *Peer)      { c.open <- p }
func (c *counter) Closed(*Peer, error) {}
func (c *counter) Message(p *Peer, msg []byte) {
	if c.echo {
		_ = p.Send(msg)
	}
	if c.come++; c.come%c.window == 0 {
		select {
		case c.windows <- struct{}{}:
		default: // the last ones, which nobody waits for
		}
	}
	if c.left.Add(-1) == 0 {
		c.all <- struct{}{}
	}
}

// BenchmarkThroughput sends one way on one connection, both ends in this process. cpu-ns/msg is the time of both ends on all
// cores, which says more than msg/s on a machine that has other work.
func BenchmarkThroughput(b *testing.B) {
	for _, size := range []int{300, 4 << 10, 256 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			c := newCounter()
			h := newHouse(b, func(o *ServerOptions) { o.Handler = c })
			p, _ := h.guest(nil)
			next(b, c.open, "Opened")
			// At most two windows are on their way, so that the queue never fills.
			c.window = int64(max(1, min(2000, 4<<20/size)))
			c.windows <- struct{}{}
			msg := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			c.left.Store(int64(b.N))
			b.ResetTimer()
			cpu := cpuTime(b)
			for i := range int64(b.N) {
				if i%c.window == 0 && i > 0 {
					<-c.windows
				}
				if err := p.Send(msg); err != nil {
					b.Fatal(err)
				}
			}
			<-c.all
			b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/msg")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

func cpuTime(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkRoundTrip(b *testing.B) {
	up, down := newCounter(), newCounter()
	up.echo = true
	h := newHouse(b, func(o *ServerOptions) { o.Handler = up })
	p, _ := h.guest(func(o *ClientOptions) { o.Handler = down })
	msg := make([]byte, 300)
	b.ReportAllocs()
	for b.Loop() {
		down.left.Store(1)
		if err := p.Send(msg); err != nil {
			b.Fatal(err)
		}
		<-down.all
	}
}

func BenchmarkDial(b *testing.B) {
	h := newHouse(b, func(o *ServerOptions) { o.Handler = newCounter() })
	key := newKey(b)
	h.admit(key.Fingerprint())
	for b.Loop() {
		p, _ := h.dial(key, func(o *ClientOptions) { o.Handler = newCounter() })
		p.Close(nil)
		<-p.Done()
	}
}

const crowdEnv = "BRINE_BUS_CROWD" // address, master's fingerprint and number, for crowd

// BenchmarkIdleConnection reports what an idle connection costs the server; the clients are in another process.
func BenchmarkIdleConnection(b *testing.B) {
	const n = 1000
	for b.Loop() {
		c := newCounter()
		h := newHouse(b, func(o *ServerOptions) {
			o.Handler = c
			o.Admit = func(string, identity.Fingerprint) error { return nil }
		})
		before := heap()
		cmd := exec.Command(os.Args[0], "-test.run=^TestCrowd$")
		cmd.Env = append(os.Environ(), crowdEnv+"="+strings.Join([]string{h.addr, string(h.key.Fingerprint()), strconv.Itoa(n)}, " "))
		in, err := cmd.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		for range n {
			p := next(b, c.open, "Opened")
			if err := p.Send(make([]byte, 300)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/n, "B/connection")
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestCrowd is the other process of BenchmarkIdleConnection.
func TestCrowd(t *testing.T) {
	env := strings.Fields(os.Getenv(crowdEnv))
	if len(env) == 0 {
		t.Skip("runs in a process of its own")
	}
	n, err := strconv.Atoi(env[2])
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		key, err := identity.NewKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Dial(context.Background(), env[0], ClientOptions{Key: key, Trust: identity.Pin(identity.Fingerprint(env[1])), Handler: newCounter()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { p.Close(nil); <-p.Done() }()
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}
