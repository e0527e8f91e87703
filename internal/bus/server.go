package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
	"golang.org/x/time/rate"

	"brine/internal/identity"
)

// ServerOptions configure a Server. Key, Admit and Handler are needed.
type ServerOptions struct {
	Key identity.Key
	// Admit says whether a key may pass a door (identity.DoorBus, identity.DoorEnrol); an error is a refusal. It is asked during the
	// handshake, before the key is proved, and for DoorBus again when the peer is registered: together with Disconnect
	// no session outlives its key. It must only look, and quickly.
	Admit func(door string, key identity.Fingerprint) error
	// Enrol answers the one request of a connection at DoorEnrol, of up to MaxEnrol bytes, from the proved key at an IP address; nil
	// refuses all. An empty reply closes the connection without one.
	Enrol   func(key identity.Fingerprint, ip string, request []byte) (reply []byte)
	Handler Handler

	Limits
	MaxHandshakes int // handshakes and enrolments in flight; beyond, a connection is closed at once; half of it for one address [256]
	MaxPeers      int // connections open in all [10000]
	MaxPerKey     int // connections of one key; the oldest is closed with ErrReplaced [4]

	Log *slog.Logger
}

// Server is the master's side of the bus.
type Server struct {
	opt   ServerOptions
	tls   *tls.Config
	buf   buffers
	count counters
	tell  rate.Sometimes // strangers must not be able to fill the log

	mu       sync.Mutex
	inFlight int
	byHost   map[string]int                   // handshakes in flight
	peers    map[identity.Fingerprint][]*Peer // oldest first
	open     int
	past     traffic // of peers that are closed
}

// NewServer makes a server that Serve lets in on listeners.
func NewServer(opt ServerOptions) *Server {
	opt.Limits = opt.Limits.withDefaults()
	opt.MaxHandshakes = or(opt.MaxHandshakes, 256)
	opt.MaxPeers = or(opt.MaxPeers, 10000)
	opt.MaxPerKey = or(opt.MaxPerKey, 4)
	opt.Log = logger(opt.Log)
	s := &Server{
		opt:    opt,
		tell:   rate.Sometimes{First: 5, Interval: 10 * time.Second},
		byHost: map[string]int{},
		peers:  map[identity.Fingerprint][]*Peer{},
	}
	s.tls = opt.Key.ServerTLS(func(door string, key identity.Fingerprint) error {
		if err := opt.Admit(door, key); err != nil {
			return &notAdmitted{err}
		}
		return nil
	})
	s.tls.DynamicRecordSizingDisabled = true // messages come whole: small first records only cost
	return s
}

// notAdmitted tells a refused key from a broken handshake.
type notAdmitted struct{ error }

func (e *notAdmitted) Unwrap() error { return e.error }

// Serve accepts connections until ctx ends, and returns nil when every connection of this listener is closed and all their goroutines
// have ended. It may be called for several listeners. It returns an error, with the same care, when the listener breaks.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	return accept(ctx, ln, s.opt.Log, func() { s.count.acceptErrors.Add(1) }, func(raw net.Conn) {
		s.count.accepted.Add(1)
		host := hostOf(raw)
		if why, ok := s.enter(host); !ok {
			s.drop(raw, why, nil)
			return
		}
		running.Go(func() {
			defer s.leave(host)
			s.welcome(ctx, raw, host, &running)
		})
	})
}

// enter takes a place among the handshakes in flight.
func (s *Server) enter(host string) (refusal, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.inFlight >= s.opt.MaxHandshakes:
		return refusedFull, false
	case s.byHost[host] >= max(s.opt.MaxHandshakes/2, 1):
		return refusedAddress, false
	}
	s.inFlight++
	s.byHost[host]++
	return 0, true
}

func (s *Server) leave(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	if s.byHost[host]--; s.byHost[host] == 0 {
		delete(s.byHost, host)
	}
}

