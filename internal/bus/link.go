package bus

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/security/null"
)

// link is zmq4 on one connection, behind a guard. One goroutine may receive while another sends. After an error it
// must be dropped.
type link struct {
	guard *guard
	zmq   *zmq4.Conn
	out   zmq4.Msg
}

// open performs the ZMTP handshake. The caller has set a deadline on the guard's connection, closes it on an error, and
// calls start when it is done.
func open(g *guard, role zmq4.SocketType) (l *link, err error) {
	defer caught(&err)
	zmq, err := zmq4.Open(g, null.Security(), role, nil, g.server, nil)
	switch {
	case g.err != nil:
		return nil, g.err
	case g.outErr != nil:
		return nil, g.outErr
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if err := g.flush(); err != nil {
		return nil, err
	}
	return &link{guard: g, zmq: zmq}, nil
}

// start ends the handshake's deadline and lets those of a session begin. Zero dead: the peer may be silent for ever.
func (l *link) start(lim Limits) error {
	l.guard.dead, l.guard.write, l.guard.fresh = lim.Dead, lim.WriteTimeout, true
	return l.guard.Conn.SetDeadline(time.Time{})
}

// receive returns the next message. An empty one is a heartbeat.
func (l *link) receive() (msg []byte, err error) {
	defer caught(&err)
	m, err := l.zmq.RecvMsg()
	if l.guard.err != nil {
		return nil, meaning(l.guard.err, ErrSilent)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if m.Type != zmq4.UsrMsg || len(m.Frames) != 1 {
		return nil, fmt.Errorf("%w: a message of %d frames", ErrProtocol, len(m.Frames))
	}
	return m.Frames[0], nil
}

// send writes one message into the buffer; flush sends it off.
func (l *link) send(frames ...[]byte) (err error) {
	defer caught(&err)
	l.out.Frames = append(l.out.Frames[:0], frames...)
	err = l.zmq.SendMsg(l.out)
	clear(l.out.Frames)
	return l.sent(err)
}

func (l *link) sendCommand(name string, body []byte) (err error) {
	defer caught(&err)
	return l.sent(l.zmq.SendCmd(name, body))
}

func (l *link) sent(err error) error {
	if l.guard.outErr != nil {
		err = l.guard.outErr
	}
	return meaning(err, ErrSlow)
}

func (l *link) flush() error { return meaning(l.guard.flush(), ErrSlow) }

// caught turns a panic of zmq4 on what a peer sent into an error. To be deferred.
func caught(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: zmq4: %v", ErrProtocol, r)
	}
}

// meaning says what an error of the connection tells about the peer; late is what a missed deadline means.
func meaning(err, late error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: %w", late, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("%w: %w", ErrGone, err)
	case errors.Is(err, net.ErrClosed):
		return ErrClosed
	}
	return err
}
