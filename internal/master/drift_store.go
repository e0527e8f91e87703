package master

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"brine/internal/event"
	"brine/internal/eventlog"
	"brine/internal/target"
)

// bucketDrift holds the log's records of drift, under <minion>/<key of the state>.
const bucketDrift = "drift"

// driftRecent is how long a correction is listed among what is out of line.
const driftRecent = 24 * time.Hour

func (m *Master) putDrift(b *eventlog.Batch, out PutDrift) {
	key := out.Minion + "/" + out.Key
	if out.Record == nil {
		b.DeleteRecord(bucketDrift, key)
		return
	}
	blob, err := event.Encode(out.Record)
	if err != nil {
		m.log.Error("drift not kept", "minion", out.Minion, "state", out.Key, "error", err)
		return
	}
	b.PutRecord(bucketDrift, key, blob)
}

// recoverDrifts reads what is kept. A record that is damaged is passed over: the next event of its state replaces it.
func (m *Master) recoverDrifts() []DriftRecord {
	var list []DriftRecord
	err := m.store.Records(bucketDrift, func(key string, blob []byte) error {
		var r DriftRecord
		if err := event.Data(blob).Decode(&r); err != nil {
			m.log.Error("a record of drift cannot be read", "state", key, "error", err)
			return nil
		}
		list = append(list, r)
		return nil
	})
	if err != nil {
		m.log.Error("records of drift cannot be read", "error", err)
	}
	return list
}

// Drift lists the states of the accepted minions that match: what is out of line now and what was corrected within the last
// 24 hours, or with all every state that was ever told of. What is out of line comes first, then by minion and state.
func (m *Master) Drift(match target.Target, all bool) ([]Drift, error) {
	wanted := map[string]bool{}
	for _, info := range m.Minions(match) {
		wanted[info.ID] = true
	}
	recent := time.Now().Add(-driftRecent)
	var list []Drift
	err := m.store.Records(bucketDrift, func(key string, blob []byte) error {
		if id, _, _ := strings.Cut(key, "/"); !wanted[id] {
			return nil
		}
		var r DriftRecord
		if err := event.Data(blob).Decode(&r); err != nil {
			return err
		}
		if all || r.OutOfLine() || r.Corrected > 0 && r.Last.After(recent) {
			list = append(list, r.Drift)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Drift) int {
		if a.OutOfLine() != b.OutOfLine() {
			if a.OutOfLine() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Minion, b.Minion), cmp.Compare(a.Fun, b.Fun), cmp.Compare(a.Name, b.Name))
	})
	return list, err
}
