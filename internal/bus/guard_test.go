package bus

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
)

// script is a connection that gives prepared bytes, in pieces of at most step, and forgets what is written.
type script struct {
	net.Conn
	r    io.Reader
	step int
}

func (s *script) Read(p []byte) (int, error)       { return s.r.Read(p[:min(len(p), s.step)]) }
func (s *script) Write(p []byte) (int, error)      { return len(p), nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// listenTo opens a link on prepared bytes and returns the messages until its end.
func listenTo(data []byte, step, maxFrame int) (msgs [][]byte, opened bool, err error) {
	l, err := open(newGuard(&script{r: bytes.NewReader(data), step: step}, true, maxFrame, new(buffers)), zmq4.Router)
	if err != nil {
		return nil, false, err
	}
	if err := l.start(Limits{}.withDefaults()); err != nil {
		return nil, true, err
	}
	for {
		msg, err := l.receive()
		if err != nil {
			return msgs, true, err
		}
		msgs = append(msgs, msg)
	}
}

// naive reads the same as plainly as can be. It says of a handshake only when it must fail.
func naive(data []byte, maxFrame int) (msgs [][]byte, hopeless bool) {
	mechanism := make([]byte, 20)
	copy(mechanism, "NULL")
	if len(data) < 64 || data[0] != 0xff || data[9] != 0x7f || data[10] != 3 || !bytes.Equal(data[12:32], mechanism) {
		return nil, true
	}
	flags, body, rest, ok := naiveFrame(data[64:])
	if !ok || flags&^2 != 4 || len(body) > 512 || !bytes.HasPrefix(body, []byte("\x05READY")) {
		return nil, true
	}
	for {
		if flags, body, rest, ok = naiveFrame(rest); !ok || flags&^2 != 0 || len(body) > maxFrame {
			return msgs, false
		}
		msgs = append(msgs, body)
	}
}

func naiveFrame(b []byte) (flags byte, body, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	size, head := uint64(b[1]), 2
	if b[0]&2 != 0 {
		if len(b) < 9 {
			return 0, nil, nil, false
		}
		size, head = binary.BigEndian.Uint64(b[1:]), 9
	}
	if size > uint64(len(b)-head) {
		return 0, nil, nil, false
	}
	return b[0], b[head : head+int(size)], b[head+int(size):], true
}

func FuzzGuard(f *testing.F) {
	const maxFrame = 3 * eager
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, frames := range [][]byte{
		nil,
		join(frameBytes(0, nil), frameBytes(0, []byte("a message")), frameBytes(0, make([]byte, 300))),
		join(frameBytes(0, make([]byte, 2*eager+5)), frameBytes(0, []byte("after a large one"))),
		join(claim(0, 3), []byte("abc"), claim(0, 0), frameBytes(0, []byte("x"))),
		claim(0, 1<<62), claim(0, maxFrame+1), join(claim(0, maxFrame), []byte("less")),
		[]byte("\x01\x01a\x00\x01b"), []byte("\x04\x07\x04PING\x00\x00"), {0x80, 1, 1}, {2, 0},
	} {
		f.Add(join(handshakeBytes(), frames), 7)
	}
	f.Add(join(greetingBytes(), readyBytes([]byte{11, 'S'})), 1)
	f.Add(join(greetingBytes(), readyBytes(property("Socket-Type", "CUSTOMER"))), 64)
	f.Add(join(greetingBytes(), readyBytes(property("X", string(make([]byte, 600))))), 64)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		got, opened, err := listenTo(data, max(step&0xffff, 1), maxFrame)
		want, hopeless := naive(data, maxFrame)
		if err == nil {
			t.Fatal("the end is no error")
		}
		if opened && hopeless {
			t.Fatal("a handshake passed that must not")
		}
		if !opened {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%d messages, want %d (%v)", len(got), len(want), err)
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("message %d is %.40q, want %.40q", i, got[i], want[i])
			}
		}
	})
}

// A message costs the allocations that zmq4 makes for it, and none of ours.
func TestAllocationsPerMessage(t *testing.T) {
	for _, size := range []int{300, 256 << 10} {
		data := append(handshakeBytes(), bytes.Repeat(frameBytes(0, make([]byte, size)), 64)...)
		l, err := open(newGuard(&script{r: bytes.NewReader(data), step: 16 << 10}, true, 1<<20, new(buffers)), zmq4.Router)
		if err != nil {
			t.Fatal(err)
		}
		allocs := testing.AllocsPerRun(50, func() {
			if msg, err := l.receive(); err != nil || len(msg) != size {
				t.Fatal(len(msg), err)
			}
		})
		if allocs > 5 {
			t.Errorf("a message of %d bytes takes %v allocations", size, allocs)
		}
	}
}
