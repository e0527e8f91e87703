package bus

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"brine/internal/identity"
)

// greetingBytes is a ZMTP 3.0 greeting with the NULL mechanism.
func greetingBytes() []byte {
	b := make([]byte, greetingSize)
	b[0], b[9], b[10] = 0xff, 0x7f, 3
	copy(b[12:], "NULL")
	return b
}

func property(name, value string) []byte {
	b := append([]byte{byte(len(name))}, name...)
	return append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...)
}

func readyBytes(metadata ...[]byte) []byte {
	body := append([]byte("\x05READY"), bytes.Join(metadata, nil)...)
	return frameBytes(flagCommand, body)
}

func frameBytes(flags byte, body []byte) []byte {
	if len(body) <= 255 {
		return append([]byte{flags, byte(len(body))}, body...)
	}
	return append(claim(flags, uint64(len(body))), body...)
}

// claim is the header of a long frame.
func claim(flags byte, size uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{flags | flagLong}, size)
}

func dealer() []byte { return readyBytes(property("Socket-Type", "DEALER"), property("Identity", "")) }

func handshakeBytes() []byte { return append(greetingBytes(), dealer()...) }

// flood writes b again and again until the other side has had enough.
func flood(conn net.Conn, b []byte) {
	for {
		if _, err := conn.Write(b); err != nil {
			return
		}
	}
}

// drip writes a byte at a time, for ever or until the other side has had enough.
func drip(conn net.Conn, b []byte) {
	for i := 0; ; i++ {
		if _, err := conn.Write(b[i%len(b) : i%len(b)+1]); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond) // is what the test is about
	}
}

