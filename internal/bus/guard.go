package bus

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

const (
	readBuffer  = 4 << 10  // bytes kept for each connection
	writeBuffer = 16 << 10 // bytes, one TLS record; taken from a pool while there is something to write
	// eager is the size up to which zmq4 may allocate a body before it has come, in bytes.
	eager = 64 << 10
	// maxCommand bounds a command after READY where commands are taken at all, in bytes. PING needs at most 23.
	maxCommand = 64
)

// buffers are shared by the connections of one server, tap or client.
type buffers struct {
	out  sync.Pool // *bufio.Writer
	body sync.Pool // *[]byte
}

// guard stands between a connection and zmq4, and lets through only what zmq4 can be trusted with: a proper greeting, a small well-formed
// READY, then frames that are whole messages of bounded size. It parses each header before zmq4 sees it, and holds
// a large body back until it has come, because zmq4 allocates what a header claims. Reading and writing
// may be in different goroutines once the handshake is done.
type guard struct {
	timed
	server   bool
	maxFrame int
	// command takes a command after READY; nil refuses all. zmq4 must not see one: it would answer PING in the middle
	// of what another goroutine writes.
	command func(body []byte) error
	buf     *buffers

	in    *bufio.Reader
	stage stage
	head  [9]byte
	serve []byte  // checked bytes for zmq4, before those that are still to be read
	then  []byte  // more of them
	held  *[]byte // the pooled memory of then
	body  int     // bytes of a small body that zmq4 reads directly
	err   error   // the first error of reading, final

	out    *bufio.Writer
	outErr error // the first error of writing, final
}

// errGuard is all that zmq4 learns of an error. From errors of the network it would draw conclusions of its own, about reading
// from writing, that hide the reason.
var errGuard = errors.New("bus: the connection is broken")

type stage int

const (
	stageGreeting stage = iota
	stageReady
	stageFrames
)

func newGuard(conn net.Conn, server bool, maxFrame int, buf *buffers) *guard {
	g := &guard{timed: timed{Conn: conn}, server: server, maxFrame: maxFrame, buf: buf}
	g.in = bufio.NewReaderSize(&g.timed, readBuffer)
	return g
}

// Read gives zmq4 the next checked bytes.
func (g *guard) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if g.err == nil && len(g.serve) == 0 && g.body == 0 {
		g.err = g.next()
	}
	if g.err != nil {
		return 0, errGuard
	}
	if len(g.serve) == 0 {
		return g.readBody(p)
	}
	n := copy(p, g.serve)
	if g.serve = g.serve[n:]; len(g.serve) == 0 {
		g.serve, g.then = g.then, nil
		if len(g.serve) == 0 && g.held != nil {
			g.buf.body.Put(g.held)
			g.held = nil
		}
	}
	return n, nil
}

func (g *guard) readBody(p []byte) (int, error) {
	n, err := g.in.Read(p[:min(len(p), g.body)])
	if g.body -= n; g.body == 0 {
		g.fresh = true
	}
	if err != nil {
		g.err = unfinished(err)
		return n, errGuard
	}
	return n, nil
}

// next reads and checks what comes next, up to where zmq4 may read by itself.
func (g *guard) next() error {
	switch g.stage {
	case stageGreeting:
		return g.greeting()
	case stageReady:
		return g.ready()
	}
	for {
		served, err := g.frame()
		if served || err != nil {
			return err
		}
	}
}

// greeting is read by a client before it writes its own: a server that refuses the client's key has closed the connection by then,
// and writing to it first could lose the alert that says so.
func (g *guard) greeting() error {
	if g.server {
		if err := g.flush(); err != nil {
			return err
		}
	}
	g.serve = make([]byte, greetingSize)
	if _, err := io.ReadFull(g.in, g.serve); err != nil {
		return err
	}
	g.stage = stageReady
	return checkGreeting(g.serve)
}

