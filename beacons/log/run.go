package log

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"brine/beacons"
)

// net is how often every file is looked at though nobody tells of it.
const net = time.Minute

type beacon struct {
	env     beacons.Env
	fire    beacons.Fire
	watches []*watcher
	limits  *beacons.Limits

	kick  chan struct{}
	mu    sync.Mutex
	dirty map[string]bool // paths below the root that may have changed
	all   bool            // everything may have
}

// watcher is one watch at work.
type watcher struct {
	b        *beacon
	name     string
	watch    Watch
	patterns []*pattern
	cutter   cutter
	wait     time.Duration
	files    map[string]*follower
	lost     map[string]string // reasons that are to be told, by path
	full     bool              // that there are too many files has been told
	unkept   int               // bytes read since a position was kept
}

func newWatcher(b *beacon, name string, watch Watch) *watcher {
	w := &watcher{b: b, name: name, watch: watch, wait: defaultWait, cutter: cutter{size: defaultLine, lines: defaultLines}, files: map[string]*follower{}, lost: map[string]string{}}
	if q := watch.MaxLine; q != nil {
		w.cutter.size = int(q.Value)
	}
	if m := watch.Multiline; m != nil {
		w.cutter.start = m.Start.Regexp
		if m.Lines > 0 {
			w.cutter.lines = m.Lines
		}
		if m.Wait > 0 {
			w.wait = m.Wait
		}
	}
	for _, n := range slices.Sorted(maps.Keys(watch.Patterns)) {
		p := &pattern{Pattern: watch.Patterns[n], name: n, key: "pace/" + name + "/" + n}
		if p.hasRate() {
			p.speeds = beacons.NewSpeeds(p.within())
		}
		w.patterns = append(w.patterns, p)
	}
	return w
}

// Run implements beacons.Beacon: watch, find the files, then read whatever is told of.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) (err error) {
	b.fire = fire
	thresholds := map[string]*beacons.Threshold{}
	for _, w := range b.watches {
		defer w.close()
		for _, p := range w.patterns {
			if p.hasRate() {
				thresholds[w.name+"/"+p.name+"/"+Rate] = &p.Rate.Threshold
			}
		}
	}
	if b.limits, err = beacons.NewLimits(b.env, fire, thresholds); err != nil {
		return err
	}
	for _, w := range b.watches {
		stop, err := w.listen()
		defer stop()
		if err != nil {
			return err
		}
		if err := w.begin(ctx); err != nil {
			return b.ended(ctx, err)
		}
	}
	return b.ended(ctx, b.loop(ctx))
}

