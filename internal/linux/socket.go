package linux

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is one TCP or UDP socket of this network namespace.
type Socket struct {
	Proto  Proto
	State  TCPState
	Local  netip.AddrPort // IPv4 in IPv6 is told as IPv4
	Remote netip.AddrPort // of one that is not connected: the unspecified address, port 0
	UID    int            // of who made it
	Inode  uint32         // 0: no process has it open any more
	Cookie uint64         // never given twice while the kernel runs
	Info   TCPInfo        // of a socket that has ended; zero otherwise
}

// TCPInfo is what of struct tcp_info is told at the end of a connection.
type TCPInfo struct {
	RTT            time.Duration // 0: it was never established
	Sent, Received int64         // bytes of its life, acknowledged by the other side, and taken in; its beginning and its end count as one each
}

// Proto is a transport.
type Proto uint8

// The transports.
const (
	TCP Proto = unix.IPPROTO_TCP
	UDP Proto = unix.IPPROTO_UDP
)

func (p Proto) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	}
	return fmt.Sprintf("protocol %d", uint8(p))
}

// TCPState is a state of include/net/tcp_states.h. UDP sockets are Established when they are connected, else Close.
type TCPState uint8

// The states.
const (
	Established TCPState = iota + 1
	SynSent
	SynRecv
	FinWait1
	FinWait2
	TimeWait
	Close
	CloseWait
	LastAck
	Listen
	Closing
	NewSynRecv
)

var stateNames = [...]string{"", "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2", "time-wait", "close", "close-wait", "last-ack", "listen",
	"closing", "new-syn-recv"}

// StateNames are the names of all states, as ss prints them.
func StateNames() []string { return stateNames[1:] }

// String is the state's name.
func (s TCPState) String() string {
	if s > 0 && int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// States is a set of states, as the kernel filters by.
type States uint32

// StatesOf makes a set.
func StatesOf(list ...TCPState) (s States) {
	for _, st := range list {
		s |= 1 << st
	}
	return s
}

// Connected are the states of a TCP connection that is established or on its way down, time-wait excepted: no process has that.
const Connected = States(1<<Established | 1<<FinWait1 | 1<<FinWait2 | 1<<CloseWait | 1<<LastAck | 1<<Closing)

// inetDiagMsg is the size of struct inet_diag_msg, linux/inet_diag.h.
const inetDiagMsg = 72

// parseSocket reads the payload of one inet_diag message: struct inet_diag_msg, whose addresses and ports are in network order and
// whose other numbers are in the host's.
func parseSocket(proto Proto, b []byte) (Socket, error) {
	if len(b) < inetDiagMsg {
		return Socket{}, fmt.Errorf("inet_diag: %d bytes, want %d", len(b), inetDiagMsg)
	}
	s := Socket{
		Proto: proto, State: TCPState(b[1]),
		Cookie: uint64(binary.NativeEndian.Uint32(b[44:])) | uint64(binary.NativeEndian.Uint32(b[48:]))<<32,
		UID:    int(binary.NativeEndian.Uint32(b[64:])), Inode: binary.NativeEndian.Uint32(b[68:]),
	}
	local, remote := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	switch b[0] {
	case unix.AF_INET:
		s.Local = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[8:12])), local)
		s.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[24:28])), remote)
	case unix.AF_INET6:
		s.Local = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])).Unmap(), local)
		s.Remote = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[24:40])).Unmap(), remote)
	default:
		return Socket{}, fmt.Errorf("inet_diag: address family %d", b[0])
	}
	s.Info = tcpInfo(b[inetDiagMsg:])
	return s, nil
}

// attrInfo is INET_DIAG_INFO, and the rest are places in struct tcp_info, linux/tcp.h.
const (
	attrInfo        = 2
	infoRTT         = 68 // microseconds
	infoBytesAcked  = 120
	infoBytesRecved = 128
)

// tcpInfo finds the info among a message's attributes. Older kernels send a shorter one.
func tcpInfo(attrs []byte) (info TCPInfo) {
	for len(attrs) >= 4 {
		size, kind := int(binary.NativeEndian.Uint16(attrs)), binary.NativeEndian.Uint16(attrs[2:])
		if size < 4 || size > len(attrs) {
			return info
		}
		if value := attrs[4:size]; kind == attrInfo {
			if len(value) >= infoRTT+4 {
				info.RTT = time.Duration(binary.NativeEndian.Uint32(value[infoRTT:])) * time.Microsecond
			}
			if len(value) >= infoBytesRecved+8 {
				info.Sent = int64(binary.NativeEndian.Uint64(value[infoBytesAcked:]))
				info.Received = int64(binary.NativeEndian.Uint64(value[infoBytesRecved:]))
			}
			return info
		}
		attrs = attrs[min((size+3)&^3, len(attrs)):]
	}
	return info
}

// PortRange is a range of ports, both ends included.
type PortRange struct{ First, Last uint16 }

// maxPortFilter bounds the ranges that the kernel is asked to filter by; with more, everything is read.
const maxPortFilter = 64

// Codes of struct inet_diag_bc_op.
const (
	bcJump     = 1
	bcLocalGE  = 2
	bcLocalLE  = 3
	bcRemoteGE = 4
	bcRemoteLE = 5
)

// portFilter is a program for the kernel (INET_DIAG_REQ_BYTECODE) that takes sockets whose local, or remote, port lies in one of the
// ranges. An operation says how far to jump when it holds and when not: exactly to the end is yes, past it is no.
func portFilter(ranges []PortRange, remote bool) []byte {
	if len(ranges) == 0 || len(ranges) > maxPortFilter {
		return nil
	}
	ge, le := byte(bcLocalGE), byte(bcLocalLE)
	if remote {
		ge, le = bcRemoteGE, bcRemoteLE
	}
	const (
		compare = 8 // an operation and its port
		jump    = 4
		block   = 2*compare + jump
	)
	size := len(ranges)*block - jump // the last one needs no jump over others
	var prog []byte
	op := func(code, yes byte, no int) {
		prog = binary.NativeEndian.AppendUint16(append(prog, code, yes), uint16(no))
	}
	for i, r := range ranges {
		next := (i + 1) * block
		if i == len(ranges)-1 {
			next = size + jump // past the end
		}
		op(ge, compare, next-len(prog))
		op(0, 0, int(r.First))
		op(le, compare, next-len(prog))
		op(0, 0, int(r.Last))
		if i < len(ranges)-1 {
			op(bcJump, jump, size-len(prog)) // taken always: its "no"
		}
	}
	return prog
}
