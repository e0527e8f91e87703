package file

import "time"

// maxTold bounds the paths of one root whose last event is remembered.
const maxTold = 1024

// pace is how often a path is told at most; 0: whenever it changes.
func (r *run) pace(path string) time.Duration {
	if r.env.Pace == nil {
		return 0
	}
	return r.env.Pace(path)
}

// notBefore is when a path may be told again.
func (r *run) notBefore(t *root, path string, now time.Time) time.Time {
	if last, ok := t.told[path]; ok {
		if next := last.Add(r.pace(path)); now.Before(next) {
			return next
		}
	}
	return now
}

// tell remembers when a path was told, where that matters.
func (r *run) tell(t *root, path string) {
	if r.pace(path) == 0 {
		return
	}
	if t.told == nil || len(t.told) >= maxTold {
		t.told = map[string]time.Time{} // who is forgotten is told once more
	}
	t.told[path] = time.Now()
}

// rest gives up the watch of a file that somebody changes without pause, for each note would cost more than a look at it now and
// then. A folder has other things in it, and stays watched.
func (r *run) rest(t *root) bool {
	if t.resting() {
		return true
	}
	pace := r.pace(t.path)
	if pace == 0 || t.stop == nil || t.entries[t.path].Kind == directory {
		return false
	}
	t.stop()
	t.stop, t.wakes = nil, time.Now().Add(pace)
	r.tick = earlier(r.tick, t.wakes)
	return true
}

func (t *root) resting() bool { return !t.wakes.IsZero() }

// rested looks at what rests when its time has come, and watches it again when it is left in peace.
func (r *run) rested(t *root, now time.Time) error {
	if now.Before(t.wakes) {
		return nil
	}
	if pace := r.pace(t.path); pace > 0 {
		t.wakes = now.Add(pace)
		r.touch(t, t.path, false)
		return nil
	}
	t.wakes = time.Time{}
	r.watch(t)
	return r.scan(t, t.path, false)
}
