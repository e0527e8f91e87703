package bus

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// ParseAddress reads a ZeroMQ address, tcp://host:port. An IPv6 address stands in brackets: tcp://[::1]:4506.
func ParseAddress(addr string) (hostport string, err error) {
	rest, ok := strings.CutPrefix(addr, "tcp://")
	if !ok {
		return "", fmt.Errorf("address %q: want tcp://host:port", addr)
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		return "", fmt.Errorf("address %q: want tcp://host:port, with an IPv6 address in brackets: %w", addr, err)
	}
	if host == "*" {
		host = "" // ZeroMQ's word for every address
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
		return "", fmt.Errorf("address %q: no such port %q", addr, port)
	}
	return net.JoinHostPort(host, port), nil
}

// Listen opens a listener for Server.Serve on an address like tcp://0.0.0.0:4506 or tcp://[::]:4506.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	hostport, err := ParseAddress(addr)
	if err != nil {
		return nil, fmt.Errorf("bus: listen: %w", err)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", hostport)
	if err != nil {
		return nil, fmt.Errorf("bus: listen on %q: %w", addr, err)
	}
	return ln, nil
}

// hostOf is the IP address of the other side without its port, and an IPv4 one in IPv6 clothes as IPv4.
func hostOf(conn net.Conn) string {
	text := conn.RemoteAddr().String()
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().String()
	}
	return text
}
