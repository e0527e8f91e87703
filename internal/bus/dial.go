package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"

	"github.com/go-zeromq/zmq4"

	"brine/internal/identity"
)

// ClientOptions configure Dial. Key, Trust and Handler are needed.
type ClientOptions struct {
	Key     identity.Key
	Trust   func(master identity.Fingerprint) error // such as identity.Pin(...)
	Handler Handler
	Limits
	Log *slog.Logger
}

// Dial opens one connection to a master at tcp://host:port. ctx bounds the dialling, not the connection, which lives until it is
// closed; Handler.Opened may be called before Dial returns. An error Is identity.ErrNotAdmitted and the like where
// it can be told, and identity.Hint says what to do. Dialling again, with patience, is the caller's business.
func Dial(ctx context.Context, addr string, opt ClientOptions) (*Peer, error) {
	lim := opt.Limits.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, lim.HandshakeTimeout)
	defer cancel()
	raw, conn, master, err := connect(ctx, addr, opt.Key, identity.DoorBus, opt.Trust)
	if err != nil {
		return nil, fmt.Errorf("bus: dial %q: %w", addr, err)
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	l, err := open(newGuard(conn, false, lim.MaxFrame, new(buffers)), zmq4.Dealer)
	if !stop() {
		err = errors.Join(err, ctx.Err()) // closed, or about to be
	}
	if err == nil {
		err = l.start(lim)
	}
	if err != nil {
		raw.Close()
		return nil, fmt.Errorf("bus: dial %q: %w", addr, explain(ctx, err))
	}
	p := newPeer(raw, conn, l, master, lim, opt.Handler)
	logger(opt.Log).Debug("connected", "address", addr, "master", master)
	go p.run(func() {})
	return p, nil
}

// connect makes a TLS connection to a door. The client's handshake succeeds before the server has judged the client's
// key: a refusal comes with the first read.
func connect(ctx context.Context, addr string, key identity.Key, door string, trust func(identity.Fingerprint) error) (net.Conn, *tls.Conn, identity.Fingerprint, error) {
	hostport, err := ParseAddress(addr)
	if err != nil {
		return nil, nil, "", err
	}
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", hostport)
	if err != nil {
		return nil, nil, "", explain(ctx, err)
	}
	config := key.ClientTLS(door, trust)
	config.DynamicRecordSizingDisabled = true
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, nil, "", explain(ctx, err)
	}
	master, err := identity.PeerFingerprint(conn.ConnectionState())
	if err != nil {
		raw.Close()
		return nil, nil, "", err
	}
	return raw, conn, master, nil
}

// unhelpful is an error of the connection with what it most likely means.
type unhelpful struct {
	error
	hint string
}

func (u *unhelpful) Unwrap() error { return u.error }

// Hint says what to do.
func (u *unhelpful) Hint() string { return u.hint }

// explain makes an error of a client's handshake one that helps.
func explain(ctx context.Context, err error) error {
	if explained := identity.ExplainTLS(err); identity.Hint(explained) != "" {
		return explained
	}
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	_, noName := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case noTLS:
		return &unhelpful{err, "no TLS is spoken there: is it the master's port?"}
	case noName:
		return &unhelpful{err, "does this host know the master's name?"}
	case ctx.Err() != nil:
		return &unhelpful{fmt.Errorf("no answer in time: %w", err), "is it the master's address, and does a firewall let it through?"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &unhelpful{err, "is brine-master running there?"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &unhelpful{fmt.Errorf("the other side closed the connection during the handshake: %w", err),
			"the master may have too many connections in hand, or it is not its port"}
	}
	return err
}
