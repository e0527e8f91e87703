package bus

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"brine/internal/identity"
)

// MaxEnrol bounds the request and the reply of an enrolment, in bytes. On the wire each has its length before it, in
// four bytes, big-endian; there is no ZMTP.
const MaxEnrol = 4096

// enrol answers one request. The connection's deadline is set.
func (s *Server) enrol(raw net.Conn, conn *tls.Conn, key identity.Fingerprint, host string) error {
	if s.opt.Enrol == nil {
		return errors.New("no enrolment here")
	}
	request, err := readSized(conn)
	if err != nil {
		return err
	}
	reply := s.opt.Enrol(key, host, request)
	if len(reply) == 0 {
		return errors.New("no reply")
	}
	if err := writeSized(conn, reply); err != nil {
		return err
	}
	s.count.enrolments.Add(1)
	// The client closes first, so that nothing it sent beyond its request makes the kernel destroy the reply. It is answered
	// whatever comes of that.
	if conn.CloseWrite() == nil && raw.SetReadDeadline(time.Now().Add(linger)) == nil {
		_, _ = io.CopyN(io.Discard, raw, MaxEnrol)
	}
	return nil
}

// Enrol sends one request to a master's enrolment door and returns its reply and the master's key, which trust has seen and
// which is proved. An error says with identity.Hint what to do.
func Enrol(ctx context.Context, addr string, key identity.Key, trust func(identity.Fingerprint) error, request []byte) (reply []byte, master identity.Fingerprint, err error) {
	if len(request) == 0 || len(request) > MaxEnrol {
		return nil, "", fmt.Errorf("bus: enrol: a request of %d bytes, at most %d", len(request), MaxEnrol)
	}
	ctx, cancel := context.WithTimeout(ctx, Limits{}.withDefaults().HandshakeTimeout)
	defer cancel()
	raw, conn, master, err := connect(ctx, addr, key, identity.DoorEnrol, trust)
	if err != nil {
		return nil, "", fmt.Errorf("bus: enrol at %q: %w", addr, err)
	}
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	// Read even if writing went wrong: what the master has against us stands there.
	_ = writeSized(conn, request)
	if reply, err = readSized(conn); err != nil {
		return nil, "", fmt.Errorf("bus: enrol at %q: %w", addr, explain(ctx, err))
	}
	return reply, master, nil
}

func readSized(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size == 0 || size > MaxEnrol {
		return nil, fmt.Errorf("%w: %d bytes announced, at most %d", ErrSize, size, MaxEnrol)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return body, nil
}

func writeSized(w io.Writer, body []byte) error {
	if len(body) > MaxEnrol {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrSize, len(body), MaxEnrol)
	}
	_, err := w.Write(append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body))), body...))
	return err
}
