package bus

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// ZMTP 3.0, https://rfc.zeromq.org/spec/23/#formal-grammar
const (
	greetingSize = 64

	flagMore    = 0x01
	flagLong    = 0x02
	flagCommand = 0x04
)

// MaxReady bounds the READY command, in bytes: name, socket type and identity need about fifty.
const MaxReady = 512

// checkGreeting refuses what zmq4 would let pass or choke on: signature, version 3 and the NULL mechanism are needed.
func checkGreeting(b []byte) error {
	mechanism := [20]byte{'N', 'U', 'L', 'L'}
	switch {
	case len(b) != greetingSize || b[0] != 0xff || b[9] != 0x7f:
		return fmt.Errorf("%w: no ZMTP greeting", ErrProtocol)
	case b[10] != 3:
		return fmt.Errorf("%w: ZMTP version %d.%d, want 3.x", ErrProtocol, b[10], b[11])
	case !bytes.Equal(b[12:32], mechanism[:]):
		return fmt.Errorf("%w: security mechanism %q, want NULL", ErrProtocol, bytes.TrimRight(b[12:32], "\x00"))
	}
	return nil
}

// checkReady refuses a handshake command that is not a well-formed READY. zmq4 panics on some malformed metadata.
func checkReady(b []byte) error {
	const name = "\x05READY"
	if !bytes.HasPrefix(b, []byte(name)) {
		return fmt.Errorf("%w: the handshake begins with %.16q, want READY", ErrProtocol, b)
	}
	for b = b[len(name):]; len(b) > 0; {
		key := int(b[0])
		if key == 0 || len(b) < 1+key+4 {
			return fmt.Errorf("%w: malformed metadata in READY", ErrProtocol)
		}
		value := uint64(binary.BigEndian.Uint32(b[1+key:]))
		b = b[1+key+4:]
		if value > uint64(len(b)) {
			return fmt.Errorf("%w: malformed metadata in READY", ErrProtocol)
		}
		b = b[value:]
	}
	return nil
}
