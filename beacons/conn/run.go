package conn

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

// Bounds of what is told.
const (
	maxTold    = 1000    // connections of one watch within an interval, one by one, of the new and of the closed each
	maxPending = 10_000  // signals that could not be kept; past them they are dropped, and counted
	maxEnded   = 1 << 17 // ends that wait for the next look
	batch      = 256     // signals in one transaction
	maxCmdline = 256
)

type beacon struct {
	env      beacons.Env
	watches  []*matcher
	tracker  *tracker
	last     look // its lists are used again
	limits   *beacons.Limits
	speeds   map[string]*beacons.Speeds
	diag     *linux.SockDiag
	heard    chan heard // ends, where the kernel tells
	pending  []beacons.Signal
	dropped  int
	users    map[int]string
	listened map[string]map[string]bool // listeners told, by watch
}

// heard is what the kernel told of ends since it was last asked.
type heard struct {
	ended []linux.Socket
	lost  int
}

func newBeacon(c *Config, env beacons.Env) *beacon {
	b := &beacon{env: env, tracker: newTracker(), speeds: map[string]*beacons.Speeds{}, listened: map[string]map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(c.Watches)) {
		m := newMatcher(name, c.Watches[name])
		b.watches = append(b.watches, m)
		if m.hasRate() {
			b.speeds[name] = beacons.NewSpeeds(m.within())
		}
	}
	return b
}

func (m *matcher) within() time.Duration {
	if m.Rate.Within == 0 {
		return defaultWithin * time.Second
	}
	return m.Rate.Within
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) (err error) {
	thresholds := map[string]*beacons.Threshold{}
	for _, m := range b.watches {
		if m.hasRate() {
			thresholds[m.name+"/"+Rate] = &m.Rate.Threshold
		}
		if m.hasOpen() {
			thresholds[m.name+"/"+Open] = &m.Open.Threshold
		}
	}
	if b.limits, err = beacons.NewLimits(b.env, fire, thresholds); err != nil {
		return err
	}
	if err := b.recall(); err != nil {
		return err
	}
	if b.diag, err = linux.OpenSockDiag(); err != nil {
		return err
	}
	defer b.diag.Close()
	if stop := b.listen(ctx); stop != nil {
		defer stop()
	}
	return b.env.Every(ctx, func(now time.Time) error { return b.look(ctx, fire, now) })
}

// listen collects the ends of connections, where some watch wants connections and the kernel tells.
func (b *beacon) listen(ctx context.Context) (stop func()) {
	if !slices.ContainsFunc(b.watches, (*matcher).wantsConns) {
		return nil
	}
	events, err := linux.OpenSocketEvents()
	if err != nil {
		b.env.Log.Debug("ends of connections are not told by the kernel: those that live for less than the interval are missed", "reason", err)
		return nil
	}
	b.heard = make(chan heard, 1)
	var one sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	one.Go(func() {
		for {
			ended, lost, err := events.Read(ctx)
			if err != nil {
				return // ctx has ended, or what still comes is found by looking
			}
			b.hear(ended, lost)
		}
	})
	return func() { cancel(); one.Wait(); events.Close() }
}

// hear puts what was told with what waits for the next look.
func (b *beacon) hear(ended []linux.Socket, lost bool) {
	var h heard
	select {
	case h = <-b.heard:
	default:
	}
	if room := maxEnded - len(h.ended); len(ended) > room {
		ended, lost = ended[:room], true
	}
	h.ended = append(h.ended, ended...)
	if lost {
		h.lost++
	}
	b.heard <- h // there is room: only this goroutine puts
}

