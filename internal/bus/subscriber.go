package bus

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
)

// subscriber is one connection of the tap.
type subscriber struct {
	conn   net.Conn
	link   *link
	topics subscriptions
	queue  *queue[tapItem]

	once sync.Once
	stop chan struct{}
	why  error // set before stop is closed
}

// tapItem is a message, or the answer to a PING.
type tapItem struct {
	tag, body []byte
	pong      bool // body is the PING's context
}

// follow serves one subscriber until its connection ends, whose closing is the caller's.
func (t *Tap) follow(conn net.Conn) {
	s := &subscriber{
		conn: conn, queue: newQueue[tapItem](t.opt.QueueMessages, t.opt.QueueBytes), stop: make(chan struct{}),
	}
	err := s.open(t)
	if err == nil {
		err = t.serve(s)
	}
	switch {
	case errors.Is(err, ErrSlow):
		t.slow.Add(1)
		t.opt.Log.Warn("tap: a subscriber does not keep up and is cut off", "error", err)
	case !errors.Is(err, ErrGone) && !errors.Is(err, ErrClosed):
		t.broken.Add(1)
		t.opt.Log.Debug("tap: a subscriber is cut off", "error", err)
	}
}

func (s *subscriber) open(t *Tap) error {
	if err := s.conn.SetDeadline(time.Now().Add(t.opt.HandshakeTimeout)); err != nil {
		return err
	}
	g := newGuard(s.conn, true, 1+maxPrefix, &t.buf)
	g.command = s.ping
	l, err := open(g, zmq4.Pub)
	if err != nil {
		return meaning(err, ErrSilent)
	}
	s.link = l
	// No read deadline: in ZMTP 3.0 a subscriber that is content says nothing.
	return l.start(Limits{WriteTimeout: t.opt.WriteTimeout})
}

func (t *Tap) serve(s *subscriber) error {
	t.join(s)
	defer t.part(s)
	var writer sync.WaitGroup
	writer.Go(func() {
		send := func(i tapItem) error {
			if i.pong {
				return s.link.sendCommand(zmq4.CmdPong, i.body)
			}
			t.sent.Add(1)
			return s.link.send(i.tag, i.body)
		}
		s.close(pump(s.link, s.queue, s.stop, 0, send, nil))
	})
	s.close(s.read(t))
	writer.Wait()
	return s.why
}

func (s *subscriber) read(t *Tap) error {
	for {
		frame, err := s.link.receive()
		if err != nil {
			return err
		}
		if err := s.topics.apply(frame); err != nil {
			return err
		}
		t.refresh()
	}
}

// ping answers a heartbeat of libzmq (ZMQ_HEARTBEAT_IVL) through the writer: https://rfc.zeromq.org/spec:37/#connection-heartbeating
func (s *subscriber) ping(body []byte) error {
	const name, ttl = "\x04PING", 2
	rest, ok := strings.CutPrefix(string(body), name)
	if !ok || len(rest) < ttl {
		return fmt.Errorf("%w: command %.16q", ErrProtocol, body)
	}
	return s.queue.push(tapItem{body: []byte(rest[ttl:]), pong: true}, len(body))
}

func (s *subscriber) put(item tapItem, size int) {
	if err := s.queue.push(item, size); errors.Is(err, ErrSlow) {
		s.close(err)
	}
}

func (s *subscriber) close(why error) {
	s.once.Do(func() {
		if s.why = why; why == nil {
			s.why = ErrClosed
		}
		s.queue.close()
		close(s.stop)
		s.conn.Close()
	})
}

func (t *Tap) join(s *subscriber) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.subscribers[s] = struct{}{}
}

func (t *Tap) part(s *subscriber) {
	t.mu.Lock()
	delete(t.subscribers, s)
	t.mu.Unlock()
	t.refresh()
}

// refresh works out anew whether anybody subscribes to anything.
func (t *Tap) refresh() {
	t.mu.Lock()
	defer t.mu.Unlock()
	wanted := false
	for s := range t.subscribers {
		wanted = wanted || s.topics.any()
	}
	t.wanted.Store(wanted)
}
