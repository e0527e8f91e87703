package conn

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/linux"
)

func TestMain(m *testing.M) { os.Exit(beacontest.InNetworkNamespace(m)) }

// server takes connections on a port and hands each back to be closed, until the test ends.
func server(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // ends with the client
			})
		}
	})
	t.Cleanup(func() { l.Close(); conns.Wait() })
	return l
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestConformance(t *testing.T) {
	beacontest.Isolated(t)
	beacontest.Run(t, Module(), beacontest.Case{Name: "something begins to listen", System: true,
		Config: `{listeners: {tell: [listening, gone]}, other: {local_port: 1, tell: [listening]}}`,
		Ready:  func(kept map[string][]byte) bool { return kept["listen/listeners/-"] != nil },
		Act: func(t *testing.T, _ string) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, Tags: []string{"listeners/listening"}})
}

// Connections opened and closed as fast as the machine can are counted exactly, those between two looks too.
func TestEveryConnectionIsTold(t *testing.T) {
	beacontest.Isolated(t)
	const count = 900
	h := beacontest.Start(t, Module(), `{web: {direction: in, local_port: 8080, tell: [new, closed]}, listeners: {tell: [listening]}}`,
		beacons.Env{Interval: 100 * time.Millisecond, AtStart: true})
	server(t, "127.0.0.1:8080")
	h.Next("listeners/listening") // the first look is over
	for range count {
		c := dial(t, "127.0.0.1:8080")
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	opened, closed, bytes := 0, 0, 0
	for opened < count || closed < count {
		s := h.Find("web/*", func(s beacons.Signal) bool { return strings.HasPrefix(s.Tag, "web/") })
		d := s.Data.(Data)
		if d.LocalPort != 8080 || d.Direction != "in" || d.Local != "127.0.0.1" || d.Remote != "127.0.0.1" || d.RemotePort == 0 {
			t.Fatalf("%+v", d)
		}
		switch s.Tag {
		case "web/new":
			opened++
		case "web/closed":
			closed++
			if d.Received != nil && *d.Received >= 5 {
				bytes++
			}
		default:
			t.Fatalf("%s: %+v", s.Tag, d)
		}
	}
	if bytes == 0 {
		t.Error("of no connection it is told what it carried")
	}
	h.Quiet(500 * time.Millisecond)
	if opened != count || closed != count {
		t.Errorf("%d opened, %d closed; want %d", opened, closed, count)
	}
}

func TestWhoListens(t *testing.T) {
	beacontest.Isolated(t)
	h := beacontest.Start(t, Module(), `listeners: {tell: [listening, gone]}`, beacons.Env{Interval: 20 * time.Millisecond, AtStart: true})
	l := server(t, "127.0.0.1:0")
	d := h.Next("listeners/listening").Data.(Data)
	if p := d.Process; p == nil || p.PID != int64(os.Getpid()) || !strings.HasSuffix(p.Exe, ".test") || d.UID == nil || *d.UID != int64(os.Geteuid()) || d.Remote != "" {
		t.Errorf("%+v", d)
	}
	l.Close()
	h.Next("listeners/gone")
	h.Quiet(100 * time.Millisecond)
}

func TestFloodOfConnections(t *testing.T) {
	beacontest.Isolated(t)
	h := beacontest.Start(t, Module(), `
web: {direction: in, local_port: 8081, rate: {above: 20, within: 1s, by: remote}, open: {above: 25}}
out: {direction: out, remote_port: 8081, tell: [new], process: ['conn.test*']}
nobody: {direction: out, process: [telnet], tell: [new]}
listeners: {tell: [listening]}`, beacons.Env{Interval: 50 * time.Millisecond, AtStart: true})
	server(t, "127.0.0.1:8081")
	h.Next("listeners/listening")
	var list []net.Conn
	for range 40 {
		list = append(list, dial(t, "127.0.0.1:8081"))
	}
	seen := map[string]Data{}
	wait := func(tags ...string) {
		t.Helper()
		for _, tag := range tags {
			for _, ok := seen[tag]; !ok; _, ok = seen[tag] {
				s := h.Find(tag, func(beacons.Signal) bool { return true })
				if strings.HasPrefix(s.Tag, "nobody") {
					t.Fatalf("%s is told", s.Tag)
				}
				seen[s.Tag] = s.Data.(Data)
			}
		}
	}
	wait("web/rate", "web/open", "out/new")
	if d := seen["web/rate"]; d.Key != "127.0.0.1" || d.Count <= 20 || d.State != "entered" || d.Within != 1 {
		t.Errorf("%+v", d)
	}
	if d := seen["web/open"]; d.Count <= 25 || len(d.Top) != 1 || d.Top[0].Address != "127.0.0.1" {
		t.Errorf("%+v", d)
	}
	for _, c := range list {
		c.Close()
	}
	wait("web/rate/cleared", "web/open/cleared")
}

func TestUDP(t *testing.T) {
	beacontest.Isolated(t)
	h := beacontest.Start(t, Module(), `dns: {proto: udp, local_port: 53, tell: [listening, gone]}`, beacons.Env{Interval: 20 * time.Millisecond, AtStart: true})
	c, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	if d := h.Next("dns/listening").Data.(Data); d.Proto != "udp" || d.Process == nil {
		t.Errorf("%+v", d)
	}
	c.Close()
	h.Next("dns/gone")
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`a: {}`:                                   "a: nothing is to be told: want tell, rate or open",
		`a: {tell: [opened]}`:                     `a: tell: "opened"; want one of new, closed`,
		`a: {tell: [new], local_port: 0}`:         `"0" is no port`,
		`a: {tell: [new], local_port: 90-80}`:     `"90-80" is no port`,
		`a: {tell: [new], remote: 10.0.0.0/99}`:   `"10.0.0.0/99" is no address and no network`,
		`a: {tell: [new], direction: inwards}`:    `a: direction: "inwards"`,
		`a: {rate: {above: 5, by: moon}}`:         `a: rate: by: "moon"`,
		`a: {rate: {above: 5, within: 9h}}`:       "a: rate: within: 9h0m0s",
		`a: {rate: {above: 5%}}`:                  "a: rate: 5% is a share",
		`a: {open: {above: 5, states: [asleep]}}`: `a: open: states: "asleep"`,
		`a: {tell: [new], process: ['[']}`:        `a: process: "[" is no pattern`,
		`a: {tel: [new]}`:                         "did you mean tell?",
	})
}

// One look at 10,000 sockets, with nothing new among them.
func BenchmarkLook(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:8082")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for range 5000 {
		c, err := net.Dial("tcp", "127.0.0.1:8082")
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		s, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
	}
	w := Watch{Direction: "in", Tell: []string{New, Closed}}
	be := newBeacon(&Config{Watches: map[string]Watch{"all": w}}, beacons.Env{Root: "/", Now: time.Now})
	if be.diag, err = linux.OpenSockDiag(); err != nil {
		b.Fatal(err)
	}
	defer be.diag.Close()
	fire := func(context.Context, ...beacons.Signal) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		if err := be.look(b.Context(), fire, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