// Whatever a client does, others are served as before, and nothing is left of it in the end.
func TestHostileClients(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	// Before TLS is done, by anybody.
	outside := func(conn net.Conn, config *tls.Config) net.Conn { return conn }
	// TLS with an accepted key at the bus's door, then bytes by hand.
	inside := func(conn net.Conn, config *tls.Config) net.Conn { return tls.Client(conn, config) }
	cases := []struct {
		name    string
		dial    func(net.Conn, *tls.Config) net.Conn
		act     func(net.Conn)
		counted func(Stats) uint64
	}{
		{"says nothing", outside, func(c net.Conn) {}, refused(refusedTLS)},
		{"garbage", outside, func(c net.Conn) { flood(c, []byte("garbage!")) }, refused(refusedTLS)},
		{"the header of a large TLS record", outside, func(c net.Conn) { write(c, []byte{22, 3, 1, 0xff, 0xff}) }, refused(refusedTLS)},
		{"TLS one byte at a time", outside, func(c net.Conn) { drip(c, []byte{22, 3, 1, 0x3f, 0xff, 1}) }, refused(refusedTLS)},
		{"TLS without ALPN", func(conn net.Conn, config *tls.Config) net.Conn {
			config.NextProtos, config.VerifyConnection = nil, nil
			return tls.Client(conn, config)
		}, func(c net.Conn) { write(c, handshakeBytes()) }, refused(refusedTLS)},
		{"TLS 1.2", func(conn net.Conn, config *tls.Config) net.Conn {
			config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			return tls.Client(conn, config)
		}, func(c net.Conn) { write(c, handshakeBytes()) }, refused(refusedTLS)},
		{"no certificate", func(conn net.Conn, config *tls.Config) net.Conn {
			config.Certificates = nil
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil }
			return tls.Client(conn, config)
		}, func(c net.Conn) { write(c, handshakeBytes()) }, refused(refusedTLS)},
		{"a key that is not accepted", func(conn net.Conn, _ *tls.Config) net.Conn {
			return tls.Client(conn, newKey(t).ClientTLS(identity.DoorBus, func(identity.Fingerprint) error { return nil }))
		}, func(c net.Conn) { write(c, handshakeBytes()) }, refused(refusedKey)},

		{"no greeting", inside, func(c net.Conn) { write(c, nil) }, refused(refusedZMTP)},
		{"garbage for a greeting", inside, func(c net.Conn) { flood(c, bytes.Repeat([]byte("?"), 100)) }, refused(refusedZMTP)},
		{"ZMTP one byte at a time", inside, func(c net.Conn) { drip(c, handshakeBytes()[:60]) }, refused(refusedZMTP)},
		{"ZMTP 2", inside, func(c net.Conn) { b := greetingBytes(); b[10] = 1; write(c, b) }, refused(refusedZMTP)},
		{"CURVE", inside, func(c net.Conn) { b := greetingBytes(); copy(b[12:], "CURVE"); write(c, b) }, refused(refusedZMTP)},
		{"a READY of 1 MiB", inside, func(c net.Conn) {
			flood(c, append(greetingBytes(), readyBytes(property("X-Long", long))...))
		}, refused(refusedZMTP)},
		{"a message for a READY", inside, func(c net.Conn) { write(c, append(greetingBytes(), frameBytes(0, []byte("hi"))...)) }, refused(refusedZMTP)},
		{"another command for a READY", inside, func(c net.Conn) {
			write(c, append(greetingBytes(), frameBytes(flagCommand, []byte("\x05ERROR\x00"))...))
		}, refused(refusedZMTP)},
		{"metadata cut off", inside, func(c net.Conn) { write(c, append(greetingBytes(), readyBytes([]byte{11, 'S'})...)) }, refused(refusedZMTP)},
		{"metadata that claims 4 GiB", inside, func(c net.Conn) {
			write(c, append(greetingBytes(), readyBytes([]byte("\x01a\xff\xff\xff\xff"))...))
		}, refused(refusedZMTP)},
		{"an unknown socket type", inside, func(c net.Conn) {
			write(c, append(greetingBytes(), readyBytes(property("Socket-Type", "CUSTOMER"))...))
		}, refused(refusedZMTP)},
		{"a SUB", inside, func(c net.Conn) {
			write(c, append(greetingBytes(), readyBytes(property("Socket-Type", "SUB"))...))
		}, refused(refusedZMTP)},

		{"a frame of 2^62 bytes", inside, func(c net.Conn) { write(c, append(handshakeBytes(), claim(0, 1<<62)...)) }, broken},
		{"a frame of 2^64-1 bytes", inside, func(c net.Conn) { write(c, append(handshakeBytes(), claim(0, 1<<64-1)...)) }, broken},
		{"a frame of one byte too many", inside, func(c net.Conn) { write(c, append(handshakeBytes(), claim(0, 1<<20+1)...)) }, broken},
		{"endless MORE", inside, func(c net.Conn) { write(c, handshakeBytes()); flood(c, []byte("\x01\x04more")) }, broken},
		{"endless commands", inside, func(c net.Conn) { write(c, handshakeBytes()); flood(c, []byte("\x04\x07\x04PING\x00\x00")) }, broken},
		{"unknown flags", inside, func(c net.Conn) { write(c, append(handshakeBytes(), 0x80, 1, 1)) }, broken},
		{"a frame one byte at a time", inside, func(c net.Conn) {
			write(c, append(handshakeBytes(), claim(0, 1<<20)...))
			drip(c, []byte("x"))
		}, silent},
		{"silence after the handshake", inside, func(c net.Conn) { write(c, handshakeBytes()) }, silent},
	}
	h := newHouse(t, func(o *ServerOptions) {
		o.Limits = Limits{HandshakeTimeout: 2 * time.Second, Dead: 2 * time.Second, Heartbeat: 100 * time.Millisecond}
	})
	key := newKey(t)
	h.admit(key.Fingerprint())
	other, rec := h.guest(func(o *ClientOptions) { o.Limits = Limits{Heartbeat: 100 * time.Millisecond} })
	there := next(t, h.rec.opened, "Opened")
	next(t, rec.opened, "Opened") // both with all their goroutines
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before, was := runtime.NumGoroutine(), c.counted(h.Stats())
			raw := rawDial(t, h.addr)
			conn := c.dial(raw, key.ClientTLS(identity.DoorBus, identity.Pin(h.key.Fingerprint())))
			acted := make(chan struct{})
			go func() { defer close(acted); c.act(conn) }()
			if err := other.Send([]byte("meanwhile")); err != nil {
				t.Fatal(err)
			}
			for {
				m := next(t, h.rec.msgs, "the other client's message")
				if m.peer == there {
					break
				}
				t.Errorf("a hostile message was handed over: %.20q", m.msg)
			}
			eventually(t, "the client to be dropped and counted", func() bool { return c.counted(h.Stats()) > was })
			_, _ = io.Copy(io.Discard, conn) // until the server has closed
			raw.Close()
			next(t, acted, "the client to notice")
			eventually(t, "its goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
	h.serves()
	if other.Err() != nil || there.Err() != nil {
		t.Errorf("the other client was dropped: %v, %v", other.Err(), there.Err())
	}
}

