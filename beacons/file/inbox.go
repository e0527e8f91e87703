package file

import (
	"sync"
	"time"

	"brine/beacons"
)

// maxInbox bounds the paths that are noted and not looked at yet. Beyond it everything below the configured path is compared.
const maxInbox = 16384

// noted is a note that waits.
type noted struct {
	root *root
	beacons.Note
	at  time.Time // first noted: wall clock of the host
	due time.Time
}

// inbox takes notes without ever waiting for the loop.
type inbox struct {
	now  func() time.Time
	wake chan struct{}

	mu      sync.Mutex
	pending map[where]noted
	order   []where
}

// where is a path as one configured path's watch notes it: of several that cover it only its owner's note counts.
type where struct {
	root *root
	path string
}

func newInbox(now func() time.Time) *inbox {
	return &inbox{now: now, wake: make(chan struct{}, 1), pending: map[where]noted{}}
}

func (b *inbox) put(t *root, n beacons.Note) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.order) >= maxInbox && !n.Rescan {
		n = beacons.Note{Path: t.path, Rescan: true, Lost: n.Lost}
	}
	at := where{t, n.Path}
	old, had := b.pending[at]
	if !had {
		old = noted{root: t, Note: n, at: b.now(), due: time.Now()}
		b.order = append(b.order, at)
	}
	old.Rescan = old.Rescan || n.Rescan
	if n.Lost != "" {
		old.Lost = n.Lost
	}
	b.pending[at] = old
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take empties the inbox, in the order in which paths were first noted.
func (b *inbox) take() []noted {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.order) == 0 {
		return nil
	}
	all := make([]noted, 0, len(b.order))
	for _, at := range b.order {
		all = append(all, b.pending[at])
	}
	clear(b.pending)
	b.order = b.order[:0]
	return all
}
