package minion

import (
	"context"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/outbox"
	"brine/internal/wire"
)

// settingsBucket is where the outbox keeps what the master has set, by name.
const settingsBucket = "settings"

// setting puts in force what the master has set under one name; nil takes it back. It returns soon.
type setting func(context.Context, event.Data)

// settingTable are the names that this minion knows; others are left alone, as they are for newer ones.
func (m *Minion) settingTable() map[string]setting {
	return map[string]setting{
		job.SettingHolds:   m.setHolds,
		job.SettingBeacons: m.setBeacons,
	}
}

// recallSettings puts in force what was set before the last stop.
func (m *Minion) recallSettings(ctx context.Context) {
	for name, apply := range m.settings {
		data, err := m.outbox.Baseline(settingsBucket).Get(name)
		if err != nil {
			m.log.Error("what the master has set is lost until it sets it again", "setting", name, "error", err)
		}
		if data != nil {
			apply(ctx, data)
		}
	}
}

// set keeps what the master sets and puts it in force, unless it is already.
func (m *Minion) set(ctx context.Context, s *wire.Settings) {
	apply, ok := m.settings[s.Name]
	if !ok {
		m.log.Warn("the master sets what this minion does not know", "setting", s.Name)
		return
	}
	kept := m.outbox.Baseline(settingsBucket)
	if old, err := kept.Get(s.Name); err == nil && string(old) == string(s.Data) {
		return
	}
	var value []byte
	if len(s.Data) > 0 {
		value = s.Data
	}
	if _, err := m.commit(outbox.Tx{Baselines: []outbox.KV{{Bucket: settingsBucket, Key: s.Name, Value: value}}}); err != nil {
		m.log.Error("what the master sets holds until the next stop only", "setting", s.Name, "error", err)
	}
	apply(ctx, s.Data)
}
