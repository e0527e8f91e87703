package file

import (
	"maps"
	"path"
	"slices"
	"sync"
	"time"

	"brine/beacons"
)

// orders are the options that a running beacon is to take next.
type orders struct {
	mu   sync.Mutex
	next *Config // nil: none
	wake chan struct{}
}

// give replaces what waits.
func (o *orders) give(c *Config) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next = c
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *orders) take() *Config {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.next
	o.next = nil
	return c
}

// Adjust implements beacons.Adjustable: only the paths whose options differ are touched, soon after it has returned.
func (b *beacon) Adjust(c beacons.Config) bool {
	conf, ok := c.(*Config)
	if ok {
		b.orders.give(conf)
	}
	return ok
}

// same reports whether two paths' options mean the same.
func (o Options) same(n Options) bool {
	return o.sameReach(n) && o.settle() == n.settle() && o.every() == n.every() && o.Diff == n.Diff && o.Renames == n.Renames
}

// sameReach reports whether they cover the same.
func (o Options) sameReach(n Options) bool {
	return o.Recurse == n.Recurse && o.link == n.link && slices.Equal(o.Include, n.Include) && slices.Equal(o.Exclude, n.Exclude)
}

// shift is one change of options.
type shift struct {
	old     map[string]*root // the roots as they were
	come    []*root
	gone    []*root
	changed []*root // same path, other options
}

// before is a root as it was; one that has come is given as it is.
func (s *shift) before(t *root) *root {
	if old := s.old[t.path]; old != nil {
		return old
	}
	return t
}

// adjust takes other options.
//
// What is new is watched before what is old is let go, and compared afterwards. What one path knew of a file that is another's now goes
// with it, so that only what nobody watched before begins a baseline of its own.
func (r *run) adjust(c *Config) error {
	s := r.compare(c)
	if len(s.come)+len(s.gone)+len(s.changed) == 0 {
		return nil
	}
	r.rearm(s)
	concerned := r.concerned(s)
	for _, t := range concerned {
		r.rehome(t, s)
	}
	for _, t := range concerned {
		r.relink(t, s.before(t))
	}
	r.handOver(concerned)
	return r.rescan(s) // also finds what was noted for whom it no longer belongs to
}

// compare finds what is to change.
func (r *run) compare(c *Config) *shift {
	s := &shift{old: maps.Clone(r.roots)}
	for _, p := range c.sorted() {
		switch t := r.roots[p]; {
		case t == nil:
			s.come = append(s.come, newRoot(p, c.Paths[p]))
		case !t.options.same(c.Paths[p]):
			was := *t
			s.old[p] = &was
			s.changed = append(s.changed, t)
			t.options = c.Paths[p]
		}
	}
	for p, t := range r.roots {
		if _, wanted := c.Paths[p]; !wanted {
			s.gone = append(s.gone, t)
		}
	}
	return s
}

// rearm has the kernel tell of the new paths, and then no longer of the old.
func (r *run) rearm(s *shift) {
	now := time.Now()
	for _, t := range s.come {
		r.watch(t)
		r.roots[t.path], r.fresh = t, append(r.fresh, t)
	}
	for _, t := range s.changed {
		t.next = now.Add(t.jitter())
		if was := s.old[t.path].options; was.Recurse == t.options.Recurse {
			continue
		}
		if t.options.Recurse {
			t.deeper, r.fresh = true, append(r.fresh, t)
		} else {
			r.set = append(r.set, t.marker())
		}
		if stop := t.stop; stop != nil { // else it rests, or is tried again in time
			t.stop = nil
			r.watch(t)
			stop()
		}
	}
	for _, t := range s.gone {
		delete(r.roots, t.path)
		r.fresh = slices.DeleteFunc(r.fresh, func(f *root) bool { return f == t })
		r.set = append(r.set, beacons.KV{Key: keyRoot + t.path})
		if t.stop != nil {
			t.stop()
		}
	}
	r.tick = now // the periodic comparisons are planned anew
}

// concerned are the roots that may know of files that are another's now: those that changed, and those above them.
func (r *run) concerned(s *shift) map[string]*root {
	all := map[string]*root{}
	for _, t := range slices.Concat(s.gone, s.changed, s.come) {
		all[t.path] = t
	}
	for _, t := range slices.Concat(s.gone, s.changed, s.come) {
		for at := t.path; at != "/"; {
			at = path.Dir(at)
			if above := r.roots[at]; above != nil && all[at] == nil {
				all[at] = above
			}
		}
	}
	return all
}

