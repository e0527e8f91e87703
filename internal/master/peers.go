package master

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"brine/internal/bus"
	"brine/internal/identity"
	"brine/internal/wire"
)

// peers are the connections on the bus door, by the number that the core knows them by.
type peers struct {
	mu   sync.Mutex
	last uint64
	byID map[uint64]*bus.Peer
	ids  map[*bus.Peer]uint64
	busy map[uint64]bool // being served content
}

// serve reports whether a connection may be served content: one piece at a time.
func (c *peers) serve(id uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[id] {
		return false
	}
	if c.busy == nil {
		c.busy = map[uint64]bool{}
	}
	c.busy[id] = true
	return true
}

func (c *peers) served(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, id)
}

func (c *peers) add(p *bus.Peer) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID, c.ids = map[uint64]*bus.Peer{}, map[*bus.Peer]uint64{}
	}
	c.last++
	c.byID[c.last], c.ids[p] = p, c.last
	return c.last
}

func (c *peers) remove(p *bus.Peer) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.ids[p]
	delete(c.ids, p)
	delete(c.byID, id)
	return id
}

func (c *peers) get(id uint64) *bus.Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byID[id]
}

func (c *peers) id(p *bus.Peer) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ids[p]
}

// errStopping ends connections that the core no longer listens to.
var errStopping = errors.New("the master is stopping")

// Opened is bus.Handler.
func (m *Master) Opened(p *bus.Peer) {
	m.send(p, Opened{Conn: m.conns.add(p), Key: p.Key(), Remote: p.Remote()})
}

// Message is bus.Handler. Events are decoded here, in the peer's own goroutine; waiting for room is back pressure on
// this peer alone.
func (m *Master) Message(p *bus.Peer, raw []byte) {
	msg, err := wire.DecodeUp(raw)
	if err != nil {
		m.log.Warn("message refused", "remote", p.Remote(), "key", p.Key(), "error", err)
		p.CloseAfter(bye("a message cannot be read: "+clip(err.Error())), err)
		return
	}
	conn := m.conns.id(p)
	batch, ok := msg.(*wire.Events)
	if !ok {
		m.send(p, Received{Conn: conn, Msg: msg})
		return
	}
	items := make([]Item, len(batch.Events))
	for i, raw := range batch.Events {
		items[i].Raw = raw
		items[i].Event, items[i].Err = wire.DecodeEvent(raw)
	}
	m.send(p, Events{Conn: conn, First: batch.First, Items: items})
}

// Closed is bus.Handler.
func (m *Master) Closed(p *bus.Peer, err error) {
	m.send(p, Closed{Conn: m.conns.remove(p), Err: err})
}

// send hands the core what came of a peer.
func (m *Master) send(p *bus.Peer, in Input) {
	select {
	case m.inputs <- in:
	case <-m.stop:
		p.Close(errStopping)
	}
}

// admit decides at the handshake who may walk through which door.
func (m *Master) admit(door string, fp identity.Fingerprint) error {
	if door == identity.DoorEnrol {
		return nil
	}
	if _, ok := m.registry.Admitted(fp); !ok {
		return identity.ErrNotAdmitted
	}
	return nil
}

// enrolTimeout is how long the enrolment door waits for the verdict to be on disk.
const enrolTimeout = 10 * time.Second

// enrol answers one request on the enrolment door.
func (m *Master) enrol(fp identity.Fingerprint, remote string, raw []byte) []byte {
	ctx, cancel := context.WithTimeout(context.Background(), enrolTimeout)
	defer cancel()
	verdict := identity.Verdict{Status: identity.VerdictBusy, Reason: "the master has no time", Hint: "ask again later"}
	req, err := identity.DecodeRequest(raw)
	if err != nil {
		verdict = identity.Verdict{Status: identity.VerdictDenied, Reason: clip(fmt.Sprintf("the request cannot be read: %v", err)), Hint: "is the minion of a like version?"}
	} else if v, err := ask[identity.Verdict](ctx, m, func(ref Ref) Input { return Enrol{Ref: ref, Key: fp, Remote: remote, Req: req} }); err == nil {
		verdict = v
	}
	out, err := identity.EncodeVerdict(verdict)
	if err != nil {
		m.log.Error("verdict not sent", "error", err)
		return nil
	}
	return out
}

func bye(reason string) []byte {
	raw, err := wire.Encode(&wire.Bye{Reason: reason})
	if err != nil {
		return nil
	}
	return raw
}

// answer is what a Reply carries to whoever asked.
type answer struct {
	value any
	err   error
}

// ask hands the core a question and waits until its answer is on disk.
func ask[T any](ctx context.Context, m *Master, question func(Ref) Input) (T, error) {
	var none T
	got := make(chan answer, 1)
	if err := m.input(ctx, question(got)); err != nil {
		return none, err
	}
	select {
	case a := <-got:
		if a.value == nil {
			return none, a.err
		}
		return a.value.(T), a.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-m.stop:
		return none, errStopping
	}
}
