package minion

import (
	"context"
	"errors"
	"fmt"

	"brine/internal/bus"
	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/wire"

	"golang.org/x/sync/errgroup"
)

// do carries out one output of the core. What can be answered at once is returned.
func (m *Minion) do(ctx context.Context, g *errgroup.Group, out Output) ([]Input, error) {
	switch out := out.(type) {
	case Dial:
		g.Go(func() error { m.dial(ctx, out.Conn); return nil })
	case Hangup:
		m.conn.hangup(out.Conn, out.Reason)
	case Send:
		m.send(out.Conn, out.Msg)
	case Transmit:
		return m.transmit(out)
	case Trim:
		return nil, m.outbox.Ack(out.UpTo, out.Rejected)
	case Compare:
		sum, ok := m.outbox.Sum(out.Seq)
		return []Input{Compared{Conn: out.Conn, Same: ok && sum == out.Sum}}, nil
	case Renew:
		return m.renew(out)
	case Run:
		g.Go(func() error { return m.run(ctx, out) })
	case Refuse:
		g.Go(func() error { return m.refuse(ctx, out) })
	case Set:
		m.set(ctx, out.Settings) // in the order they came
	case Recall:
		g.Go(func() error { return m.recall(ctx, out.Job) })
	case Fire:
		g.Go(func() error { m.notify(ctx, out.Tag, out.Data); return nil })
	case Log:
		if out.Warn {
			m.log.Warn(out.Text, out.Args...)
		} else {
			m.log.Info(out.Text, out.Args...)
		}
	}
	return nil, nil
}

// uplink is the bus's handler of one connection.
type uplink struct {
	m   *Minion
	ctx context.Context
	num uint64
}

// Opened is bus.Handler.
func (u *uplink) Opened(p *bus.Peer) {
	u.m.conn.set(u.num, p)
	u.m.input(u.ctx, Connected{Conn: u.num})
}

// Message is bus.Handler. Content goes straight to who waits for it.
func (u *uplink) Message(p *bus.Peer, raw []byte) {
	msg, err := wire.DecodeDown(raw)
	if err != nil {
		p.Close(fmt.Errorf("the master sent what cannot be read: %w", err))
		return
	}
	if chunk, ok := msg.(*wire.Chunk); ok {
		u.m.chunks.deliver(chunk)
		return
	}
	u.m.input(u.ctx, Received{Conn: u.num, Msg: msg})
}

// Closed is bus.Handler.
func (u *uplink) Closed(_ *bus.Peer, err error) {
	u.m.chunks.fail(err)
	u.m.input(u.ctx, Disconnected{Conn: u.num, Err: err})
}

// dial tries one master after the other, a different one each time, first on the bus door; where that does not know the
// key, it asks at the enrolment door.
func (m *Minion) dial(ctx context.Context, num uint64) {
	addr := m.cfg.Master[int(num-1)%len(m.cfg.Master)]
	peer, err := bus.Dial(ctx, addr, bus.ClientOptions{Key: m.key, Trust: m.trust.check, Handler: &uplink{m, ctx, num}, Log: m.log})
	if err == nil { // Opened has told the core
		if err = m.trust.keep(peer.Key()); err != nil {
			peer.Close(err) // and Closed tells it
		}
		return
	}
	failed := ConnectFailed{Conn: num, Err: err}
	if errors.Is(err, identity.ErrNotAdmitted) {
		failed.Verdict, failed.Err = m.enrol(ctx, addr)
	}
	if failed.Err != nil && ctx.Err() == nil {
		m.log.Warn("no session with the master", "addr", addr, "reason", failed.Err)
	}
	m.input(ctx, failed)
}

// maxEnrolGrains leaves room in a request for the rest of it.
const maxEnrolGrains = identity.MaxRequest / 2

// enrol asks for the key to be accepted, and says what came of it.
func (m *Minion) enrol(ctx context.Context, addr string) (identity.VerdictStatus, error) {
	req := identity.Request{ID: m.cfg.ID, Version: m.version, Proto: wire.Proto, Grains: m.core.opt.Grains}
	if len(req.Grains) > maxEnrolGrains {
		req.Grains = nil // they come with the greeting
	}
	if m.cfg.JoinToken != "" {
		secret, _, err := identity.ParseToken(m.cfg.JoinToken)
		if err != nil {
			return "", err
		}
		req.Token = secret
	}
	raw, err := identity.EncodeRequest(req)
	if err != nil {
		return "", err
	}
	reply, master, err := bus.Enrol(ctx, addr, m.key, m.trust.check, raw)
	if err != nil {
		return "", err
	}
	if err := m.trust.keep(master); err != nil {
		return "", err
	}
	v, err := identity.DecodeVerdict(reply)
	if err != nil {
		return "", err
	}
	if v != m.verdict { // it asks each second while it waits, and says once what it hears
		m.verdict = v
		m.log.Info("the master answered at its enrolment door", "status", v.Status, "reason", v.Reason, "hint", v.Hint, "key", m.key.Fingerprint())
	}
	return v.Status, nil
}

func (m *Minion) send(num uint64, msg wire.Message) {
	p := m.conn.get(num)
	if p == nil {
		return
	}
	raw, err := wire.Encode(msg)
	if err == nil {
		err = p.Send(raw)
	}
	if err != nil { // the session cannot go on without it
		m.log.Error("message not sent", "type", msg.Type(), "error", err)
		p.Close(err)
	}
}

func (m *Minion) transmit(out Transmit) ([]Input, error) {
	answer := Transmitted{Conn: out.Conn, From: out.From, To: out.From - 1}
	events, err := m.outbox.Read(out.From, wire.MaxBatch, wire.MaxBatchBytes)
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	if len(events) > 0 {
		for _, e := range events {
			answer.Bytes += len(e)
		}
		answer.To = out.From + uint64(len(events)) - 1
		m.send(out.Conn, &wire.Events{First: out.From, Events: events})
	}
	return []Input{answer}, nil
}

func (m *Minion) renew(out Renew) ([]Input, error) {
	m.log.Warn("this minion's memory is not what the master knows", "reason", out.Reason)
	if _, err := m.outbox.Renew(); err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	memory, err := m.memory()
	return []Input{Renewed{Memory: memory}}, err
}

// notify makes an event of the minion's own, below Brine's part of the tags.
func (m *Minion) notify(ctx context.Context, tag string, data any) {
	payload, err := event.Encode(data)
	if err == nil {
		_, err = m.commitAll(ctx, reserveTx(wire.Event{Tag: tag, Data: payload}))
	}
	if err != nil && ctx.Err() == nil {
		m.log.Error("event not kept", "tag", tag, "error", err)
	}
}
