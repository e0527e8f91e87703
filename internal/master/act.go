package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"brine/internal/action"
	"brine/internal/config"
	"brine/internal/job"
	"brine/internal/wire"

	"golang.org/x/sync/errgroup"
)

// act does what waits for a commit, once that is on disk.
func (m *Master) act(ctx context.Context, g *errgroup.Group, out Output) {
	switch out := out.(type) {
	case Send:
		m.transmit(out.Conn, out.Msg)
	case Serve:
		if !m.conns.serve(out.Conn) { // a minion asks for one piece after the other
			m.hangup(Hangup{Conn: out.Conn, Bye: &wire.Bye{Reason: "asked for content before the last piece was sent"}})
			return
		}
		g.Go(func() error {
			m.serve(out)
			return nil
		})
	case Hangup:
		m.hangup(out)
	case Execute:
		g.Go(func() error { return m.execute(ctx, out.Job) })
	case Abort:
		m.running.abort(out.JID)
	case Reply:
		out.Ref.(chan answer) <- answer{out.Value, out.Err} // it has room for the one answer
	case Log:
		if out.Warn {
			m.log.Warn(out.Text, out.Args...)
		} else {
			m.log.Info(out.Text, out.Args...)
		}
	}
}

func (m *Master) transmit(conn uint64, msg wire.Message) {
	p := m.conns.get(conn)
	if p == nil {
		return // gone: what matters is sent again in the next session
	}
	raw, err := wire.Encode(msg)
	if err == nil {
		err = p.Send(raw)
	}
	if err != nil {
		m.log.Warn("message not sent", "type", msg.Type(), "remote", p.Remote(), "error", err)
		p.Close(err)
	}
}

func (m *Master) hangup(out Hangup) {
	p := m.conns.get(out.Conn)
	if p == nil {
		return
	}
	if out.Bye == nil {
		p.Close(errors.New("not admitted"))
		return
	}
	raw, err := wire.Encode(out.Bye)
	if err != nil {
		m.log.Error("farewell not sent", "error", err)
	}
	p.CloseAfter(raw, errors.New(out.Bye.Reason))
}

// compile makes the low state of a job.
func (m *Master) compile(ctx context.Context, c Compile) {
	select {
	case m.compiling <- struct{}{}:
		defer func() { <-m.compiling }()
	case <-ctx.Done():
		return
	}
	low, err := m.lowOf(ctx, c)
	done := Compiled{JID: c.Job.JID, Target: c.Job.Target, Err: err}
	if err == nil {
		done.Low, done.Named = &low, m.compiler.Named(low)
	}
	_ = m.input(ctx, done) // or the master is stopping
}

func (m *Master) lowOf(ctx context.Context, c Compile) (job.LowState, error) {
	if c.Job.Fun != job.StateSingle {
		return m.compiler.Compile(ctx, c.Job.Target, c.Grains, c.Job.Args.SLS)
	}
	var body any
	if err := c.Job.Args.Data.Decode(&body); err != nil {
		return job.LowState{}, err
	}
	return m.compiler.Single(ctx, config.Of(job.StateSingle, body))
}

// serve answers a minion's request for a piece of content. Who has the answer may ask for the next piece at once.
func (m *Master) serve(out Serve) {
	chunk := &wire.Chunk{Hash: out.Get.Hash, Offset: out.Get.Offset}
	var err error
	if chunk.Data, chunk.Size, err = m.piece(out.Get); err != nil {
		m.log.Warn("content not served", "hash", out.Get.Hash, "error", err)
		chunk = &wire.Chunk{Hash: out.Get.Hash, Offset: out.Get.Offset, Error: clip(err.Error())}
	}
	m.conns.served(out.Conn)
	m.transmit(out.Conn, chunk)
}

func (m *Master) piece(g wire.Get) ([]byte, int64, error) {
	f, size, err := m.compiler.Open(g.Hash)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("the content has changed since it was compiled")
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	if g.Offset >= size {
		return nil, size, nil
	}
	if _, err := f.Seek(g.Offset, io.SeekStart); err != nil {
		return nil, 0, err
	}
	buf := make([]byte, min(wire.MaxChunk, size-g.Offset))
	_, err = io.ReadFull(f, buf)
	return buf, size, err
}

// execute carries out an action on this host.
func (m *Master) execute(ctx context.Context, j job.Job) error {
	one, done := m.running.begin(ctx, j.JID)
	r := m.actOn(one, j)
	done()
	if ctx.Err() != nil {
		return nil // interrupted: it is run again after the next start
	}
	r.JID, r.Attempt, r.Fun, r.Rule = j.JID, j.Attempt, j.Fun, j.Rule
	_ = m.input(ctx, Executed{JID: j.JID, Result: r})
	return nil
}

func (m *Master) actOn(ctx context.Context, j job.Job) (r job.Result) {
	r.Started = time.Now()
	mod, ok := m.actions[j.Fun]
	if !ok || mod.Run == nil {
		r.Error, r.Final = fmt.Sprintf("this master knows no action %q", j.Fun), true
		return r
	}
	args, err := mod.Decode(j.Args)
	if err != nil {
		r.Error, r.Final = err.Error(), true
		return r
	}
	call := action.Call{Job: j, Args: args, Host: action.Host{Log: m.log, Version: m.version}}
	if len(j.Causes) > 0 {
		call.Event, _ = m.event(j.Causes[0]) // without it, when it is no longer kept
	}
	if j.Args.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, j.Args.Timeout+timeoutGrace)
		defer cancel()
	}
	began := r.Started
	r = mod.Run(ctx, call)
	r.Started, r.Took, r.Error = began, time.Since(began), clip(r.Error)
	return r
}
