package master

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"brine/internal/beaconset"
	"brine/internal/event"
	"brine/internal/eventlog"
	"brine/internal/identity"
	"brine/reactors"
)

// bucketMinions holds the log's records of minions.
const bucketMinions = "minions"

// recover makes the core out of what the log remembers.
func (m *Master) recover(reactor *reactors.Reactor, fleet *beaconset.Fleet) error {
	first, head := m.store.Head()
	// A new incarnation with each start: the ids of the master's own events, and of the jobs that follow from them, must not come
	// again when the log is an older one, put back from a backup.
	r := Recovered{Inc: event.NewIncarnation(rand.Uint64()), Head: head, Received: m.store.LastReceived()}
	var err error
	if r.Cursor, err = m.store.Cursor(); err != nil {
		return fmt.Errorf("cursor: %w", err)
	}
	for hw, err := range m.store.HighWaters() {
		if err != nil {
			return fmt.Errorf("high-water marks: %w", err)
		}
		r.HighWaters = append(r.HighWaters, HighWater{Minion: hw.Minion, Inc: hw.Inc, Seq: hw.Seq, Sum: hw.Sum, Updated: hw.Updated})
	}
	for j, err := range m.store.Jobs(eventlog.JobQuery{Open: true}) {
		if err != nil {
			m.log.Error("an open job cannot be read, and is not carried out", "error", err)
			continue
		}
		r.Jobs = append(r.Jobs, j)
	}
	if r.Runs, err = m.recoverRuns(); err != nil {
		return err
	}
	if m.registry, err = m.keys(); err != nil {
		return err
	}
	r.Registry = m.registry
	if err := m.store.Records(bucketMinions, func(_ string, blob []byte) error {
		var info MinionInfo
		if err := event.Data(blob).Decode(&info); err != nil {
			return err
		}
		r.Minions = append(r.Minions, info)
		return nil
	}); err != nil {
		return fmt.Errorf("minions: %w", err)
	}
	r.Drifts = m.recoverDrifts()
	if err := m.recoverGuards(&r); err != nil {
		return err
	}
	if err := m.store.Reactor(func(key string, value []byte) error { return reactor.Restore(key, value) }); err != nil {
		return fmt.Errorf("the rules' state: %w", err)
	}
	m.core = NewCore(time.Now(), CoreOptions{Version: m.version, Reactor: reactor, Blast: m.cfg.Enforce.blast(), Fleet: fleet}, r)
	for _, info := range m.core.Minions() {
		m.minions.put(info)
	}
	return m.catchUp(max(r.Cursor+1, first), head)
}

func (m *Master) keys() (*identity.Registry, error) {
	var records []identity.Record
	var tokens []identity.Token
	err := m.store.Records(identity.BucketKeys, func(_ string, value []byte) error {
		rec, err := identity.DecodeRecord(value)
		records = append(records, rec)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	err = m.store.Records(identity.BucketTokens, func(_ string, value []byte) error {
		t, err := identity.DecodeToken(value)
		tokens = append(tokens, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return identity.NewRegistry(records, tokens)
}

// catchUp shows the rules what was stored and not decided on: nothing, unless the log was written by a build that decided
// in a commit of its own, or its end was repaired.
func (m *Master) catchUp(from, head uint64) error {
	for pos := from; pos <= head; pos++ {
		e, err := m.store.Get(pos)
		if err != nil {
			m.log.Warn("event not shown to the rules", "pos", pos, "error", err)
			continue
		}
		c := m.newCommit()
		for _, out := range m.core.Step(time.Now(), React{Event: e}) {
			if !m.stage(c, out) {
				m.early = append(m.early, out)
			}
		}
		if err := m.store.Commit(c.batch); err != nil {
			return err
		}
	}
	return nil
}

// minionTable is what the API shows of the minions; the core's own belongs to its goroutine.
type minionTable struct {
	mu sync.RWMutex
	of map[string]MinionInfo
}

func (t *minionTable) put(info MinionInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[string]MinionInfo{}
	}
	t.of[info.ID] = info
}
