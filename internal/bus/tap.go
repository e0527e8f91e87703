package bus

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// TapOptions configure a Tap. Zero fields get the default.
type TapOptions struct {
	HandshakeTimeout time.Duration // [5s]
	WriteTimeout     time.Duration // a write of up to 64 KiB may take so long [30s]
	MaxSubscribers   int           // beyond, a connection is closed at once [64]
	QueueMessages    int           // messages queued for one subscriber [8192]
	QueueBytes       int           // bytes queued for one subscriber [8 MiB]
	Log              *slog.Logger
}

// Tap is a ZeroMQ PUB endpoint for subscribers on this host: ZMTP 3.0 with the NULL mechanism, messages of two frames, [tag, body].
// Who may connect is up to the socket's folder. A subscriber that does not keep up is cut off and counted; libzmq connects anew by itself.
type Tap struct {
	opt    TapOptions
	buf    buffers
	wanted atomic.Bool // somebody subscribes to something

	accepted, acceptErrors, refused, published, sent, slow, broken atomic.Uint64

	mu          sync.RWMutex
	subscribers map[*subscriber]struct{}
	places      int // taken, by subscribers and by those who shake hands
}

// NewTap makes a tap that Serve lets in on listeners.
func NewTap(opt TapOptions) *Tap {
	opt.HandshakeTimeout = or(opt.HandshakeTimeout, 5*time.Second)
	opt.WriteTimeout = or(opt.WriteTimeout, 30*time.Second)
	opt.MaxSubscribers = or(opt.MaxSubscribers, 64)
	opt.QueueMessages = or(opt.QueueMessages, 8192)
	opt.QueueBytes = or(opt.QueueBytes, 8<<20)
	opt.Log = logger(opt.Log)
	return &Tap{opt: opt, subscribers: map[*subscriber]struct{}{}}
}

// Serve accepts subscribers until ctx ends, and returns nil when all of them are closed and their goroutines have ended. It returns an
// error, with the same care, when the listener breaks.
func (t *Tap) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	return accept(ctx, ln, t.opt.Log, func() { t.acceptErrors.Add(1) }, func(conn net.Conn) {
		t.accepted.Add(1)
		if !t.enter() {
			t.refused.Add(1)
			conn.Close()
			return
		}
		running.Go(func() {
			defer t.leave()
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			t.follow(conn)
		})
	})
}

func (t *Tap) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.places >= t.opt.MaxSubscribers {
		return false
	}
	t.places++
	return true
}

func (t *Tap) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.places--
}

// Wanted says cheaply whether anybody subscribes to anything, so that nobody makes JSON for no one.
func (t *Tap) Wanted() bool { return t.wanted.Load() }

// Publish sends [tag, body] to everybody who subscribes to a prefix of tag. It never blocks; body must not be changed afterwards.
func (t *Tap) Publish(tag string, body []byte) {
	if !t.Wanted() {
		return
	}
	t.published.Add(1)
	item := tapItem{body: body}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for s := range t.subscribers {
		if !s.topics.want(tag) {
			continue
		}
		if item.tag == nil {
			item.tag = []byte(tag)
		}
		s.put(item, len(tag)+len(body))
	}
}

// TapStats is a snapshot of a tap's counters. Totals count from its start.
type TapStats struct {
	Accepted     uint64 `json:"accepted"`
	AcceptErrors uint64 `json:"accept_errors"`
	Refused      uint64 `json:"refused"`   // MaxSubscribers were there
	Published    uint64 `json:"published"` // while anybody was subscribed
	Sent         uint64 `json:"sent"`      // messages written, each subscriber's counted
	Slow         uint64 `json:"slow"`      // subscribers cut off because they did not keep up
	Broken       uint64 `json:"broken"`    // subscribers cut off because they broke the protocol, or came to no handshake
	Subscribers  int    `json:"subscribers"`
}

// Stats gives the counters as they are now.
func (t *Tap) Stats() TapStats {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return TapStats{
		Accepted: t.accepted.Load(), AcceptErrors: t.acceptErrors.Load(), Refused: t.refused.Load(), Published: t.published.Load(),
		Sent: t.sent.Load(), Slow: t.slow.Load(), Broken: t.broken.Load(), Subscribers: len(t.subscribers),
	}
}
