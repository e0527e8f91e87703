package linux

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ProcEventKind is what a process did.
type ProcEventKind uint32

// The kinds that are told: PROC_EVENT_ of linux/cn_proc.h.
const (
	ProcFork ProcEventKind = 0x00000001 // PID came from Parent
	ProcExec ProcEventKind = 0x00000002
	ProcUID  ProcEventKind = 0x00000004 // it has another user now
	ProcExit ProcEventKind = 0x80000000
)

// ProcEvent is one thing that a process did. Threads are left out.
type ProcEvent struct {
	Kind   ProcEventKind
	PID    int
	Parent int // of a fork
	Status int // of an exit: as wait(2) gives it
}

// ExitCode is the code of a process that ended by itself; -1 of one that a signal ended.
func (e ProcEvent) ExitCode() int {
	if e.Status&0x7f != 0 {
		return -1
	}
	return e.Status >> 8 & 0xff
}

// Signal is what ended the process; 0: it ended by itself.
func (e ProcEvent) Signal() unix.Signal { return unix.Signal(e.Status & 0x7f) }

// Core reports whether the signal was one that leaves a core file, and it left one.
func (e ProcEvent) Core() bool { return e.Status&0x80 != 0 }

// ProcEvents is told by the kernel what all processes do (the proc connector, CONFIG_PROC_EVENTS). It needs CAP_NET_ADMIN, the
// host's own user and process namespaces, and its network namespace.
type ProcEvents struct {
	file *os.File
	buf  []byte
}

const (
	connectorProc     = 1 // CN_IDX_PROC and CN_VAL_PROC
	connectorListen   = 1 // PROC_CN_MCAST_LISTEN
	connectorIgnore   = 2 // PROC_CN_MCAST_IGNORE
	connectorHeader   = 20
	procEventAt       = netlinkHeader + connectorHeader
	procEventData     = 16          // within the event: what, cpu, time
	procEventsBuffer  = 8 << 20     // bytes that the kernel holds for us: some 10,000 events
	procEventsAnswer  = time.Second // for the kernel to say that it tells
	procEventsMessage = 4 << 10     // the largest is 76 bytes
)

// OpenProcEvents opens it. ErrAbsent says that the kernel does not tell: it was built without, or this is a container.
func OpenProcEvents() (*ProcEvents, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		err = ErrAbsent
	}
	if err != nil {
		return nil, fmt.Errorf("proc connector: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, procEventsBuffer) // or it stays as it is, and overflows sooner
	filter := processFilter()
	err = errors.Join(
		unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}),
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: connectorProc}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("proc connector: %w", err), unix.Close(fd))
	}
	e := &ProcEvents{file: os.NewFile(uintptr(fd), "proc connector"), buf: make([]byte, procEventsMessage)}
	if err := e.listen(); err != nil {
		return nil, errors.Join(fmt.Errorf("proc connector: %w", err), e.Close())
	}
	return e, nil
}

// listen asks to be told, and waits for the answer: in a container there is none.
func (e *ProcEvents) listen() error {
	if _, err := e.file.Write(connectorRequest(connectorListen)); err != nil {
		return err
	}
	if err := e.file.SetReadDeadline(time.Now().Add(procEventsAnswer)); err != nil {
		return err
	}
	n, err := e.file.Read(e.buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrAbsent
	}
	if err == nil {
		_, err = parseProcEvent(e.buf[:n])
	}
	return errors.Join(err, e.file.SetReadDeadline(time.Time{}))
}

// Close ends a Read that waits.
func (e *ProcEvents) Close() error {
	_, _ = e.file.Write(connectorRequest(connectorIgnore)) // so that an old kernel stops making them
	return e.file.Close()
}

