// Package bus carries messages between minions and a master: ZMTP 3 frames (https://rfc.zeromq.org/spec/23/), spoken by zmq4 at
// connection level on our own connections inside mutually authenticated TLS 1.3, and a local PUB endpoint, the Tap. It
// is the only importer of zmq4. A message is opaque bytes: the package must never know what one means, nor the roles,
// the wire codec or a store.
//
// Read in this order: server.go (accept, handshake, doors), link.go (zmq4 on a connection), guard.go (what
// stands between a peer and zmq4), peer.go (a session), queue.go and pump.go (what is sent), dial.go and enrol.go (the client's side),
// tap.go. Every error is final for its connection, because after one zmq4 may take the rest of a body for a header.
package bus

import (
	"errors"
	"log/slog"
	"time"
)

var (
	// ErrClosed is returned by Send when the peer is closed or about to be.
	ErrClosed = errors.New("bus: the connection is closed")
	// ErrSlow is returned by Send, and is why the peer was closed, when its queue is full: it does not read, or too slowly.
	ErrSlow = errors.New("bus: the peer does not keep up: its queue is full")
	// ErrSize is returned by Send for a message that is empty or larger than Limits.MaxFrame, which stays open, and is why
	// a peer was closed that announced such a frame.
	ErrSize = errors.New("bus: the size of a message is out of bounds")
	// ErrProtocol is why a peer was closed that sent what ZMTP or the bus does not allow.
	ErrProtocol = errors.New("bus: broken protocol")
	// ErrSilent is why a peer was closed from which nothing complete came for Limits.Dead: it has stopped, or the way is cut.
	ErrSilent = errors.New("bus: nothing heard from the peer")
	// ErrGone is why a peer was closed that closed the connection itself.
	ErrGone = errors.New("bus: the peer closed the connection")
	// ErrReplaced is why a peer was closed whose key opened more than Limits.MaxPerKey connections: the oldest goes.
	ErrReplaced = errors.New("bus: the same key has connected anew")
	// ErrShutdown is why the peers of a server were closed when its context ended.
	ErrShutdown = errors.New("bus: the server is shutting down")
)

// Handler is told what happens on connections. The three calls for one peer come from one goroutine: Opened first, then every message in
// order, then Closed exactly once, and nothing after it. Calls for different peers are concurrent.
type Handler interface {
	// Opened may already Send.
	Opened(*Peer)
	// Message hands over msg for good. While it blocks, nothing more is read from this peer, which is back pressure on this
	// peer alone; when it blocks for longer than the other side's WriteTimeout, that side gives the connection up.
	Message(p *Peer, msg []byte)
	// Closed gives the reason, never nil. The connection is closed and both goroutines of the peer have done their work.
	Closed(*Peer, error)
}

// Limits are the bounds of a connection. Zero fields get the default.
type Limits struct {
	HandshakeTimeout time.Duration // for connecting, TLS and ZMTP together, or all of an enrolment [10s]
	Heartbeat        time.Duration // an empty frame is sent when nothing else was for so long [10s]
	Dead             time.Duration // the peer is closed when no frame was completed for so long [30s]
	WriteTimeout     time.Duration // a write of up to 64 KiB may take so long [30s]
	MaxFrame         int           // bytes of one message [1 MiB]
	QueueMessages    int           // messages queued for one peer [4096]
	QueueBytes       int           // bytes queued for one peer; at least MaxFrame [16 MiB]
}

func (l Limits) withDefaults() Limits {
	l.HandshakeTimeout = or(l.HandshakeTimeout, 10*time.Second)
	l.Heartbeat = or(l.Heartbeat, 10*time.Second)
	l.Dead = or(l.Dead, 30*time.Second)
	l.WriteTimeout = or(l.WriteTimeout, 30*time.Second)
	l.MaxFrame = or(l.MaxFrame, 1<<20)
	l.QueueMessages = or(l.QueueMessages, 4096)
	l.QueueBytes = max(or(l.QueueBytes, 16<<20), l.MaxFrame)
	return l
}

// or is value, or the default when it is not set.
func or[T time.Duration | int](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
