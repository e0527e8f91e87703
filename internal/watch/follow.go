package watch

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"brine/beacons"
)

// settleFiles is how long files must be quiet before they are read again: an editor writes in several steps.
const settleFiles = 100 * time.Millisecond

// Follow calls changed, in its own goroutine's order and never twice at once, when files or what is in folders have changed and have
// been quiet for a moment, until ctx ends. What cannot be watched is logged.
func (w *Watcher) Follow(ctx context.Context, log *slog.Logger, paths []string, changed func()) {
	w.Arm(log, paths)(ctx, changed)
}

// Arm begins to watch, and returns the rest of Follow, which must be called: what changes meanwhile is told by it.
func (w *Watcher) Arm(log *slog.Logger, paths []string) (follow func(ctx context.Context, changed func())) {
	wake := make(chan struct{}, 1)
	var stops []func()
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		var stop func()
		if err == nil {
			stop, err = w.Watch(abs, true, func(beacons.Note) {
				select {
				case wake <- struct{}{}:
				default: // one is waiting
				}
			})
		}
		if err != nil {
			log.Error("a path is not watched: send SIGHUP after a change", "path", p, "error", err)
			continue
		}
		stops = append(stops, stop)
	}
	return func(ctx context.Context, changed func()) {
		for _, stop := range stops {
			defer stop()
		}
		await(ctx, wake, changed)
	}
}

// await calls changed whenever it has been woken, and not again for a moment.
func await(ctx context.Context, wake <-chan struct{}, changed func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		}
		for quiet := false; !quiet; {
			select {
			case <-wake:
			case <-time.After(settleFiles):
				quiet = true
			case <-ctx.Done():
				return
			}
		}
		changed()
	}
}
