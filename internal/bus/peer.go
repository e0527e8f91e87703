package bus

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"brine/internal/identity"
)

// linger is how long a peer that was told its last message may take to close its side.
const linger = 2 * time.Second

// Peer is one connection to somebody whose key is proved. All methods may be called from any goroutine, and none blocks.
type Peer struct {
	key     identity.Fingerprint
	remote  string
	raw     net.Conn
	tls     *tls.Conn
	link    *link
	lim     Limits
	handler Handler
	queue   *queue[[]byte]

	stop chan struct{} // closed when the peer is closed
	done chan struct{} // closed when Handler.Closed has returned

	mu       sync.Mutex
	reason   error       // why it was closed; nil while it is open
	farewell error       // why it will be closed once all is sent
	late     *time.Timer // the bound of a farewell

	msgsIn, bytesIn, msgsOut, bytesOut atomic.Uint64
}

func newPeer(raw net.Conn, conn *tls.Conn, l *link, key identity.Fingerprint, lim Limits, h Handler) *Peer {
	return &Peer{
		key: key, remote: raw.RemoteAddr().String(), raw: raw, tls: conn, link: l, lim: lim, handler: h,
		queue: newQueue[[]byte](lim.QueueMessages, lim.QueueBytes),
		stop:  make(chan struct{}), done: make(chan struct{}),
	}
}

// Key names the other side: its fingerprint, proved in the TLS handshake.
func (p *Peer) Key() identity.Fingerprint { return p.key }

// Remote is the other side's address, host:port.
func (p *Peer) Remote() string { return p.remote }

// Done is closed after Handler.Closed has returned.
func (p *Peer) Done() <-chan struct{} { return p.done }

// Err is why the peer was closed, or nil while it is open.
func (p *Peer) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason
}

// Queued is what waits to be written.
func (p *Peer) Queued() (messages, bytes int) { return p.queue.size() }

// Send queues msg, which must not be changed afterwards; it may be sent to several peers. ErrSlow: the queue is full, and the
// peer is closed for it. ErrSize: msg is empty or larger than MaxFrame; nothing happened. ErrClosed: the peer is closed or has
// been told its last message. That Send returned nil says nothing about arrival.
func (p *Peer) Send(msg []byte) error {
	if len(msg) == 0 || len(msg) > p.lim.MaxFrame {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrSize, len(msg), p.lim.MaxFrame)
	}
	err := p.queue.push(msg, len(msg))
	if errors.Is(err, ErrSlow) {
		p.Close(ErrSlow)
	}
	return err
}

// Close ends the connection at once, with what is queued. The first reason given is kept. Handler.Closed follows in the
// peer's own goroutine, when a Message that is being handled has returned.
func (p *Peer) Close(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason != nil {
		return
	}
	if p.reason = p.farewell; p.reason == nil {
		p.reason = reason
	}
	if p.reason == nil {
		p.reason = ErrClosed
	}
	if p.late != nil {
		p.late.Stop()
	}
	p.queue.close()
	close(p.stop)
	// Not through TLS: its Close waits for seconds to send a notice to a peer that does not read.
	p.raw.Close()
}

// CloseAfter ends the connection when what is queued and last, which may be nil, were sent and the peer has closed its side, at the latest
// after WriteTimeout. No message is handed over from now on.
func (p *Peer) CloseAfter(last []byte, reason error) {
	if reason == nil {
		reason = ErrClosed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason != nil || p.farewell != nil || !p.queue.pushLast(last, len(last)) {
		return
	}
	p.farewell = reason
	p.late = time.AfterFunc(p.lim.WriteTimeout, func() { p.Close(reason) })
}

// leaving says that nothing is to be handed over any more.
func (p *Peer) leaving() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason != nil || p.farewell != nil
}

// run is the peer's goroutine, from Opened to Closed; forget is called before Closed.
func (p *Peer) run(forget func()) {
	defer close(p.done)
	var writer sync.WaitGroup
	writer.Go(p.write)
	p.handler.Opened(p)
	p.Close(p.read())
	writer.Wait()
	forget()
	p.handler.Closed(p, p.Err())
}

func (p *Peer) read() error {
	for {
		msg, err := p.link.receive()
		if err != nil {
			return err
		}
		if len(msg) == 0 || p.leaving() {
			continue // a heartbeat has done its work by coming
		}
		p.msgsIn.Add(1)
		p.bytesIn.Add(uint64(len(msg)))
		p.handler.Message(p, msg)
	}
}

func (p *Peer) write() {
	send := func(msg []byte) error {
		if len(msg) == 0 {
			return nil // the end of a CloseAfter without a message
		}
		p.msgsOut.Add(1)
		p.bytesOut.Add(uint64(len(msg)))
		return p.link.send(msg)
	}
	if err := pump(p.link, p.queue, p.stop, p.lim.Heartbeat, send, p.beat); err != nil {
		p.Close(err)
		return
	}
	p.bow()
}

func (p *Peer) beat() error {
	if err := p.link.send(nil); err != nil {
		return err
	}
	return p.link.flush()
}

// bow ends the sending side after a farewell, so that the peer reads all of it before it sees the end: closing at once could
// destroy what is on its way when the peer is still sending. The reader sees the peer's end.
func (p *Peer) bow() {
	p.mu.Lock()
	waiting := p.reason == nil && p.late != nil && p.late.Reset(linger)
	p.mu.Unlock()
	if !waiting {
		return
	}
	if err := p.tls.CloseWrite(); err != nil {
		p.Close(err)
	}
}
