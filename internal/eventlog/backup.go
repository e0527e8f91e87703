package eventlog

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Checkpoint makes a copy of the log as it stands, in a new folder beside which it shares files by hard link where the
// file system can. The copy is a log that Open opens. Commits wait meanwhile.
func (l *Log) Checkpoint(dir string) error {
	l.commit.Lock()
	defer l.commit.Unlock()
	done, err := l.use()
	if err != nil {
		return err
	}
	defer done()
	if err := l.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("event log: checkpoint %q: %w", dir, err)
	}
	h, _, err := openHead(l.fs, dir)
	if h == nil {
		return fmt.Errorf("event log: checkpoint %q: %w", dir, err)
	}
	if err := errors.Join(h.set(l.last.Load(), true), h.close()); err != nil {
		return fmt.Errorf("event log: checkpoint %q: %w", dir, err)
	}
	return nil
}
