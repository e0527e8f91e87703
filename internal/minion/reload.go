package minion

import (
	"context"
	"strings"

	"brine/internal/config"
	"brine/internal/wire"
)

// Reload reads the configuration again and puts its beacons in force; what else has changed waits for the next start. With a fault the last good
// configuration stays, and the fault is told as an event.
func (m *Minion) Reload(ctx context.Context, reason string) error {
	if m.path == "" {
		return nil
	}
	c, err := LoadConfig(m.path, m.modules)
	if err != nil {
		m.log.Error("configuration not loaded; the last good one stays in force", "reason", reason, "error", err)
		m.notify(ctx, "brine/minion/"+m.cfg.ID+"/config/refused", map[string]string{"error": wire.CutReason(err.Error())})
		return err
	}
	if _, restart := config.Changes(m.cfg, c); len(restart) > 0 {
		m.log.Warn("part of the configuration holds from the next start on: restart the minion", "options", strings.Join(restart, ", "), "reason", reason)
	}
	m.sets.mu.Lock()
	m.sets.own = c.beacons
	m.sets.mu.Unlock()
	m.log.Info("beacons of the configuration in force", "beacons", len(c.beacons), "reason", reason)
	notify(m.sets.changed)
	return nil
}

// followConfig reads the configuration again whenever a file of it has changed.
func (m *Minion) followConfig(ctx context.Context) error {
	if m.path == "" {
		return nil
	}
	m.files.Follow(ctx, m.log, []string{m.path, config.DropInDir(m.path)}, func() {
		_ = m.Reload(ctx, "a configuration file changed") // it has been told
	})
	return nil
}
