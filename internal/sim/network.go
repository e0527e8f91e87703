package sim

import (
	"errors"
	"time"

	"brine/internal/master"
	"brine/internal/minion"
	"brine/internal/wire"
)

// connKey names a connection by the minion and the number of its dial.
type connKey struct {
	m    *minionNode
	life int // of the minion: numbers begin anew with each
	num  uint64
}

// conn is one connection; it is gone when it is no longer in World.conns.
type conn struct {
	key    connKey
	m      *minionNode
	atHost uint64 // the master's number of it
	hello  *wire.Hello
}

var errCut = errors.New("the connection was cut")

// dial opens a connection, after a while, if the master is there.
func (w *World) dial(m *minionNode, num uint64) {
	key := connKey{m, m.life, num}
	w.every(w.between(time.Millisecond, 20*time.Millisecond), func() {
		if m.core == nil || m.life != key.life {
			return
		}
		if w.master.core == nil {
			m.step(minion.ConnectFailed{Conn: num, Err: errors.New("connection refused")})
			return
		}
		if _, ok := w.master.registry.Admitted(m.key); !ok && w.rng.IntN(4) > 0 { // else it slips through before the key is shut out
			w.master.ask(m, key.life, num)
			return
		}
		w.master.lastConn++
		c := &conn{key: key, m: m, atHost: w.master.lastConn}
		w.conns[key] = c
		w.master.byConn[c.atHost] = c
		w.master.step(master.Opened{Conn: c.atHost, Key: m.key, Remote: m.id})
		m.step(minion.Connected{Conn: num})
	})
}

// drop ends a connection; both sides hear of it, each after a while.
func (w *World) drop(c *conn, err error) {
	if w.conns[c.key] != c {
		return
	}
	delete(w.conns, c.key)
	delete(w.master.byConn, c.atHost)
	life := w.master.life
	w.every(w.between(0, 50*time.Millisecond), func() {
		if w.master.core != nil && w.master.life == life {
			w.master.step(master.Closed{Conn: c.atHost, Err: err})
		}
	})
	w.every(w.between(0, 50*time.Millisecond), func() {
		if c.m.core != nil && c.m.life == c.key.life {
			c.m.step(minion.Disconnected{Conn: c.key.num, Err: err})
		}
	})
}

// farewell ends a connection from the master's side: a Bye may arrive before the end does.
func (w *World) farewell(c *conn, bye *wire.Bye) {
	if bye != nil && w.rng.IntN(4) > 0 {
		w.every(w.between(0, 2*time.Millisecond), func() {
			if c.m.core != nil && c.m.life == c.key.life {
				c.m.step(minion.Received{Conn: c.key.num, Msg: bye})
			}
		})
	}
	w.drop(c, errors.New("the master hung up"))
}

// carry takes a message to the other side as bytes, if it is not lost.
func (w *World) carry(c *conn, msg wire.Message, deliver func(raw []byte)) {
	raw, err := wire.Encode(msg)
	if err != nil {
		panic(err) // a core has made a message that cannot be sent
	}
	if w.chance(w.opt.Drop) {
		w.logf("lost %T", msg)
		return
	}
	arrive := func() {
		if w.conns[c.key] == c {
			deliver(raw)
		}
	}
	delay := w.between(time.Millisecond, 2*time.Millisecond)
	if w.chance(w.opt.Overtake) {
		delay = w.between(time.Millisecond, 200*time.Millisecond)
	}
	w.every(delay, arrive)
	if w.chance(w.opt.Double) {
		w.every(delay+w.between(0, 100*time.Millisecond), arrive)
	}
}

func (w *World) up(c *conn, msg wire.Message) {
	if h, ok := msg.(*wire.Hello); ok {
		c.hello = h
	}
	w.carry(c, msg, func(raw []byte) {
		in, err := decodeUp(c.atHost, raw)
		if err != nil {
			panic(err) // what Encode made, Decode must take
		}
		w.master.step(in)
	})
}

func (w *World) down(c *conn, msg wire.Message) {
	w.carry(c, msg, func(raw []byte) {
		got, err := wire.DecodeDown(raw)
		if err != nil {
			panic(err)
		}
		c.m.step(minion.Received{Conn: c.key.num, Msg: got})
	})
}

func decodeUp(conn uint64, raw []byte) (master.Input, error) {
	msg, err := wire.DecodeUp(raw)
	if err != nil {
		return nil, err
	}
	batch, ok := msg.(*wire.Events)
	if !ok {
		return master.Received{Conn: conn, Msg: msg}, nil
	}
	items := make([]master.Item, len(batch.Events))
	for i, raw := range batch.Events {
		items[i].Raw = raw
		items[i].Event, items[i].Err = wire.DecodeEvent(raw)
	}
	return master.Events{Conn: conn, First: batch.First, Items: items}, nil
}
