package eventlog

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options are the settings of a log. The zero value of a field is its default.
type Options struct {
	MaxAge   time.Duration // Retain removes older events and closed jobs; 0: never
	MaxBytes int64         // Retain removes the oldest events past so many bytes on disk; 0: no limit

	MinFree int64 // bytes that must stay free on the file system; default: 1 % of it, 64 MiB to 1 GiB

	MemTable int64 // bytes of one of the store's write buffers, of which up to three are in use under load; default 4 MiB
	Cache    int64 // bytes of the store's block cache; default 4 MiB

	Now func() time.Time // default time.Now; only for how often free space is looked at
	Log *slog.Logger     // default: none

	// Fatal is told when the store below cannot go on (it could not write although there was space), before the
	// goroutine that found out panics with that error and so ends the process. Default: only the Log is told.
	Fatal func(error)

	fs   vfs.FS                                        // for tests: a file system in memory
	free func(dir string) (free, all int64, err error) // for tests
}

const (
	defaultMemTable = 4 << 20
	defaultCache    = 4 << 20

	// maxOpenFiles bounds the store's open files; more tables are opened as they are needed.
	maxOpenFiles = 256
)

func (o Options) withDefaults() Options {
	if o.MemTable == 0 {
		o.MemTable = defaultMemTable
	}
	if o.Cache == 0 {
		o.Cache = defaultCache
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.free == nil {
		o.free = statfs
	}
	return o
}
