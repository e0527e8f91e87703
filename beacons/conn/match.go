package conn

import (
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"brine/internal/linux"
)

const defaultWithin = 10 // seconds

// matcher is a watch made ready to be compared with many sockets.
type matcher struct {
	Watch
	name   string
	states linux.States // of what its open counts
}

func newMatcher(name string, w Watch) *matcher {
	m := &matcher{Watch: w, name: name, states: linux.Connected}
	if m.hasOpen() && len(m.Open.States) > 0 {
		m.states = 0
		for _, s := range m.Open.States {
			m.states |= linux.StatesOf(linux.TCPState(1 + slices.Index(linux.StateNames(), s)))
		}
	}
	return m
}

func (m *matcher) proto() linux.Proto {
	if m.Proto == "udp" {
		return linux.UDP
	}
	return linux.TCP
}

// wantsConns reports whether the watch is about connections at all.
func (m *matcher) wantsConns() bool {
	return m.tells(New) || m.tells(Closed) || m.hasRate() || m.hasOpen()
}

func (m *matcher) wantsListeners() bool { return m.tells(Listening) || m.tells(Gone) }

func (m *matcher) tells(change string) bool { return slices.Contains(m.Tell, change) }

// asks reports whether the process of each connection must be known.
func (m *matcher) asks() bool {
	return len(m.Process) > 0 || m.hasRate() && m.Rate.By == "process" || m.hasOpen() && m.Open.By == "process"
}

// meant compares a socket with everything but its state.
func (m *matcher) meant(s *conn) bool {
	switch {
	case s.Proto != m.proto():
	case m.Direction == "in" && !s.in, m.Direction == "out" && s.in:
	case !inPorts(m.LocalPort, s.Local.Port()), !inPorts(m.RemotePort, s.Remote.Port()):
	case !inNets(m.Local, s.Local.Addr()), !inNets(m.Remote, s.Remote.Addr()):
	case len(m.User) > 0 && !slices.Contains(m.User, s.user) && !slices.Contains(m.User, strconv.Itoa(s.UID)):
	case len(m.Process) > 0 && !m.ofProcess(s):
	default:
		return true
	}
	return false
}

func (m *matcher) ofProcess(s *conn) bool {
	return s.process != nil && slices.ContainsFunc(m.Process, func(p string) bool {
		comm, _ := path.Match(p, s.process.Comm)
		exe, _ := path.Match(p, s.process.Exe)
		name, _ := path.Match(p, path.Base(s.process.Exe))
		return comm || exe || name
	})
}

func inPorts(list []Ports, port uint16) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(p Ports) bool { return p.First <= port && port <= p.Last })
}

// inNets: the last entry that holds the address decides; where only exceptions stand, all others are meant.
func inNets(list []Net, addr netip.Addr) bool {
	in := !slices.ContainsFunc(list, func(n Net) bool { return !n.Not })
	for _, n := range list {
		if n.Prefix.Contains(addr) {
			in = !n.Not
		}
	}
	return in
}

// key is what a connection is counted by.
func key(by string, s *conn) string {
	switch by {
	case "remote":
		return s.Remote.Addr().String()
	case "local_port":
		return strconv.Itoa(int(s.Local.Port()))
	case "remote_port":
		return strconv.Itoa(int(s.Remote.Port()))
	case "user":
		if s.user != "" {
			return s.user
		}
		return strconv.Itoa(s.UID)
	case "process":
		if s.process == nil {
			return "?"
		}
		return s.process.Comm
	}
	return ""
}

// portFilter are the ports that the kernel may filter by: those that every watch of connections names, on the same side. Nil: it may not.
func portFilter(list []*matcher, remote bool) (ports []linux.PortRange) {
	for _, m := range list {
		of := m.LocalPort
		if remote {
			of = m.RemotePort
		}
		if m.wantsConns() && len(of) == 0 {
			return nil
		}
		for _, p := range of {
			if m.wantsConns() {
				ports = append(ports, p.PortRange)
			}
		}
	}
	return ports
}

// listenerOf makes a listener out of its baseline's key, such as tcp/0.0.0.0:22.
func listenerOf(proto linux.Proto, key string) *conn {
	_, text, _ := strings.Cut(key, "/")
	local, err := netip.ParseAddrPort(text)
	if err != nil {
		return nil
	}
	return &conn{Socket: linux.Socket{Proto: proto, Local: local}, in: true}
}
