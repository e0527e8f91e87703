package cert

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
)

// service shows a certificate until the test ends.
type service struct {
	addr string
	cert atomic.Pointer[tls.Certificate] // nil: it ends each connection
}

func serve(t *testing.T) *service {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{addr: l.Addr().String()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if cert := s.cert.Load(); cert != nil {
				_ = c.SetDeadline(time.Now().Add(beacontest.Patience))
				// One that wants the other's certificate, too, shows its own all the same.
				_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*cert}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}).Handshake()
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return s
}

func (s *service) show(t *testing.T, valid time.Duration) {
	t.Helper()
	certificate, key := issue(t, valid)
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	s.cert.Store(&pair)
}

func TestEndpointConformance(t *testing.T) {
	s := serve(t)
	ready := func(kept map[string][]byte) bool { return len(kept) > 0 }
	for _, c := range []beacontest.Case{
		{Name: "another that expires", Act: func(t *testing.T, _ string) { s.show(t, 5*day) }, Tags: []string{"w/replaced", "w/expires"}},
		{Name: "it ends connections", Act: func(*testing.T, string) { s.cert.Store(nil) }, Tags: []string{"w/unreachable"}},
	} {
		c.Config, c.Ready, c.System = `w: {endpoints: ['`+s.addr+`']}`, ready, true
		c.Setup = func(t *testing.T, _ string) { s.show(t, 90*day) }
		beacontest.Run(t, Module(), c)
	}
}

// One that cannot be reached has not expired, and one that is reached again with an old certificate has.
func TestEndpointIsBack(t *testing.T) {
	s := serve(t)
	l := beacontest.Start(t, Module(), `w: {endpoints: ['`+s.addr+`'], failures: 2, server_name: shop.example.com}`, beacons.Env{Interval: 5 * time.Millisecond})
	if d := l.Next("w/unreachable").Data.(Data); d.Endpoint != s.addr || d.Error == "" || d.Since.IsZero() || d.Path != "" {
		t.Errorf("%+v", d)
	}
	l.Quiet(30 * time.Millisecond)
	s.show(t, -time.Minute)
	if d := l.Next("w/expires").Data.(Data); d.Endpoint != s.addr || d.Left >= 0 || d.Subject != "CN=shop.example.com" || d.State != "entered" {
		t.Errorf("%+v", d)
	}
	if d := l.Next("w/reachable").Data.(Data); d.Endpoint != s.addr || d.Error != "" {
		t.Errorf("%+v", d)
	}
}
