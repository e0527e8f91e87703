package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// testKey is a key that is the same in every run.
func testKey(t testing.TB, seed byte) Key {
	t.Helper()
	k, err := NewKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// meeting is what both sides of one connection over loopback saw.
type meeting struct {
	server      error // of the handshake
	client      error // of the handshake, or else of the first read
	serverState tls.ConnectionState
	clientState tls.ConnectionState
}

// meet connects a client to a server over TCP. The server says one byte when it is content.
func meet(t *testing.T, server, client *tls.Config) meeting {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var m meeting
	done := make(chan struct{})
	go func() {
		defer close(done)
		raw, err := ln.Accept()
		if err != nil {
			m.server = err
			return
		}
		defer raw.Close()
		_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
		conn := tls.Server(raw, server)
		if m.server = conn.Handshake(); m.server == nil {
			m.serverState = conn.ConnectionState()
			_, _ = conn.Write([]byte{1})
		}
		_, _ = io.Copy(io.Discard, raw) // until the client goes, so that it gets to read the alert
	}()
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
	conn := tls.Client(raw, client)
	if m.client = conn.Handshake(); m.client == nil {
		m.clientState = conn.ConnectionState()
		_, m.client = io.ReadFull(conn, make([]byte, 1))
	}
	_ = raw.Close()
	<-done
	return m
}

func anybody(string, Fingerprint) error { return nil }

func TestBothSidesMeet(t *testing.T) {
	master, minion := testKey(t, 1), testKey(t, 2)
	for _, door := range []string{DoorBus, DoorEnrol} {
		t.Run(door, func(t *testing.T) {
			var asked string
			var who Fingerprint
			admit := func(door string, fp Fingerprint) error { asked, who = door, fp; return nil }
			m := meet(t, master.ServerTLS(admit), minion.ClientTLS(door, Pin(master.Fingerprint())))
			if m.server != nil || m.client != nil {
				t.Fatalf("server: %v, client: %v", m.server, m.client)
			}
			if asked != door || who != minion.Fingerprint() {
				t.Errorf("admit was asked for %q, %s", asked, who)
			}
			if fp, err := PeerFingerprint(m.serverState); err != nil || fp != minion.Fingerprint() {
				t.Errorf("the server sees %s, %v", fp, err)
			}
			if fp, err := PeerFingerprint(m.clientState); err != nil || fp != master.Fingerprint() {
				t.Errorf("the client sees %s, %v", fp, err)
			}
			if m.serverState.NegotiatedProtocol != door || m.serverState.Version != tls.VersionTLS13 {
				t.Errorf("door %q, version %x", m.serverState.NegotiatedProtocol, m.serverState.Version)
			}
		})
	}
}

// TestTheServerRefuses lets clients in that differ from a good one in one thing each.
func TestTheServerRefuses(t *testing.T) {
	master, minion := testKey(t, 1), testKey(t, 2)
	good := func() *tls.Config { return minion.ClientTLS(DoorBus, Pin(master.Fingerprint())) }
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	show := func(c *tls.Config, certs ...tls.Certificate) {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certs[0], nil }
	}
	naked := func(c *tls.Config) { c.VerifyConnection = nil } // or the client would refuse first
	cases := []struct {
		name   string
		admit  func(string, Fingerprint) error
		change func(*tls.Config)
		server string // part of the server's error
		client error  // what ExplainTLS makes of the client's
	}{
		{"a key not admitted", func(string, Fingerprint) error { return errors.New("pending") }, nil, "pending", ErrNotAdmitted},
		{"no ALPN", anybody, func(c *tls.Config) { naked(c); c.NextProtos = nil }, "names no door", nil},
		{"another ALPN", anybody, func(c *tls.Config) { naked(c); c.NextProtos = []string{"h2"} }, "unsupported application protocols", ErrNoMaster},
		{"TLS 1.2", anybody, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }, "unsupported versions", ErrNoMaster},
		{"no certificate", anybody, func(c *tls.Config) { show(c, tls.Certificate{}) }, "didn't provide a certificate", nil},
		{"an RSA key", anybody, func(c *tls.Config) { show(c, selfSigned(t, rsaKey.Public(), rsaKey)) }, "key of type RSA", nil},
		{"an ECDSA key", anybody, func(c *tls.Config) { show(c, selfSigned(t, ecKey.Public(), ecKey)) }, "key of type ECDSA", nil},
		{"a chain", anybody, func(c *tls.Config) {
			cert := minion.cert
			cert.Certificate = append([][]byte{}, cert.Certificate[0], master.cert.Certificate[0])
			show(c, cert)
		}, "2 certificates", nil},
		{"somebody else's certificate", anybody, func(c *tls.Config) {
			show(c, tls.Certificate{Certificate: master.cert.Certificate, PrivateKey: minion.private})
		}, "invalid signature", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := good()
			if c.change != nil {
				c.change(client)
			}
			m := meet(t, master.ServerTLS(c.admit), client)
			if m.server == nil || !strings.Contains(m.server.Error(), c.server) {
				t.Errorf("server: %v; want %q", m.server, c.server)
			}
			if m.client == nil {
				t.Fatal("the client was let in")
			}
			err := ExplainTLS(m.client)
			if c.client != nil && (!errors.Is(err, c.client) || Hint(err) == "") {
				t.Errorf("client: %v (hint %q); want %v", err, Hint(err), c.client)
			}
			if !errors.Is(err, m.client) {
				t.Errorf("%v has lost %v", err, m.client)
			}
		})
	}
}

