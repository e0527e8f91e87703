package minion

import (
	"strings"

	"brine/internal/outbox"
)

// Buckets of the outbox that beacons' instances have: see bucketOf and changesOf.
const (
	bucketBeacons = "beacon/"
	bucketChanges = "beacon-told/"
)

// forgetAtOnce is how many baselines are removed in one commit.
const forgetAtOnce = 4096

// forgetRemoved removes the baselines of instances that are in nobody's configuration any more. Those that are only turned off, or refused, keep
// theirs: what happens meanwhile is told when they run again. While it is not known what the master wants, nothing is removed.
func (m *Minion) forgetRemoved() {
	m.sets.putting.Lock() // nothing begins to run meanwhile
	defer m.sets.putting.Unlock()
	wanted := m.wanted()
	m.sets.mu.Lock()
	unsure, refused := m.sets.unsure, m.sets.refused
	m.sets.mu.Unlock()
	if unsure {
		return
	}
	keep := map[string]bool{}
	for _, in := range wanted {
		keep[bucketOf(in)], keep[changesOf(in)] = true, true
	}
	for _, prefix := range []string{bucketBeacons, bucketChanges} {
		buckets, err := m.outbox.Buckets(prefix)
		if err != nil {
			m.log.Warn("baselines of removed beacons stay for now", "error", err)
			return
		}
		for _, bucket := range buckets {
			name, _, _ := strings.Cut(strings.TrimPrefix(bucket, prefix), "/")
			for _, r := range refused {
				keep[bucket] = keep[bucket] || r.Name == name
			}
			if keep[bucket] {
				continue
			}
			if err := m.forgetBucket(bucket); err != nil {
				m.log.Warn("baselines of a removed beacon stay for now", "beacon", name, "error", err)
			}
		}
	}
}

// forgetBucket removes all that is kept under one bucket.
func (m *Minion) forgetBucket(bucket string) error {
	var gone []outbox.KV
	err := m.outbox.Baseline(bucket).Each("", func(key string, _ []byte) error {
		if gone = append(gone, outbox.KV{Bucket: bucket, Key: key}); len(gone) < forgetAtOnce {
			return nil
		}
		_, err := m.commit(outbox.Tx{Baselines: gone})
		gone = nil
		return err
	})
	if err == nil && len(gone) > 0 {
		_, err = m.commit(outbox.Tx{Baselines: gone})
	}
	return err
}