// Read waits for the next event. lost says that some were not told: the kernel had no room.
func (e *ProcEvents) Read(ctx context.Context) (event ProcEvent, lost bool, err error) {
	stop := context.AfterFunc(ctx, func() { _ = e.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for event.Kind == 0 {
		n, err := e.file.Read(e.buf)
		switch {
		case ctx.Err() != nil:
			return event, false, ctx.Err()
		case errors.Is(err, unix.ENOBUFS):
			return event, true, nil
		case err != nil:
			return event, false, err
		}
		if event, err = parseProcEvent(e.buf[:n]); err != nil {
			return event, false, err
		}
	}
	return event, false, nil
}

// connectorRequest is a netlink message that holds a struct cn_msg with one number.
func connectorRequest(op uint32) []byte {
	b := make([]byte, procEventAt+4)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], unix.NLMSG_DONE)
	binary.NativeEndian.PutUint32(b[netlinkHeader:], connectorProc)
	binary.NativeEndian.PutUint32(b[netlinkHeader+4:], connectorProc)
	binary.NativeEndian.PutUint16(b[netlinkHeader+16:], 4)
	binary.NativeEndian.PutUint32(b[procEventAt:], op)
	return b
}

// parseProcEvent reads one datagram: struct nlmsghdr, cn_msg, proc_event. Kind is 0 for what is nothing of a process's: an answer, a thread.
func parseProcEvent(b []byte) (e ProcEvent, err error) {
	const need = procEventAt + procEventData + 16 // up to what an exit says
	if len(b) < need || int(binary.NativeEndian.Uint32(b)) < need {
		return e, fmt.Errorf("proc connector: a message of %d bytes", len(b))
	}
	if binary.NativeEndian.Uint32(b[netlinkHeader:]) != connectorProc {
		return e, nil
	}
	field := func(i int) int { return int(int32(binary.NativeEndian.Uint32(b[procEventAt+procEventData+4*i:]))) }
	switch kind := ProcEventKind(binary.NativeEndian.Uint32(b[procEventAt:])); kind {
	case ProcFork: // parent's pid and tgid, child's pid and tgid
		if field(2) == field(3) {
			e = ProcEvent{Kind: kind, PID: field(2), Parent: field(1)}
		}
	case ProcExec, ProcUID: // pid, tgid
		if field(0) == field(1) || kind == ProcExec {
			e = ProcEvent{Kind: kind, PID: field(1)}
		}
	case ProcExit: // pid, tgid, code, signal
		if field(0) == field(1) {
			e = ProcEvent{Kind: kind, PID: field(1), Status: field(2)}
		}
	case 0: // the answer to a request
		if errno := field(0); errno != 0 {
			return e, unix.Errno(errno)
		}
	}
	return e, nil
}

// processFilter is a program for the kernel (classic BPF) that lets pass what parseProcEvent takes, so that threads wake nobody.
func processFilter() []unix.SockFilter {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		same   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_X
		copied = unix.BPF_MISC | unix.BPF_TAX
		give   = unix.BPF_RET | unix.BPF_K
		data   = procEventAt + procEventData
	)
	is := func(k ProcEventKind) uint32 { // the kernel loads in network order what it wrote in its own
		return binary.BigEndian.Uint32(binary.NativeEndian.AppendUint32(nil, uint32(k)))
	}
	return []unix.SockFilter{
		{Code: load, K: procEventAt},
		{Code: equal, K: 0, Jt: 12},            // an answer: give
		{Code: equal, K: is(ProcExec), Jt: 11}, // give
		{Code: equal, K: is(ProcFork), Jt: 6},  // compare the child's two numbers
		{Code: equal, K: is(ProcUID), Jt: 1},   // compare the first two
		{Code: equal, K: is(ProcExit), Jf: 9},  // compare the first two, or drop
		{Code: load, K: data},                  //
		{Code: copied},
		{Code: load, K: data + 4},  //
		{Code: same, Jt: 4, Jf: 5}, // give or drop
		{Code: load, K: data + 8},  // a fork
		{Code: copied},
		{Code: load, K: data + 12},
		{Code: same, Jf: 1},
		{Code: give, K: 1<<32 - 1},
		{Code: give, K: 0},
	}
}