func write(conn net.Conn, b []byte) { _, _ = conn.Write(b) }

func refused(why refusal) func(Stats) uint64 {
	return func(st Stats) uint64 { return st.Refused[why.String()] }
}

func broken(st Stats) uint64 { return st.Broken }
func silent(st Stats) uint64 { return st.Silent }

// An accepted client that claims much and sends little costs what it sends.
func TestClaimsTakeNoMemory(t *testing.T) {
	const connections = 100
	h := newHouse(t, func(o *ServerOptions) { o.MaxPerKey = connections })
	key := newKey(t)
	h.admit(key.Fingerprint())
	claims := func(size uint64) uint64 {
		var conns []net.Conn
		before := heap()
		for range connections {
			conn := tls.Client(rawDial(t, h.addr), key.ClientTLS(identity.DoorBus, identity.Pin(h.key.Fingerprint())))
			write(conn, append(append(handshakeBytes(), claim(0, size)...), "a little"...))
			conns = append(conns, conn)
			next(t, h.rec.opened, "Opened")
		}
		after := heap()
		for _, conn := range conns {
			conn.Close()
			next(t, h.rec.closed, "Closed")
		}
		return (max(after, before) - before) / connections
	}
	small, large := claims(100), claims(1<<20)
	t.Logf("for each connection (both sides): %d KiB with a small frame begun, %d KiB with one of 1 MiB", small>>10, large>>10)
	if large > small+2*eager {
		t.Errorf("a claim of 1 MiB takes %d bytes", large-small)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// Silent strangers cannot take all places: beyond the bound a connection is closed at once, and one address gets half.
func TestHandshakesAreBounded(t *testing.T) {
	h := newHouse(t, func(o *ServerOptions) { o.MaxHandshakes = 8 })
	for range 10 {
		rawDial(t, h.addr)
	}
	eventually(t, "those beyond the bound to be refused", func() bool { return h.Stats().Refused["address_full"] == 6 })
	if n := h.Stats().Handshakes; n != 4 {
		t.Errorf("%d handshakes in flight, want 4", n)
	}
	// Somebody at another address is served.
	key := newKey(t)
	h.admit(key.Fingerprint())
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	for range 4 {
		raw, err := dialer.Dial("tcp", strings.TrimPrefix(h.addr, "tcp://"))
		if err != nil {
			t.Fatal(err)
		}
		conn := tls.Client(raw, key.ClientTLS(identity.DoorBus, identity.Pin(h.key.Fingerprint())))
		write(conn, handshakeBytes())
		next(t, h.rec.opened, "Opened")
		raw.Close()
		next(t, h.rec.closed, "Closed")
	}
	for range 5 {
		raw, err := dialer.Dial("tcp", strings.TrimPrefix(h.addr, "tcp://"))
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
	}
	eventually(t, "the bound of all", func() bool { return h.Stats().Refused["handshakes_full"] == 1 })
}