func (g *guard) ready() error {
	if err := g.flush(); err != nil {
		return err
	}
	flags, size, err := g.header()
	if err != nil {
		return unfinished(err)
	}
	if flags&^flagLong != flagCommand || size > MaxReady {
		return fmt.Errorf("%w: a frame of %d bytes with flags %#02x, want a READY of at most %d", ErrProtocol, size, flags, MaxReady)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(g.in, body); err != nil {
		return unfinished(err)
	}
	g.stage = stageFrames
	g.serve, g.then = g.headerBytes(), body
	return checkReady(body)
}

// frame reads one header. It says false when what followed was a command, which is taken care of.
func (g *guard) frame() (bool, error) {
	flags, size, err := g.header()
	if err != nil {
		return false, err
	}
	g.fresh = true
	switch {
	case flags&^flagLong == flagCommand && g.command != nil:
		return false, g.takeCommand(size)
	case flags&^flagLong != 0:
		return false, fmt.Errorf("%w: a frame with flags %#02x (1: more frames follow, 4: a command); a message is one frame", ErrProtocol, flags)
	case size > uint64(g.maxFrame):
		return false, fmt.Errorf("%w: the peer announced %d bytes, at most %d are allowed", ErrSize, size, g.maxFrame)
	}
	g.serve = g.headerBytes()
	if size <= eager {
		g.body = int(size)
		return true, nil
	}
	return true, g.hold(int(size))
}

// header reads flags and size into head. It gives io.EOF only between two frames.
func (g *guard) header() (flags byte, size uint64, err error) {
	if flags, err = g.in.ReadByte(); err != nil {
		return 0, 0, err
	}
	g.head[0] = flags
	if flags&flagLong == 0 {
		if g.head[1], err = g.in.ReadByte(); err != nil {
			return 0, 0, unfinished(err)
		}
		return flags, uint64(g.head[1]), nil
	}
	if _, err = io.ReadFull(g.in, g.head[1:]); err != nil {
		return 0, 0, unfinished(err)
	}
	return flags, binary.BigEndian.Uint64(g.head[1:]), nil
}

func (g *guard) headerBytes() []byte {
	if g.head[0]&flagLong == 0 {
		return g.head[:2]
	}
	return g.head[:]
}

// hold reads a large body into memory that grows with what has come.
func (g *guard) hold(size int) error {
	held, _ := g.buf.body.Get().(*[]byte)
	if held == nil {
		held = new([]byte)
	}
	g.held = held
	body := (*held)[:0]
	for len(body) < size {
		if len(body) == cap(body) {
			grown := make([]byte, len(body), min(max(2*len(body), eager), g.maxFrame))
			copy(grown, body)
			body = grown
		}
		from := len(body)
		to := min(size, cap(body), from+eager)
		n, err := io.ReadFull(g.in, body[from:to])
		body = body[:from+n]
		if err != nil {
			return unfinished(err)
		}
		g.fresh = true
	}
	*held, g.then = body, body
	return nil
}

func (g *guard) takeCommand(size uint64) error {
	if size > maxCommand {
		return fmt.Errorf("%w: a command of %d bytes, at most %d are allowed", ErrProtocol, size, maxCommand)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(g.in, body); err != nil {
		return unfinished(err)
	}
	return g.command(body)
}

// Write collects what zmq4 writes until flush.
func (g *guard) Write(p []byte) (int, error) {
	if g.out == nil {
		g.out, _ = g.buf.out.Get().(*bufio.Writer)
		if g.out == nil {
			g.out = bufio.NewWriterSize(nil, writeBuffer)
		}
		g.out.Reset(&g.timed)
	}
	n, err := g.out.Write(p)
	if err != nil {
		g.outErr = err
		return n, errGuard
	}
	return n, nil
}

func (g *guard) flush() error {
	if g.out == nil {
		return nil
	}
	err := g.out.Flush()
	g.out.Reset(nil)
	g.buf.out.Put(g.out)
	g.out = nil
	return err
}

// unfinished tells an end in the middle of a frame from one between frames.
func unfinished(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
