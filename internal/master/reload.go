package master

import (
	"context"
	"errors"
	"strings"
	"sync"

	"brine/internal/config"
	"brine/internal/watch"
)

// live is what of the configuration can change while the master runs.
type live struct {
	mu          sync.Mutex
	cfg         *Config       // as it was read last
	maintenance chan struct{} // the windows are others now
	rules       chan struct{} // reactor_dirs are
	beacons     chan struct{} // beacon_dirs are
}

func newLive(c *Config) *live {
	return &live{cfg: c, maintenance: make(chan struct{}, 1), rules: make(chan struct{}, 1), beacons: make(chan struct{}, 1)}
}

func (l *live) config() *Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cfg
}

// Configure puts what can change at once in force in the core, and tells it.
type Configure struct {
	Blast Blast
	Told  configData
}

func (Configure) input() {}

// configData is the data of brine/master/config.
type configData struct {
	Changed []string `json:"changed"` // options in force now
	Restart []string `json:"restart"` // options that differ from those in force, which hold until the next start
	Reason  string   `json:"reason"`
}

func (c *Core) configure(in Configure) {
	c.opt.Blast = in.Blast
	c.own(ownEvent{tag: "brine/master/config", data: in.Told})
}

// Reload reads the configuration, the beacons and the rules again and puts them in force. With a fault the last good ones stay, and the fault is
// told as an event.
func (m *Master) Reload(ctx context.Context, reason string) error {
	return errors.Join(m.reloadConfig(ctx, reason), m.reloadBeacons(ctx, reason), m.reloadRules(ctx, reason))
}

// reloadConfig puts in force what can change while the master runs, and names what cannot.
func (m *Master) reloadConfig(ctx context.Context, reason string) error {
	if m.path == "" {
		return nil
	}
	c, err := LoadConfig(m.path)
	if err != nil {
		_ = m.input(ctx, Note{Tag: "brine/master/config/refused", Data: map[string]string{"error": clip(err.Error())}})
		return err
	}
	m.live.mu.Lock()
	changed, restart := config.Changes(m.live.cfg, c)
	_, waiting := config.Changes(m.cfg, c) // those of an earlier change too
	m.live.cfg = c
	m.live.mu.Unlock()
	if len(changed)+len(restart) == 0 {
		return nil
	}
	for _, option := range changed {
		switch option {
		case "maintenance":
			wake(m.live.maintenance)
		case "reactor_dirs":
			m.rules.from(c.ReactorDirs)
			wake(m.live.rules)
		case "beacon_dirs":
			m.beacons.from(c.BeaconDirs)
			wake(m.live.beacons)
		}
	}
	if len(waiting) > 0 {
		m.log.Warn("part of the configuration holds from the next start on: restart the master", "options", strings.Join(waiting, ", "), "reason", reason)
	}
	m.log.Info("configuration in force", "changed", strings.Join(changed, ", "), "reason", reason)
	return m.input(ctx, Configure{Blast: c.Enforce.blast(), Told: configData{changed, waiting, reason}})
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // somebody is about to look
	}
}

// watchFiles puts configuration, rules and beacons in force again whenever a file of theirs has changed.
func (m *Master) watchFiles(ctx context.Context) error {
	w, err := watch.New(m.log)
	if err != nil {
		m.log.Error("the files of configuration, rules and beacons are not watched: send SIGHUP after a change", "error", err)
		<-ctx.Done()
		return nil
	}
	defer w.Close()
	var g sync.WaitGroup
	defer g.Wait()
	if m.path != "" {
		follow := w.Arm(m.log, []string{m.path, config.DropInDir(m.path)})
		reload := func() { m.logged(m.reloadConfig(ctx, "a configuration file changed")) }
		reload() // what changed since it was read for the start
		g.Go(func() { follow(ctx, reload) })
	}
	g.Go(func() {
		m.follow(ctx, w, m.live.rules, func(c *Config) []string { return c.ReactorDirs }, func() { m.logged(m.reloadRules(ctx, "a rule file changed")) })
	})
	m.follow(ctx, w, m.live.beacons, func(c *Config) []string { return c.BeaconDirs }, func() { m.logged(m.reloadBeacons(ctx, "a file of beacons changed")) })
	return nil
}

// follow watches the folders that an option names, and once it names others, those, which count as changed.
func (m *Master) follow(ctx context.Context, w *watch.Watcher, moved <-chan struct{}, of func(*Config) []string, changed func()) {
	for first := true; ctx.Err() == nil; first = false {
		follow := w.Arm(m.log, of(m.live.config()))
		if !first {
			changed()
		}
		here, stop := context.WithCancel(ctx)
		var g sync.WaitGroup
		g.Go(func() { follow(here, changed) })
		select {
		case <-moved:
		case <-ctx.Done():
		}
		stop()
		g.Wait()
	}
}

func (m *Master) logged(err error) {
	if err != nil {
		m.log.Error("files not loaded; the last good ones stay in force", "error", err)
	}
}
