package minion

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"brine/beacons"
	"brine/internal/converge"
	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/outbox"
	"brine/internal/supervise"
	"brine/internal/watch"
	"brine/internal/wire"
	"brine/states"

	"golang.org/x/sync/errgroup"
)

// maxInputs is how many inputs wait for the core; a sender waits for room.
const maxInputs = 256

// Options are what a minion is made of.
type Options struct {
	Config  *Config
	Path    string // of the configuration file, for a reload; empty for none
	Beacons []beacons.Module
	States  []states.Module
	Version string
	Log     *slog.Logger
}

// Minion is the shell: it owns the outbox, the connection, the beacons and the runs, and drives the core.
type Minion struct {
	cfg     *Config
	path    string
	version string
	log     *slog.Logger
	key     identity.Key
	trust   *trust
	verdict identity.Verdict // of the enrolment door, when it was asked last
	outbox  *outbox.Outbox
	files   *watch.Watcher
	runner  *converge.Runner
	expect  *converge.Expectations
	cache   *converge.Cache
	keeper  *converge.Quarantine
	modules []beacons.Module
	sets    beaconSets
	super   *supervise.Supervisor

	inputs chan Input
	stop   chan struct{} // closed when the core no longer listens
	core   *Core
	conn   connection
	depths depths
	chunks chunks

	functions map[string]function
	commands  chan struct{} // a token for each command that runs
	settings  map[string]setting

	enforcer *enforcer
	holds    holder
	applied  job.LowState // what is enforced: the last thing applied; run's goroutine owns it
	running  sync.Mutex   // one state run at a time
	dropped  struct {     // from the quarantine
		mu   sync.Mutex
		next uint64 // so many are told next
	}
}

// New opens everything that a minion needs. Close it by running it to its end.
func New(opt Options) (*Minion, error) {
	c := opt.Config
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	m := &Minion{cfg: c, path: opt.Path, version: opt.Version, log: opt.Log, modules: opt.Beacons, inputs: make(chan Input, maxInputs), stop: make(chan struct{})}
	m.sets = beaconSets{own: c.beacons, changed: make(chan struct{}, 1)}
	m.super = supervise.New(beaconHost{m}, m.log, supervise.DefaultWaits())
	m.functions, m.settings = m.functionTable(), m.settingTable()
	var err error
	if m.key, err = identity.LoadOrCreate(filepath.Join(c.DataDir, "minion.key")); err != nil {
		return nil, err
	}
	if m.trust, err = loadTrust(c); err != nil {
		return nil, err
	}
	m.outbox, err = outbox.Open(filepath.Join(c.DataDir, "outbox.db"), outbox.Options{MaxBytes: int64(c.Outbox), Random: rand.Uint64, Log: m.log})
	if err != nil {
		return nil, err
	}
	if err := m.openRunner(opt.States); err != nil {
		return nil, errors.Join(err, m.outbox.Close())
	}
	if m.files, err = watch.New(m.log); err != nil {
		return nil, errors.Join(err, m.outbox.Close())
	}
	return m, nil
}