// TestTheClientRefuses lets a minion meet servers that are not its master.
func TestTheClientRefuses(t *testing.T) {
	master, other, minion := testKey(t, 1), testKey(t, 3), testKey(t, 2)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		server *tls.Config
		want   string
	}{
		{"another key", other.ServerTLS(anybody), "presented " + string(other.Fingerprint()) + ", expected " + string(master.Fingerprint())},
		{"no ALPN", changed(master.ServerTLS(anybody), func(c *tls.Config) { c.NextProtos, c.VerifyConnection = nil, nil }), "no brine master"},
		{"TLS 1.2", changed(master.ServerTLS(anybody), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }), "no brine master"},
		{"an ECDSA key", changed(master.ServerTLS(anybody), func(c *tls.Config) {
			c.Certificates = []tls.Certificate{selfSigned(t, ecKey.Public(), ecKey)}
		}), "key of type ECDSA"},
		{"the master's certificate without its key", changed(other.ServerTLS(anybody), func(c *tls.Config) {
			c.Certificates = []tls.Certificate{{Certificate: master.cert.Certificate, PrivateKey: other.private}}
		}), "invalid signature"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := meet(t, c.server, minion.ClientTLS(DoorBus, Pin(master.Fingerprint())))
			err := ExplainTLS(m.client)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("client: %v; want %q", err, c.want)
			}
		})
	}
	m := meet(t, other.ServerTLS(anybody), minion.ClientTLS(DoorBus, Pin(master.Fingerprint())))
	var wrong *ErrWrongMaster
	if !errors.As(ExplainTLS(m.client), &wrong) || wrong.Presented != other.Fingerprint() || Hint(wrong) == "" {
		t.Errorf("got %v", m.client)
	}
}

// TestNoResumption offers a session cache on the client's side: the second session is judged like the first.
func TestNoResumption(t *testing.T) {
	master, minion := testKey(t, 1), testKey(t, 2)
	open := true
	server := master.ServerTLS(func(string, Fingerprint) error {
		if !open {
			return errors.New("rejected meanwhile")
		}
		return nil
	})
	client := changed(minion.ClientTLS(DoorBus, Pin(master.Fingerprint())), func(c *tls.Config) {
		c.ServerName = "master"
		c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	})
	for range 2 {
		if m := meet(t, server, client); m.client != nil || m.serverState.DidResume || m.clientState.DidResume {
			t.Fatalf("client: %v, resumed: %v", m.client, m.clientState.DidResume)
		}
	}
	open = false
	if m := meet(t, server, client); !errors.Is(ExplainTLS(m.client), ErrNotAdmitted) {
		t.Errorf("after the rejection: %v", m.client)
	}
}

func changed(c *tls.Config, change func(*tls.Config)) *tls.Config {
	change(c)
	return c
}

func selfSigned(t *testing.T, public, private any) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}
