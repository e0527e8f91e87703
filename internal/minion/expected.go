package minion

import (
	"brine/internal/converge"
	"brine/internal/event"
	"brine/internal/outbox"
)

// bucketExpected is where the outbox remembers what a run has made of paths until the beacon has told it: after a restart that is still
// Brine's own doing, and whoever undid it meanwhile has changed something. The key is the tail of the event's tag.
const bucketExpected = "expected"

// maxExpectedKept bounds the paths of one run that are remembered so. Of the others a restart at that very moment makes a drift of what Brine did.
const maxExpectedKept = 4096

// expected is what is to be remembered together with the result of a run.
func (m *Minion) expected() []outbox.KV {
	list, stale := m.expect.Unsaved(maxExpectedKept)
	kvs := make([]outbox.KV, 0, len(list)+len(stale))
	for _, path := range stale {
		kvs = append(kvs, told(event.PathTag(path)))
	}
	for _, a := range list {
		value, err := event.Encode(a)
		if err != nil {
			m.log.Warn("what was made of a path is not remembered over a restart", "path", a.Path, "error", err)
			continue
		}
		kvs = append(kvs, outbox.KV{Bucket: bucketExpected, Key: event.PathTag(a.Path), Value: value})
	}
	return kvs
}

// told drops what is remembered of the path with a tag.
func told(tag string) outbox.KV { return outbox.KV{Bucket: bucketExpected, Key: tag} }

// recallExpected announces again what the last life of this minion had made of paths and not told.
func (m *Minion) recallExpected() error {
	return m.outbox.Baseline(bucketExpected).Each("", func(key string, value []byte) error {
		var a converge.Announced
		if err := event.Data(value).Decode(&a); err != nil {
			m.log.Warn("what was made of a path is not known any more", "tag", key, "error", err)
			return nil
		}
		m.expect.Recall(a)
		return nil
	})
}