// Run is the minion's life, in the order of an event's: watch, outbox, uplink; then jobs and converge. It returns when ctx
// ends, with nil, or when something fails that cannot be mended.
func (m *Minion) Run(ctx context.Context) error {
	defer m.outbox.Close()
	defer m.files.Close()
	grains, err := collectGrains(m.cfg)
	if err != nil {
		return fmt.Errorf("grains: %w", err)
	}
	known := make(map[string]bool, len(m.functions))
	m.commands = make(chan struct{}, maxCommands)
	for name, f := range m.functions {
		known[name] = f.exclusive
	}
	m.core = NewCore(CoreOptions{ID: m.cfg.ID, Version: m.version, Grains: grains, Permit: m.permit, Functions: known, Jitter: rand.Float64})
	m.recallSettings(ctx)
	defer m.holds.stop()
	m.log.Info("minion starts", "id", m.cfg.ID, "key", m.key.Fingerprint(), "master", m.cfg.Master.String())

	g, ctx := errgroup.WithContext(ctx)
	context.AfterFunc(ctx, func() { close(m.stop) })
	g.Go(func() error { return m.loop(ctx, g) })
	enforcing := m.applied // run's goroutine changes it from here on
	g.Go(func() error { return m.announce(ctx, &enforcing) })
	g.Go(func() error { return m.enforcer.run(ctx) })
	g.Go(func() error { return m.tellHolds(ctx) })
	g.Go(func() error { return m.watchAll(ctx) })
	g.Go(func() error { return m.followConfig(ctx) })
	err = g.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

// Key is the minion's fingerprint.
func (m *Minion) Key() identity.Fingerprint { return m.key.Fingerprint() }

// announce fires the event of the start, and says what is enforced if the master does not know.
func (m *Minion) announce(ctx context.Context, enforcing *job.LowState) error {
	m.notify(ctx, "brine/minion/"+m.cfg.ID+"/start", map[string]string{"version": m.version})
	m.tellEnforcing(ctx, enforcing)
	return nil
}

// Fire makes an event of a program on this host durable and gives its id.
func (m *Minion) Fire(_ context.Context, tag string, data event.Data, by string) (event.ID, error) {
	if err := event.CheckTag(tag); err != nil {
		return event.ID{}, err
	}
	if event.IsReserved(tag) {
		return event.ID{}, fmt.Errorf("tag %q: below %s only Brine's own code fires", tag, event.Reserved)
	}
	seq, err := m.commit(outbox.Tx{Events: []wire.Event{{Tag: tag, Data: data, By: by}}})
	if err != nil {
		return event.ID{}, err
	}
	return event.ID{Origin: m.cfg.ID, Inc: m.outbox.State().Inc, Seq: seq}, nil
}

// commit makes a transaction durable and tells the core of its events. They are durable even when whoever asked is gone
// meanwhile: so no context of the asker's keeps the core from hearing of them, or they would lie there until the next one.
func (m *Minion) commit(tx outbox.Tx) (first uint64, err error) {
	first, err = m.outbox.Commit(tx)
	if err != nil {
		return 0, err
	}
	if n := uint64(len(tx.Events)); n > 0 {
		select {
		case m.inputs <- Appended{Next: first + n}:
		case <-m.stop:
		}
	}
	return first, nil
}

// commitAll is commit, but waits for room instead of failing: what it is for has happened and must be told.
func (m *Minion) commitAll(ctx context.Context, tx outbox.Tx) (first uint64, err error) {
	for told := false; ; told = true {
		first, err = m.commit(tx)
		if !errors.Is(err, outbox.ErrFull) {
			return first, err
		}
		if !told {
			m.log.Warn("the outbox is full: waiting for the master to take events")
		}
		select {
		case <-m.outbox.Room():
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// input hands the core an input, unless the minion is stopping.
func (m *Minion) input(ctx context.Context, in Input) {
	select {
	case m.inputs <- in:
	case <-ctx.Done():
	}
}

// loop drives the core. What an output answers at once is the next input.
func (m *Minion) loop(ctx context.Context, g *errgroup.Group) error {
	defer m.conn.close("the minion stops")
	memory, err := m.memory()
	if err != nil {
		return err
	}
	pending := []Input{Started{Memory: memory}}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		for len(pending) > 0 {
			in := pending[0]
			pending = pending[1:]
			outs := m.core.Step(time.Now(), in)
			if m.conn.setUp(m.core.Up()) {
				m.enforcer.checkAll() // on return: what happened while nobody could tell
			}
			for _, out := range outs {
				answers, err := m.do(ctx, g, out)
				if err != nil {
					return err
				}
				pending = append(pending, answers...)
			}
		}
		if at := m.core.Wake(); !at.IsZero() {
			timer.Reset(time.Until(at))
		}
		select {
		case in := <-m.inputs:
			pending = append(pending[:0], in)
		case <-timer.C:
			pending = append(pending[:0], Tick{})
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// memory is what the outbox remembers.
func (m *Minion) memory() (Memory, error) {
	s := m.outbox.State()
	mem := Memory{Inc: s.Inc, First: s.First, Next: s.Next, Acked: s.Acked, Done: map[string]Done{}}
	err := m.outbox.EachDone(func(jid string, attempt int) {
		mem.Done[jid] = Done{Attempt: attempt, Inc: s.Inc, Seq: s.Next - 1} // at the latest
	})
	return mem, err
}

// depths remembers how deep in a chain of causes the events are that jobs of late answer, so that what Brine's own writes fire
// carries it on.
type depths struct {
	mu    sync.Mutex
	of    map[string]uint8
	order []string
}

const maxDepths = 1024

func (d *depths) set(cause event.ID, depth uint8) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of == nil {
		d.of = map[string]uint8{}
	}
	key := cause.String()
	if _, ok := d.of[key]; !ok {
		d.order = append(d.order, key)
		if len(d.order) > maxDepths {
			delete(d.of, d.order[0])
			d.order = d.order[1:]
		}
	}
	d.of[key] = depth
}

func (d *depths) get(cause string) uint8 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.of[cause]
}
