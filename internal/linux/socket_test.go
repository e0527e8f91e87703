package linux

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair is a connection over loopback, and the listener's port.
func pair(t *testing.T) (client, server net.Conn, port uint16) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server, l.Addr().(*net.TCPAddr).AddrPort().Port()
}

func sockets(t *testing.T, q SocketQuery) (list []Socket) {
	t.Helper()
	d, err := OpenSockDiag()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Sockets(q, func(s Socket) { list = append(list, s) }); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSocketsOfAPort(t *testing.T) {
	client, _, port := pair(t)
	_, _, other := pair(t)
	local := client.LocalAddr().(*net.TCPAddr).AddrPort()
	for what, tt := range map[string]struct {
		q    SocketQuery
		want int
	}{
		"server's end by local port":  {SocketQuery{Local: []PortRange{{port, port}}}, 1},
		"client's end by remote port": {SocketQuery{Remote: []PortRange{{port, port}}}, 1},
		"several ranges":              {SocketQuery{Local: []PortRange{{1, 1}, {port, port}, {2, 2}, {other, other}}}, 2},
		"none of them":                {SocketQuery{Local: []PortRange{{1, 1}, {2, 2}}}, 0},
	} {
		tt.q.Proto, tt.q.States = TCP, Connected
		got := sockets(t, tt.q)
		if len(got) != tt.want {
			t.Errorf("%s: %d sockets, want %d: %v", what, len(got), tt.want, got)
		}
	}
	got := sockets(t, SocketQuery{Proto: TCP, States: Connected, Remote: []PortRange{{port, port}}})
	if len(got) == 1 && (got[0].Local != local || got[0].Remote != netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port) ||
		got[0].State != Established || got[0].Inode == 0 || got[0].UID != unix.Getuid() || got[0].Cookie == 0) {
		t.Errorf("%+v", got[0])
	}
}

// A connection that lives between two looks is told at its end.
func TestEndsOfSockets(t *testing.T) {
	e, err := OpenSocketEvents()
	if err != nil {
		t.Skip("needs CAP_NET_ADMIN: ", err)
	}
	defer e.Close()
	client, server, port := pair(t)
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(server, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	client.Close()
	server.Close()
	refused, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))) // nobody listens there any more
	if err == nil {
		refused.Close()
		t.Fatal("the port is taken by somebody else")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var ends, failed int
	for ends < 2 || failed < 1 {
		list, _, err := e.Read(ctx)
		if err != nil {
			t.Fatalf("%d of 2 ends: %v", ends, err)
		}
		for _, s := range list {
			switch {
			case s.Remote.Port() == port && s.Info.RTT == 0:
				failed++
			case s.Local.Port() == port && s.Remote.Port() != 0 && s.Info.Received >= 5:
				ends++
			case s.Remote.Port() == port && s.Info.Sent >= 5:
				ends++
			}
		}
	}
}

func TestReadOfEndsStops(t *testing.T) {
	e, err := OpenSocketEvents()
	if err != nil {
		t.Skip("needs CAP_NET_ADMIN: ", err)
	}
	defer e.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	for {
		if _, _, err := e.Read(ctx); err != nil {
			return
		}
	}
}

func diagMessage(family byte) []byte {
	b := make([]byte, inetDiagMsg)
	b[0], b[1] = family, byte(Established)
	binary.BigEndian.PutUint16(b[4:], 22)
	binary.BigEndian.PutUint16(b[6:], 50000)
	copy(b[8:], []byte{10, 0, 0, 1})
	copy(b[24:], []byte{10, 0, 0, 2})
	return b
}

func TestParseSocket(t *testing.T) {
	s, err := parseSocket(TCP, diagMessage(unix.AF_INET))
	if err != nil || s.Local.String() != "10.0.0.1:22" || s.Remote.String() != "10.0.0.2:50000" || s.State.String() != "established" {
		t.Errorf("%+v %v", s, err)
	}
	mapped := diagMessage(unix.AF_INET6)
	copy(mapped[8:], netip.MustParseAddr("::ffff:10.0.0.9").AsSlice())
	copy(mapped[24:], netip.MustParseAddr("2001:db8::1").AsSlice())
	if s, err = parseSocket(TCP, mapped); err != nil || s.Local.String() != "10.0.0.9:22" || s.Remote.String() != "[2001:db8::1]:50000" {
		t.Errorf("%+v %v", s, err)
	}
	for _, bad := range [][]byte{nil, diagMessage(unix.AF_INET)[:71], diagMessage(99)} {
		if _, err := parseSocket(TCP, bad); err == nil {
			t.Errorf("%d bytes are taken", len(bad))
		}
	}
}

func FuzzNetlink(f *testing.F) {
	f.Add(request(unix.AF_INET, 1, SocketQuery{Proto: TCP, States: Connected, Local: []PortRange{{1, 2}, {3, 4}}}))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = eachMessage(b, func(_ header, body []byte) error {
			_, err := parseSocket(TCP, body)
			return err
		})
	})
}

func BenchmarkSockets(b *testing.B) {
	d, err := OpenSockDiag()
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	for b.Loop() {
		if err := d.Sockets(SocketQuery{Proto: TCP, States: Connected}, func(Socket) {}); err != nil {
			b.Fatal(err)
		}
	}
}
