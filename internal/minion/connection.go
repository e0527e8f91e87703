package minion

import (
	"context"
	"errors"
	"sync"
	"time"

	"brine/internal/bus"
	"brine/internal/wire"
)

// connection is the newest one to a master.
type connection struct {
	mu   sync.Mutex
	num  uint64
	peer *bus.Peer
	up   bool          // the session is established
	ups  chan struct{} // closed when it is, for those who wait
}

// setUp says whether the session is established, and reports whether it has become so.
func (c *connection) setUp(up bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	became := up && !c.up
	c.up = up
	if up && c.ups != nil {
		close(c.ups)
		c.ups = nil
	}
	return became
}

// errNoSession is returned when there is nobody to ask.
var errNoSession = errors.New("there is no session with the master")

// waitUp waits until a session is established.
func (c *connection) waitUp(ctx context.Context, most time.Duration) error {
	c.mu.Lock()
	if c.up {
		c.mu.Unlock()
		return nil
	}
	if c.ups == nil {
		c.ups = make(chan struct{})
	}
	ups := c.ups
	c.mu.Unlock()
	select {
	case <-ups:
		return nil
	case <-time.After(most):
		return errNoSession
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sendUp sends a message in the established session.
func (c *connection) sendUp(msg wire.Message) error {
	c.mu.Lock()
	p, up := c.peer, c.up
	c.mu.Unlock()
	if !up {
		return errNoSession
	}
	raw, err := wire.Encode(msg)
	if err != nil {
		return err
	}
	return p.Send(raw)
}

func (c *connection) set(num uint64, p *bus.Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.num, c.peer = num, p
}

func (c *connection) get(num uint64) *bus.Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.num != num {
		return nil
	}
	return c.peer
}

func (c *connection) hangup(num uint64, reason string) {
	if p := c.get(num); p != nil {
		p.Close(errors.New(reason))
	}
}

func (c *connection) close(reason string) {
	c.mu.Lock()
	p := c.peer
	c.mu.Unlock()
	if p != nil {
		p.Close(errors.New(reason))
		<-p.Done()
	}
}
