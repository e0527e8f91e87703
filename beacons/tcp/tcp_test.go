package tcp

import (
	"net"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/config"
)

// service is a listener that can be stopped and started under one address.
type service struct {
	t    *testing.T
	addr string
	l    net.Listener
}

func newService(t *testing.T) *service {
	s := &service{t: t, addr: "127.0.0.1:0"}
	s.start()
	s.addr = s.l.Addr().String()
	t.Cleanup(s.stop)
	return s
}

func (s *service) start() {
	if s.l != nil {
		return
	}
	var err error
	if s.l, err = net.Listen("tcp", s.addr); err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) stop() {
	if s.l != nil {
		_ = s.l.Close()
		s.l = nil
	}
}

func TestConformance(t *testing.T) {
	s := newService(t)
	beacontest.Run(t, Module(), beacontest.Case{Name: "it stops", Config: `db: {address: '` + s.addr + `', failures: 2}`, System: true,
		Setup: func(*testing.T, string) { s.start() },
		Ready: func(kept map[string][]byte) bool { return len(kept) == 1 },
		Act:   func(*testing.T, string) { s.stop() }, Tags: []string{"db/down"}})
}

func TestDownAndUp(t *testing.T) {
	s := newService(t)
	h := beacontest.Start(t, Module(), `db: {address: '`+s.addr+`', failures: 2}`, beacons.Env{Interval: 10 * time.Millisecond, AtStart: true})
	h.Next("db/up")
	s.stop()
	if d := h.Next("db/down").Data.(Data); d.State != "down" || d.Failures != 2 || !strings.Contains(d.Error, "refused") || d.Address != s.addr {
		t.Errorf("%+v", d)
	}
	s.start()
	if d := h.Next("db/up").Data.(Data); d.State != "up" || d.Latency <= 0 || d.Since.IsZero() {
		t.Errorf("%+v", d)
	}
}

func TestRefusedOptions(t *testing.T) {
	for text, want := range map[string]string{
		`a: {}`:                                 `"address" is required`,
		`a: {address: db1}`:                     `a: address: "db1"; want host:port`,
		`a: {address: 'db1:1', timeout: 1h}`:    "a: timeout: 1h0m0s; want at most 1m0s",
		`a: {address: 'db1:1', failures: 1000}`: "a: failures: 1000; want 1 to 100",
		`a: {address: 'db1:1', passes: -1}`:     "a: passes: -1; want 1 to 100",
		`a: {address: 'db1:1', latency: 2m}`:    "a: latency: 2m0s; want at most 1m0s",
		`a: {address: 'db1:1', port: 2}`:        `unknown key "port"`,
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