// rehome gives what a root knows to whom it belongs now, and forgets what belongs to nobody.
func (r *run) rehome(t *root, s *shift) {
	was := s.before(t)
	for p, rec := range t.entries {
		o := r.owner(p)
		switch {
		case o == nil || !o.included(p) && rec.Kind != directory:
			delete(t.entries, p)
			r.set = append(r.set, beacons.KV{Key: keyEntry + p})
			if was.keeps(p, 0) {
				r.set = append(r.set, beacons.KV{Key: keyText + p})
			}
			continue
		case o != t:
			delete(t.entries, p)
			o.entries[p] = rec
		}
		r.retext(o, was, p, rec)
	}
}

// handOver gives what is to be looked at to whom it belongs now.
func (r *run) handOver(concerned map[string]*root) {
	for _, it := range r.order {
		if concerned[it.root.path] == it.root {
			r.hand(it)
		}
	}
	r.order = slices.DeleteFunc(r.order, func(it *item) bool { return r.items[it.path] != it })
}

// hand gives one item to its root; when it was noted stays.
func (r *run) hand(it *item) {
	o := r.owner(it.path)
	if o == nil || !r.counts(o, it.path) {
		r.drop(it)
		return
	}
	if o != it.root {
		it.root.forget(it)
		if it.silent {
			it.root.silent--
			o.silent++
		}
		it.root = o
	}
	if settle := o.options.settle(); settle != it.settle {
		it.settle = settle
		if it.fails == 0 {
			it.due = time.Now()
		}
	}
}

// retext keeps the text of a file, or gives it up, where that changes with the options.
func (r *run) retext(o, was *root, p string, rec record) {
	switch keeps := o.keeps(p, rec.Size); {
	case keeps == was.keeps(p, rec.Size) || rec.Kind != regular:
	case keeps:
		rec.Racy = true // as if the stamps proved nothing: it is read
		o.entries[p] = rec
		r.touch(o, p, false)
	default:
		r.set = append(r.set, beacons.KV{Key: keyText + p})
	}
}

// relink begins anew with a link that is followed now, or no longer: as the path of a root it is, unless that asks for the link itself.
func (r *run) relink(t, was *root) {
	o := r.owner(t.path)
	if o == nil || o.entries[t.path].Kind != symlink {
		return
	}
	came := r.roots[t.path] == t && t.fresh && !t.options.link // it was an entry of another's
	left := o != t && !was.options.link
	if came || left || o == t && was.options.link != t.options.link {
		delete(o.entries, t.path)
		r.touch(o, t.path, true)
	}
}

// rescan compares what is watched otherwise than before.
func (r *run) rescan(s *shift) error {
	for _, t := range s.come {
		if err := r.scanFrom(t, t.path, s); err != nil {
			return err
		}
	}
	for _, t := range s.changed {
		if s.old[t.path].options.sameReach(t.options) {
			continue
		}
		if err := r.scanFrom(t, t.path, s); err != nil {
			return err
		}
	}
	for _, t := range slices.Concat(s.gone, s.changed) {
		if o := r.above(t.path); o != nil && !(r.roots[t.path] == t && s.old[t.path].options.sameReach(t.options)) {
			if err := r.scanFrom(o, t.path, s); err != nil { // what that let go may be its own now
				return err
			}
		}
	}
	return nil
}

// above finds the nearest root above a path that covers it.
func (r *run) above(p string) *root {
	for at := p; at != "/"; {
		at = path.Dir(at)
		if t := r.roots[at]; t != nil && t.covers(p) {
			return t
		}
	}
	return nil
}

// scanFrom compares a part of a root. What nobody watched before has been there all the time; what somebody did, and did not know, is new.
func (r *run) scanFrom(t *root, p string, s *shift) error {
	return r.scanAs(t, p, func(p string) bool {
		o := ownerIn(s.old, p)
		return o == nil || o.fresh || o.deeper && o.depth(p) > 1 || !o.included(p)
	})
}

// overtake takes out what was to be kept of files of which something newer is on disk now.
func (r *run) overtake(batch []finding) {
	if len(r.set) == 0 {
		return
	}
	newer := map[string]bool{}
	for _, f := range batch {
		for _, kv := range f.signal.Set {
			newer[kv.Key] = true
		}
	}
	r.set = slices.DeleteFunc(r.set, func(kv beacons.KV) bool { return newer[kv.Key] })
}
