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
	pending map[string]noted
	order   []string
}

func newInbox(now func() time.Time) *inbox {
	return &inbox{now: now, wake: make(chan struct{}, 1), pending: map[string]noted{}}
}

func (b *inbox) put(t *root, n beacons.Note) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.order) >= maxInbox && !n.Rescan {
		n = beacons.Note{Path: t.path, Rescan: true, Lost: n.Lost}
	}
	old, had := b.pending[n.Path]
	if !had {
		old = noted{root: t, Note: n, at: b.now(), due: time.Now()}
		b.order = append(b.order, n.Path)
	}
	old.Rescan = old.Rescan || n.Rescan
	if n.Lost != "" {
		old.Lost = n.Lost
	}
	b.pending[n.Path] = old
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
	for _, p := range b.order {
		all = append(all, b.pending[p])
	}
	clear(b.pending)
	b.order = b.order[:0]
	return all
}