// ended is nil for what the end of ctx brought about.
func (b *beacon) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (b *beacon) loop(ctx context.Context) error {
	swept := b.env.Now()
	for {
		now := b.env.Now()
		dirty, all := b.take()
		if all = all || now.Sub(swept) >= net || now.Before(swept); all {
			swept = now
		}
		wake := swept.Add(net)
		for _, w := range b.watches {
			if err := w.turn(ctx, now, dirty, all); err != nil {
				return err
			}
			if at := w.next(now); !at.IsZero() && at.Before(wake) {
				wake = at
			}
		}
		timer := time.NewTimer(max(wake.Sub(b.env.Now()), time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-b.kick:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// note takes what the file watcher tells.
func (b *beacon) note(n beacons.Note) {
	b.mu.Lock()
	b.dirty[n.Path] = true
	b.all = b.all || n.Rescan || len(b.dirty) > maxFiles
	b.mu.Unlock()
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

func (b *beacon) take() (dirty map[string]bool, all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	dirty, all = b.dirty, b.all
	b.dirty, b.all = map[string]bool{}, false
	return dirty, all
}

// listen has the folders of the files watched.
func (w *watcher) listen() (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	for _, pattern := range w.watch.Files {
		base, tree := pattern, false
		for strings.ContainsAny(base, `*?[\`) {
			tree = base != pattern
			base = filepath.Dir(base)
		}
		s, err := w.b.env.Files.Watch(w.b.env.Path(base), tree, w.b.note)
		if err != nil {
			return stop, err
		}
		stops = append(stops, s)
	}
	return stop, nil
}

// begin finds the files and where each was read to. Those that a pattern shows for the very first time are read from where the watch says; those
// that came since are read from their beginning.
func (w *watcher) begin(ctx context.Context) error {
	now := w.b.env.Now()
	for _, p := range w.patterns {
		if err := w.recallPace(p); err != nil {
			return err
		}
	}
	prefix := "at/" + w.name + "/"
	err := w.b.env.Baseline.Each(prefix, func(key string, value []byte) error {
		path := key[len(prefix):]
		if w.meant(path) && len(w.files) < maxFiles {
			f := w.add(path)
			f.recall(value, now)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	for _, pattern := range w.watch.Files {
		key := "begun/" + w.name + "/" + pattern
		begun, err := w.b.env.Baseline.Get(key)
		if err != nil {
			return fmt.Errorf("baseline: %w", err)
		}
		sets := []beacons.KV{{Key: key, Value: []byte("1")}}
		for _, path := range w.expand(pattern) {
			if f := w.files[path]; f == nil && len(w.files) < maxFiles {
				f = w.add(path)
				f.look(now, begun == nil && w.watch.From != fromBeginning)
				f.unkept = begun != nil
				sets = append(sets, f.baseline(nil, position{}))
			}
		}
		if begun == nil {
			if err := w.b.fire(ctx, beacons.Signal{Set: sets}); err != nil {
				return err
			}
		}
	}
	return w.turn(ctx, now, nil, true)
}

// turn looks at the files that may have changed, and tells what they hold.
func (w *watcher) turn(ctx context.Context, now time.Time, dirty map[string]bool, all bool) error {
	if !all { // a folder that was made, or a file not known yet
		for path := range dirty {
			path = "/" + strings.TrimPrefix(strings.TrimPrefix(path, w.b.env.Root), "/")
			if w.files[path] == nil && w.meant(path) || w.files[path] == nil && !w.parent(path) {
				all = true
			}
		}
	}
	if all {
		w.sweep()
	}
	for _, path := range slices.Sorted(maps.Keys(w.files)) {
		f := w.files[path]
		if due := f.due(); all || dirty[w.b.env.Path(path)] || f.unkept || !due.IsZero() {
			f.look(now, false)
			if err := f.read(ctx, now); err != nil {
				return err
			}
		}
		if f.current == nil && len(f.old) == 0 && f.failed == "" {
			if err := w.b.fire(ctx, beacons.Signal{Set: []beacons.KV{{Key: f.key}}}); err != nil {
				return err
			}
			f.close()
			delete(w.files, path)
		}
	}
	return w.pass(ctx, now)
}

// recallPace reads how much of a pattern was told within its last minute.
func (w *watcher) recallPace(p *pattern) error {
	value, err := w.b.env.Baseline.Get(p.key)
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	if json.Unmarshal(value, &p.pace) != nil {
		p.pace = pace{} // none, or one that cannot be read
	}
	return nil
}

// parent reports whether a path is of a file in a folder that files are read in: what is not meant there matters to nobody.
func (w *watcher) parent(path string) bool {
	for _, pattern := range w.watch.Files {
		if ok, _ := filepath.Match(filepath.Dir(pattern), filepath.Dir(path)); ok {
			return true
		}
	}
	return false
}

func (w *watcher) next(now time.Time) time.Time {
	at := w.due(now)
	for _, f := range w.files {
		if d := f.due(); !d.IsZero() && (at.IsZero() || d.Before(at)) {
			at = d
		}
	}
	return at
}

// sweep adds the files that are there and not known.
func (w *watcher) sweep() {
	for _, pattern := range w.watch.Files {
		for _, path := range w.expand(pattern) {
			if w.files[path] != nil {
				continue
			}
			if len(w.files) >= maxFiles {
				if !w.full {
					w.full = true
					w.lose(path, fmt.Sprintf("more than %d files: it and others are not read", maxFiles))
				}
				return
			}
			w.add(path)
		}
	}
}

func (w *watcher) add(path string) *follower {
	f := &follower{w: w, path: path, key: "at/" + w.name + "/" + path}
	w.files[path] = f
	return f
}

// expand lists what a pattern means, as paths of the host.
func (w *watcher) expand(pattern string) (paths []string) {
	found, _ := filepath.Glob(w.b.env.Path(pattern)) // it has been checked
	for _, p := range found {
		path := "/" + strings.TrimPrefix(strings.TrimPrefix(p, w.b.env.Root), "/")
		if w.meant(path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// meant reports whether a path is to be read. Names that rotation gives are meant when they are written out only.
func (w *watcher) meant(path string) bool {
	for _, pattern := range w.watch.Files {
		if pattern == path {
			return true
		}
		if ok, _ := filepath.Match(pattern, path); ok && !rotated.MatchString(path) {
			return true
		}
	}
	return false
}

// known reports whether a file is read under another path.
func (w *watcher) known(ino uint64) bool {
	for _, f := range w.files {
		for _, t := range f.tails() {
			if t.pos.Ino == ino {
				return true
			}
		}
	}
	return false
}

// lose has it told that something cannot be read.
func (w *watcher) lose(path, reason string) {
	if len(w.lost) < maxFiles {
		w.lost[path] = reason
	}
}

func (w *watcher) close() {
	for _, f := range w.files {
		f.close()
	}
}
