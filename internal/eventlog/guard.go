package eventlog

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// guard hears of Pebble's work in the background: it tells the log what an operator should know, and keeps Pebble from
// trying in vain at full speed, which it does after every failure.
type guard struct {
	log    *slog.Logger
	store  pebble.Logger
	sched  *scheduler
	stop   <-chan struct{}
	mu     sync.Mutex
	failed int             // flushes since one that went well
	broken error           // of the compaction that failed last
	told   map[string]bool // damaged files; there are no more than the store has files
}

const (
	// A write buffer that cannot be written out is tried again so often and so many times; then the process ends, since
	// all commits would soon wait for it without a word.
	flushWait = 100 * time.Millisecond
	flushes   = 30

	// damageWait is between two tries at statistics of a table that cannot be read.
	damageWait = 10 * time.Second
)

func newGuard(log *slog.Logger, store pebble.Logger, sched *scheduler, stop <-chan struct{}) *guard {
	return &guard{log: log, store: store, sched: sched, stop: stop, told: map[string]bool{}}
}

func (g *guard) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: g.backgroundError,
		FlushEnd:        g.flushEnd,
		CompactionEnd:   g.compactionEnd,
		DataCorruption:  g.corruption,
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
			g.log.Warn("event log: commits wait for the store", "reason", i.Reason)
		},
		WriteStallEnd: func() { g.log.Info("event log: commits go on") },
	}
}

// backgroundError tells three things apart. A compaction that failed: the scheduler waits. A flush that failed: this
// waits, although Pebble holds its lock then. Statistics of a damaged table: this waits too, and nobody else does.
func (g *guard) backgroundError(err error) {
	g.log.Error("event log: background work of the store failed", "error", err)
	g.mu.Lock()
	compaction := g.broken != nil && errors.Is(err, g.broken)
	g.mu.Unlock()
	switch {
	case compaction:
	case pebble.IsCorruptionError(err):
		g.wait(damageWait)
	default:
		g.mu.Lock()
		g.failed++
		n := g.failed
		g.mu.Unlock()
		if n >= flushes {
			g.store.Fatalf("what was committed cannot be written to its tables: %v", err)
		}
		g.wait(flushWait)
	}
}

func (g *guard) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-g.stop:
	}
}

func (g *guard) flushEnd(i pebble.FlushInfo) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i.Err == nil {
		g.failed = 0
	}
}

func (g *guard) compactionEnd(i pebble.CompactionInfo) {
	g.mu.Lock()
	if i.Err != nil {
		g.broken = i.Err
	}
	g.mu.Unlock()
	g.sched.ended(i.Err)
}

// corruption is called for every reading of a damaged block; a file is told of once.
func (g *guard) corruption(i pebble.DataCorruptionInfo) {
	g.mu.Lock()
	known := g.told[i.Path]
	g.told[i.Path] = true
	g.mu.Unlock()
	if !known {
		g.log.Error("event log: a file is damaged", "file", i.Path, "error", i.Details)
	}
}
