package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// SocketEvents tells of every TCP socket at its end, the shortest-lived too (SKNLGRP_INET_TCP_DESTROY, as `ss -E` uses; Linux 4.5).
// It needs CAP_NET_ADMIN.
type SocketEvents struct {
	file *os.File
	buf  []byte
}

const (
	groupTCP4Destroy  = 1
	groupTCP6Destroy  = 3
	socketEventBuffer = 4 << 20 // bytes that the kernel holds for us: some 10,000 ends
)

// OpenSocketEvents opens it.
func OpenSocketEvents() (*SocketEvents, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("sock_diag: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketEventBuffer) // or it stays as it is, and overflows sooner
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1<<(groupTCP4Destroy-1) | 1<<(groupTCP6Destroy-1)})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sock_diag: ends of sockets: %w", err), unix.Close(fd))
	}
	return &SocketEvents{file: os.NewFile(uintptr(fd), "sock_diag"), buf: make([]byte, sockDiagBuffer)}, nil
}

// Close ends a Read that waits.
func (e *SocketEvents) Close() error { return e.file.Close() }

// Read waits for sockets to end and gives them. lost says that some were not told: the kernel had no room.
func (e *SocketEvents) Read(ctx context.Context) (ended []Socket, lost bool, err error) {
	stop := context.AfterFunc(ctx, func() { _ = e.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	n, err := e.file.Read(e.buf)
	switch {
	case ctx.Err() != nil:
		return nil, false, ctx.Err()
	case errors.Is(err, unix.ENOBUFS):
		return nil, true, nil
	case err != nil:
		return nil, false, err
	}
	_, err = eachMessage(e.buf[:n], func(h header, body []byte) error {
		if h.kind != sockDiagByFamily {
			return nil
		}
		s, err := parseSocket(TCP, body)
		if err == nil {
			ended = append(ended, s)
		}
		return err
	})
	return ended, false, err
}
