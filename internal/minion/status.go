package minion

import "brine/internal/identity"

// Status is what the minion's socket shows.
type Status struct {
	ID          string               `json:"id"`
	Version     string               `json:"version"`
	Key         identity.Fingerprint `json:"key"`
	Master      []string             `json:"master"`
	Connected   bool                 `json:"connected"` // the session is established
	Incarnation string               `json:"incarnation"`
	Unsent      uint64               `json:"unsent"` // events that the master has not acknowledged
	DeadLetters int                  `json:"dead_letters"`
}

// Status says how the minion is.
func (m *Minion) Status() Status {
	m.conn.mu.Lock()
	connected := m.conn.up
	m.conn.mu.Unlock()
	s := m.outbox.State()
	return Status{
		ID: m.cfg.ID, Version: m.version, Key: m.key.Fingerprint(), Master: m.cfg.Master, Connected: connected,
		Incarnation: s.Inc.String(), Unsent: s.Next - s.First, DeadLetters: m.outbox.Stats().Dead,
	}
}
