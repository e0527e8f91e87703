package apiserver

import (
	"net"
	"sync"
)

// limit bounds the open connections of a listener: a further one waits, in the kernel's queue.
type limit struct {
	net.Listener
	slots chan struct{}
	done  chan struct{}
	once  sync.Once
}

func newLimit(l net.Listener, n int) *limit {
	return &limit{Listener: l, slots: make(chan struct{}, n), done: make(chan struct{})}
}

func (l *limit) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limited{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

func (l *limit) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// limited gives its slot back when it is closed.
type limited struct {
	net.Conn
	free func()
}

func (c *limited) Close() error {
	c.free()
	return c.Conn.Close()
}
