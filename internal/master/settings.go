package master

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/wire"
)

// provider says what is to be in force on a minion under one name; nil for nothing. It is asked at each greeting, and
// whenever setAll is called because something has changed.
type provider struct {
	name string
	of   func(*Core, *minion) (data event.Data, ok bool) // not ok: what the minion has stays
}

// providers are all settings that the master keeps its minions in.
var providers = []provider{
	{job.SettingHolds, func(c *Core, m *minion) (event.Data, bool) { return holdsOf(c, m), true }},
	{job.SettingBeacons, beaconsOf},
}

// setAll sends a minion in session the settings that it was not sent in this session. It keeps them over a restart, and leaves alone
// what is in force already.
func (c *Core) setAll(m *minion) {
	if m.session == nil {
		return
	}
	for _, p := range providers {
		data, ok := p.of(c, m)
		if !ok {
			continue
		}
		sum := sha256.Sum256(data)
		hash := hex.EncodeToString(sum[:])
		if m.set[p.name] == hash {
			continue
		}
		msg := &wire.Settings{Name: p.name, Hash: hash, Data: data}
		if _, err := wire.Encode(msg); err != nil {
			c.emit(Log{Warn: true, Text: "settings not sent", Args: []any{"minion", m.info.ID, "setting", p.name, "error", err}})
			continue
		}
		if m.set == nil {
			m.set = map[string]string{}
		}
		m.set[p.name] = hash
		c.emit(Send{Conn: m.session.conn, Msg: msg})
	}
}

// setEverywhere is setAll for all minions, in order.
func (c *Core) setEverywhere() {
	for _, id := range c.sessionIDs() {
		c.setAll(c.minions[id])
	}
}

// sessionIDs are the minions in session, in order.
func (c *Core) sessionIDs() []string {
	var ids []string
	for id, m := range c.minions {
		if m.session != nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