// look asks the kernel and tells what has changed.
func (b *beacon) look(ctx context.Context, fire beacons.Fire, now time.Time) error {
	l := look{now: now, told: b.heard != nil, conns: b.last.conns[:0], listeners: b.last.listeners[:0]}
	var lost int
	select {
	case h := <-b.heard: // what ended before the question; nil blocks for ever
		l.ended, lost = h.ended, h.lost
	default:
	}
	counted, err := b.ask(&l)
	if err != nil {
		return err
	}
	b.last = l
	opened, ended := b.tracker.step(l)
	if b.tracker.looks == 1 {
		b.name(slices.Collect(maps.Values(b.tracker.open)))
	}
	b.name(opened)
	if lost > 0 {
		b.put(beacons.Signal{Tag: Lost, Time: now, Data: Data{Change: Lost, Count: int64(lost)}})
	}
	for _, m := range b.watches {
		b.tellConns(m, opened, ended, now)
		b.tellListeners(m, l.listeners, now)
		b.tellSpeed(ctx, m, opened, now)
		b.tellNumber(ctx, m, counted, now)
	}
	b.flush(ctx, fire)
	return nil
}

// put queues a signal.
func (b *beacon) put(s beacons.Signal) {
	if len(b.pending) >= maxPending {
		b.dropped++
		return
	}
	b.pending = append(b.pending, s)
}

// flush tells what waits, in order; what cannot be kept waits for the next look.
func (b *beacon) flush(ctx context.Context, fire beacons.Fire) {
	for len(b.pending) > 0 {
		n := min(len(b.pending), batch)
		if fire(ctx, b.pending[:n]...) != nil {
			return
		}
		b.pending = b.pending[n:]
	}
	b.pending = nil
	if n := b.dropped; n > 0 {
		b.dropped = 0
		b.put(beacons.Signal{Tag: Lost, Time: b.env.Now(), Data: Data{Change: Lost, Count: int64(n)}})
	}
}

// ask fills a look with what some watch wants, and lists what is counted besides: sockets in states that are no connection's.
func (b *beacon) ask(l *look) (counted []linux.Socket, err error) {
	for _, proto := range []linux.Proto{linux.TCP, linux.UDP} {
		var conns, listeners bool
		var states linux.States
		var of []*matcher
		for _, m := range b.watches {
			if m.proto() != proto {
				continue
			}
			of = append(of, m)
			conns = conns || m.wantsConns()
			listeners = listeners || m.wantsListeners() || m.wantsConns() && proto == linux.TCP
			if m.hasOpen() {
				states |= m.states
			}
		}
		if conns {
			q := linux.SocketQuery{Proto: proto, States: linux.Connected | states, Local: portFilter(of, false), Remote: portFilter(of, true)}
			err := b.diag.Sockets(q, func(s linux.Socket) {
				if linux.StatesOf(s.State)&linux.Connected != 0 {
					l.conns = append(l.conns, s)
				} else {
					counted = append(counted, s)
				}
			})
			if err != nil {
				return nil, err
			}
		}
		if listeners { // after the connections, so that the listener of each is known
			q := linux.SocketQuery{Proto: proto, States: linux.StatesOf(linux.Listen)}
			if proto == linux.UDP {
				q.States = linux.StatesOf(linux.Close)
			}
			err := b.diag.Sockets(q, func(s linux.Socket) {
				if s.Local.Port() != 0 {
					l.listeners = append(l.listeners, s)
				}
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return counted, nil
}

// name finds out user and process of sockets, where an event or a watch needs them.
func (b *beacon) name(list []*conn) {
	if len(list) == 0 {
		return
	}
	b.users = linux.Users(b.env.Root)
	inodes := map[uint32]bool{}
	for _, c := range list {
		c.user = b.users[c.UID]
		wanted := slices.ContainsFunc(b.watches, func(m *matcher) bool {
			if m.asks() {
				return true
			}
			return (m.tells(New) || m.tells(Closed) || m.tells(Listening)) && m.meant(c)
		})
		if wanted && c.Inode != 0 && len(inodes) < maxTold {
			inodes[c.Inode] = true
		}
	}
	if len(inodes) == 0 {
		return
	}
	proc, err := linux.OpenProc(b.env.Root)
	if err != nil {
		return
	}
	owners := proc.SocketOwners(inodes)
	for _, c := range list {
		if pid, ok := owners[c.Inode]; ok {
			if p, err := proc.Process(pid); err == nil {
				c.process = &Process{PID: int64(pid), Comm: p.Comm, Exe: proc.Exe(pid), Cmdline: proc.Cmdline(pid, maxCmdline)}
			}
		}
	}
}
