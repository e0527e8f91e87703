package master

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"brine/beacons"
	"brine/internal/action"
	"brine/internal/bus"
	"brine/internal/compile"
	"brine/internal/eventlog"
	"brine/internal/identity"
	"brine/reactors"
	"brine/states"

	"golang.org/x/sync/errgroup"
)

// Options are what a master is made of.
type Options struct {
	Config  *Config
	Path    string // of the configuration file, for a reload; empty for none
	Beacons []beacons.Module
	States  []states.Module
	Actions []action.Module
	Version string
	Log     *slog.Logger
}

// Master is the shell: it owns the log, the bus, the compiler and the timers, and drives the core.
type Master struct {
	cfg      *Config // of the start
	path     string  // of its file; empty for none
	live     *live
	version  string
	log      *slog.Logger
	key      identity.Key
	store    *eventlog.Log
	registry *identity.Registry
	compiler *compile.Compiler
	server   *bus.Server
	tap      *bus.Tap
	rules    ruleFiles
	beacons  beaconFiles
	actions  map[string]action.Module
	running  executions
	minions  minionTable

	early []Output // what acts, of decisions made while the log was opened

	inputs  chan Input
	commits chan *commit
	core    *Core

	conns     peers
	compiling chan struct{} // holds a token for each compilation under way
	news      broadcast     // a commit has brought events
	full      atomic.Value  // why the store takes nothing at present; a string
	ready     chan struct{}
	stop      chan struct{} // closed when the core no longer listens
	addrs     []net.Addr
}

// Bounds of the shell.
const (
	maxInputs     = 1024                  // inputs that wait for the core; a sender waits for room, and with it its peer
	maxStepInputs = 512                   // inputs of one commit
	maxStepBytes  = 4 << 20               // bytes of events of one commit
	maxStepEvents = eventlog.MaxBatch / 2 // events of one commit; a step adds at most a batch and what rules fire
	retainEvery   = 10 * time.Minute
	maxCompiling  = 8 // compilations at once; the others wait
)

// New opens everything that a master needs. Close it by running it to its end.
func New(opt Options) (*Master, error) {
	c := opt.Config
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	m := &Master{
		cfg: c, path: opt.Path, live: newLive(c), version: opt.Version, log: opt.Log,
		inputs: make(chan Input, maxInputs), commits: make(chan *commit, 1), compiling: make(chan struct{}, maxCompiling),
		ready: make(chan struct{}), stop: make(chan struct{}),
	}
	m.beacons = beaconFiles{dirs: c.BeaconDirs, kept: c.file("beacons.last"), modules: opt.Beacons, log: opt.Log}
	m.rules = ruleFiles{dirs: c.ReactorDirs, kept: c.file("rules.last"), env: action.RuleEnv(opt.Beacons, opt.Actions), log: opt.Log}
	m.actions = make(map[string]action.Module, len(opt.Actions))
	for _, a := range opt.Actions {
		m.actions[a.Name] = a
	}
	var err error
	if m.key, err = identity.LoadOrCreate(c.file("master.key")); err != nil {
		return nil, err
	}
	m.store, err = eventlog.Open(c.file("log"), eventlog.Options{MaxAge: c.Retention.Age, MaxBytes: int64(c.Retention.Size), Log: m.log})
	if err != nil {
		return nil, err
	}
	if err := m.open(opt); err != nil {
		return nil, errors.Join(err, m.store.Close())
	}
	return m, nil
}

func (m *Master) open(opt Options) error {
	var err error
	if m.compiler, err = compile.New(compile.Options{FileRoots: m.cfg.FileRoots, Modules: opt.States}); err != nil {
		return err
	}
	fleet, err := m.beacons.load()
	if err != nil {
		m.log.Error("the fleet's beacons not loaded", "error", err)
	}
	m.rules.see(m.beacons.carried(fleet))
	set, err := m.rules.load()
	if err != nil { // a master that does not start helps nobody: it runs without rules, and says so
		m.log.Error("rules not loaded", "error", err)
	}
	reactor := reactors.New(set)
	if err := m.recover(reactor, fleet); err != nil {
		return err
	}
	m.server = bus.NewServer(bus.ServerOptions{Key: m.key, Admit: m.admit, Enrol: m.enrol, Handler: m, Log: m.log})
	m.tap = bus.NewTap(bus.TapOptions{Log: m.log})
	return nil
}

// Run is the master's life, in the order of an event's: the bus takes it in, the core decides, the log keeps it, and
// what was decided goes out. It returns when ctx ends, with nil, or when something fails that cannot be mended.
func (m *Master) Run(ctx context.Context) error {
	defer m.store.Close()
	listeners, err := m.listen(ctx)
	if err != nil {
		return err
	}
	m.log.Info("master starts", "listen", m.cfg.Listen, "fingerprint", m.key.Fingerprint())
	g, ctx := errgroup.WithContext(ctx)
	context.AfterFunc(ctx, func() { close(m.stop) })
	for _, l := range listeners {
		g.Go(func() error { return m.server.Serve(ctx, l) })
	}
	if err := m.serveTap(ctx, g); err != nil {
		return err
	}
	g.Go(func() error { return m.decide(ctx) })
	g.Go(func() error { return m.persist(ctx, g) })
	g.Go(func() error { return m.watchFiles(ctx) })
	g.Go(func() error { return m.retain(ctx) })
	g.Go(func() error { return m.maintenance(ctx) })
	close(m.ready)
	err = g.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

func (m *Master) listen(ctx context.Context) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, addr := range m.cfg.Listen {
		l, err := bus.Listen(ctx, addr)
		if err != nil {
			for _, open := range listeners {
				open.Close()
			}
			return nil, err
		}
		listeners = append(listeners, l)
		m.addrs = append(m.addrs, l.Addr())
	}
	return listeners, nil
}

func (m *Master) serveTap(ctx context.Context, g *errgroup.Group) error {
	if m.cfg.Tap == "" {
		return nil
	}
	l, err := bus.ListenTap(m.cfg.Tap)
	if err != nil {
		return fmt.Errorf("tap: %w", err)
	}
	g.Go(func() error { return m.tap.Serve(ctx, l) })
	return nil
}

// Ready is closed when the master listens; Addrs then says where.
func (m *Master) Ready() <-chan struct{} { return m.ready }

// Addrs are the addresses on which minions can connect.
func (m *Master) Addrs() []net.Addr { return m.addrs }

// Fingerprint is the master's.
func (m *Master) Fingerprint() identity.Fingerprint { return m.key.Fingerprint() }

// retain removes what is past its time, now and then.
func (m *Master) retain(ctx context.Context) error {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			removed, err := m.store.Retain(now)
			if err != nil {
				m.log.Error("retention", "error", err)
			} else if removed > 0 {
				m.log.Info("retention removed events", "events", removed)
			}
		}
	}
}

// broadcast wakes everybody who waits, once for each call of wake.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{}
}

// wait gives a channel that the next wake closes.
func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
