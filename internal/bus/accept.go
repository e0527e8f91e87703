package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"
)

// Waits after an error of accept that passes: no descriptor is free, say. Doubled up to the longest.
const (
	firstAcceptWait   = 5 * time.Millisecond
	longestAcceptWait = time.Second
)

// accept hands every new connection to take, until ctx ends (then it returns nil) or the listener breaks for good. It closes
// the listener.
func accept(ctx context.Context, ln net.Listener, log *slog.Logger, failed func(), take func(net.Conn)) error {
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	defer ln.Close()
	wait := time.Duration(0)
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			wait = 0
			take(conn)
		case ctx.Err() != nil:
			return nil
		case passing(err):
			failed()
			wait = min(max(2*wait, firstAcceptWait), longestAcceptWait)
			log.Warn("cannot accept connections for a moment", "address", ln.Addr().String(), "wait", wait, "error", err)
			if !pause(ctx, wait) {
				return nil
			}
		default:
			return fmt.Errorf("bus: accept on %s: %w", ln.Addr(), err)
		}
	}
}

// passing tells the errors of accept(2) after which the listener still works.
func passing(err error) bool {
	for _, e := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR,
		// accept(2): already-pending network errors of the new connection are to be treated like EAGAIN.
		syscall.EAGAIN, syscall.ENETDOWN, syscall.EPROTO, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EPERM,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// pause says false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