// welcome takes a new connection through TLS and its door. Nothing that a stranger sends gets further than crypto/tls.
func (s *Server) welcome(ctx context.Context, raw net.Conn, host string, running *sync.WaitGroup) {
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	if err := raw.SetDeadline(time.Now().Add(s.opt.HandshakeTimeout)); err != nil {
		s.drop(raw, refusedTLS, err)
		return
	}
	conn := tls.Server(raw, s.tls)
	if err := conn.Handshake(); err != nil {
		why := refusedTLS
		if _, ok := errors.AsType[*notAdmitted](err); ok {
			why = refusedKey
		}
		s.drop(raw, why, err)
		return
	}
	state := conn.ConnectionState()
	key, err := identity.PeerFingerprint(state)
	if err != nil {
		s.drop(raw, refusedTLS, err)
		return
	}
	if state.NegotiatedProtocol == identity.DoorBus {
		s.board(ctx, raw, conn, key, running)
		return
	}
	if err := s.enrol(raw, conn, key, host); err != nil {
		s.drop(raw, refusedEnrol, err)
		return
	}
	raw.Close()
}

// board makes a peer of a connection whose key was admitted.
func (s *Server) board(ctx context.Context, raw net.Conn, conn *tls.Conn, key identity.Fingerprint, running *sync.WaitGroup) {
	l, err := open(newGuard(conn, true, s.opt.MaxFrame, &s.buf), zmq4.Router)
	if err == nil {
		err = l.start(s.opt.Limits)
	}
	if err != nil {
		s.drop(raw, refusedZMTP, err)
		return
	}
	p := newPeer(raw, conn, l, key, s.opt.Limits, s.opt.Handler)
	if !s.register(p) {
		s.drop(raw, refusedPeers, nil)
		return
	}
	// Once more, now that Disconnect can find the peer: the key may have been rejected since the handshake asked.
	if err := s.opt.Admit(identity.DoorBus, key); err != nil {
		s.forget(p)
		s.drop(raw, refusedKey, err)
		return
	}
	s.count.opened.Add(1)
	stop := context.AfterFunc(ctx, func() { p.Close(ErrShutdown) })
	running.Go(func() { // a new goroutine: the handshake has grown this one's stack
		defer stop()
		p.run(func() { s.forget(p) })
	})
}

// register enters a peer among the others. It says false when there is no place for it.
func (s *Server) register(p *Peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := s.peers[p.key]
	excess := len(same) + 1 - s.opt.MaxPerKey
	// A closed peer keeps its place while its handler is at work, so the second bound can be reached too.
	if s.open >= s.opt.MaxPeers && excess <= 0 || excess > s.opt.MaxPerKey {
		return false
	}
	for _, old := range same[:max(excess, 0)] {
		old.Close(ErrReplaced)
	}
	s.peers[p.key] = append(same, p)
	s.open++
	return true
}

func (s *Server) forget(p *Peer) {
	err := p.Err()
	switch {
	case errors.Is(err, ErrSlow):
		s.count.slow.Add(1)
	case errors.Is(err, ErrSilent):
		s.count.silent.Add(1)
	case errors.Is(err, ErrProtocol), errors.Is(err, ErrSize):
		s.count.broken.Add(1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	same := s.peers[p.key]
	for i, other := range same {
		if other == p {
			same = append(same[:i:i], same[i+1:]...)
			break
		}
	}
	if s.peers[p.key] = same; len(same) == 0 {
		delete(s.peers, p.key)
	}
	s.open--
	t := p.traffic()
	s.past = traffic{s.past.msgsIn + t.msgsIn, s.past.bytesIn + t.bytesIn, s.past.msgsOut + t.msgsOut, s.past.bytesOut + t.bytesOut}
}

// Peers lists the peers that are open now.
func (s *Server) Peers() []*Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Peer, 0, s.open)
	for _, same := range s.peers {
		all = append(all, same...)
	}
	return all
}

// Disconnect closes every connection of a key at once and says how many there were. To be called after Admit has begun to refuse
// the key: then none is left, and none comes.
func (s *Server) Disconnect(key identity.Fingerprint, reason error) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers[key] {
		p.Close(reason)
	}
	return len(s.peers[key])
}

// CloseAll closes every connection at once.
func (s *Server) CloseAll(reason error) {
	for _, p := range s.Peers() {
		p.Close(reason)
	}
}

func (s *Server) drop(raw net.Conn, why refusal, err error) {
	s.refuse(raw, why, err)
	raw.Close()
}

// refuse counts a connection that came to nothing, and tells of it now and then.
func (s *Server) refuse(raw net.Conn, why refusal, err error) {
	s.count.refused[why].Add(1)
	s.tell.Do(func() {
		s.opt.Log.Info("connection refused", "remote", raw.RemoteAddr().String(), "why", why.String(), "error", err)
	})
}
