package e2e

import (
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"brine/internal/rig"
)

// proxy stands between a minion and the master and can cut the connection in every way a network does.
type proxy struct {
	t      *testing.T
	target string
	addr   string

	mu      sync.Mutex
	l       net.Listener
	pairs   map[*pair]bool
	refuse  bool // accept, and close at once
	cutUp   int  // bytes that may still go up before all is cut; -1 for no bound
	cutDown int
	down    int // bytes that have gone down since the last count
	work    sync.WaitGroup
}

// pair is one connection through the proxy.
type pair struct {
	up, down net.Conn // to the master, to the minion
	frozen   [2]chan struct{}
}

// directions
const (
	toMaster = 0
	toMinion = 1
)

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{t: t, target: target, pairs: map[*pair]bool{}, cutUp: -1, cutDown: -1}
	p.listen("127.0.0.1:0")
	t.Cleanup(func() {
		p.unlisten()
		p.cut()
		p.work.Wait()
	})
	return p
}

// behind makes a minion reach its master through the proxy.
func (p *proxy) behind(w *world, m *rig.Minion) {
	w.t.Helper()
	text, err := os.ReadFile(m.Config)
	w.must(err)
	w.write("etc/"+m.ID+".yaml", strings.Replace(string(text), "tcp://"+w.Addr, "tcp://"+p.addr, 1))
}

func (p *proxy) listen(addr string) {
	p.t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.l, p.addr = l, l.Addr().String()
	p.mu.Unlock()
	p.work.Add(1)
	go p.accept(l)
}

// unlisten makes the kernel refuse connections.
func (p *proxy) unlisten() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.l.Close()
}

func (p *proxy) accept(l net.Listener) {
	defer p.work.Done()
	for {
		down, err := l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuse := p.refuse
		p.mu.Unlock()
		if refuse {
			down.Close()
			continue
		}
		up, err := net.Dial("tcp", p.target)
		if err != nil {
			down.Close()
			continue
		}
		c := &pair{up: up, down: down}
		p.mu.Lock()
		p.pairs[c] = true
		p.mu.Unlock()
		p.work.Add(2)
		go p.copy(c, up, down, toMaster)
		go p.copy(c, down, up, toMinion)
	}
}

func (p *proxy) copy(c *pair, to, from net.Conn, direction int) {
	defer p.work.Done()
	defer p.drop(c)
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		hold := c.frozen[direction]
		left := &p.cutUp
		if direction == toMinion {
			left = &p.cutDown
		}
		over := *left >= 0 && n > *left
		if *left >= 0 {
			n = min(n, *left)
			*left -= n
		}
		if direction == toMinion {
			p.down += n
		}
		p.mu.Unlock()
		if hold != nil {
			<-hold // what was read is lost
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
		if over {
			p.cut()
			return
		}
	}
}

func (p *proxy) drop(c *pair) {
	c.up.Close()
	c.down.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pairs, c)
	for i := range c.frozen {
		c.thaw(i)
	}
}

func (c *pair) thaw(direction int) {
	if c.frozen[direction] != nil {
		close(c.frozen[direction])
		c.frozen[direction] = nil
	}
}

// cut closes all connections. New ones are served.
func (p *proxy) cut() {
	p.mu.Lock()
	all := p.list()
	p.cutUp, p.cutDown = -1, -1
	p.mu.Unlock()
	for _, c := range all {
		p.drop(c)
	}
}

func (p *proxy) list() []*pair {
	var all []*pair
	for c := range p.pairs {
		all = append(all, c)
	}
	return all
}

// freeze makes the connections that stand swallow what is sent, without anybody being told: half open. New ones are served.
func (p *proxy) freeze(directions ...int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		for _, d := range directions {
			if c.frozen[d] == nil {
				c.frozen[d] = make(chan struct{})
			}
		}
	}
}

// turnAway makes new connections end as soon as they are accepted.
func (p *proxy) turnAway(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}

// cutAfter cuts all connections once so many more bytes have gone up or down; -1 for no bound.
func (p *proxy) cutAfter(up, down int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutUp, p.cutDown = up, down
}

// count gives the bytes that have gone down since the last call.
func (p *proxy) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.down
	p.down = 0
	return n
}
