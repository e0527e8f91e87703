package file

import (
	"path"
	"time"

	"brine/beacons"
)

// signal describes a change; what empty: only the baseline is set.
func (r *run) signal(f finding, what string, before record, now sight) beacons.Signal {
	it, after := f.it, f.after
	s := beacons.Signal{Set: []beacons.KV{{Key: keyEntry + it.path}}}
	if after.Kind != absent {
		s.Set[0].Value = after.encode()
	}
	if it.root.options.Diff {
		s.Set = append(s.Set, textKV(it.path, now.text))
	}
	if what == "" {
		return s
	}
	d := Data{Path: text(it.path), Change: what, Before: before.view(r.owners), After: after.view(r.owners)}
	switch {
	case f.from != nil:
		d.Change, d.From, d.Before = Renamed, text(f.from.path), it.root.entries[f.from.path].view(r.owners)
		s.Set = append(s.Set, beacons.KV{Key: keyEntry + f.from.path}, beacons.KV{Key: keyText + f.from.path})
	case it.root.keeps(it.path, 0):
		d.Diff = r.diff(it.path, before, after, now.text)
	}
	if r.env.Own != nil {
		if e, ok := r.env.Own(it.path); ok {
			d.State = e.State
			if !e.Told && after.matches(e) {
				s.Own, s.Cause = true, e.Cause
			}
		}
	}
	if !s.Own { // own corrections have their cause; who drifted the file is told with the drift
		d.Actor = r.actor(it, after)
	}
	s.Tag, s.Data, s.Time = pathTag(it.path), d, it.noted
	if s.Time.IsZero() {
		s.Time = r.env.Now()
	}
	return s
}

// actorSlack is how much earlier than the first note of a change the kernel may have told of who made it.
const actorSlack = 100 * time.Millisecond

// actor asks who made a change: whoever touched the file since its stamps say that it was changed, and not after it was noted
// for the first time. Without a note, and with nothing left to have stamps, nobody can say.
func (r *run) actor(it *item, after record) *Actor {
	if r.env.Actor == nil || after.Kind == absent && it.noted.IsZero() {
		return nil
	}
	since := it.since.Add(-actorSlack)
	if after.Kind != absent {
		stamped := time.Unix(0, after.CTime-racyWindow)
		if it.noted.IsZero() || stamped.Before(since) {
			since = stamped
		}
	}
	return r.env.Actor(path.Join(r.host.root, it.path), since)
}

// commit makes findings durable, all or none. What fails keeps its old baseline, and the net change is told later.
func (r *run) commit(batch []finding) {
	if len(batch) == 0 {
		return
	}
	signals := make([]beacons.Signal, len(batch))
	for i, f := range batch {
		signals[i] = f.signal
	}
	err := r.fire(r.ctx, signals...)
	if err == nil {
		r.overtake(batch)
	}
	for _, f := range batch {
		if err != nil {
			f.it.fails++
			f.it.due = time.Now().Add(retryAfter(f.it.fails))
			continue
		}
		if f.after.Kind == absent {
			delete(f.it.root.entries, f.it.path)
		} else {
			f.it.root.entries[f.it.path] = f.after
		}
		r.drop(f.it)
		r.superseded(f)
		r.tell(f.it.root, f.it.path)
		if f.from != nil {
			delete(f.from.root.entries, f.from.path)
			r.drop(f.from)
		}
		if f.busy {
			r.touch(f.it.root, f.it.path, false).settle = min(max(2*f.it.settle, DefaultSettle), MaxSettle)
		}
	}
	if err != nil && r.ctx.Err() == nil {
		r.log.Warn("changes could not be kept; they are told later", "changes", len(batch), "error", err)
	}
}

func retryAfter(fails int) time.Duration {
	return min(firstRetry<<min(fails-1, 16), lastRetry)
}

// flush makes durable what belongs to no file.
func (r *run) flush() {
	for len(r.extra)+len(r.set) > 0 {
		e, s := min(len(r.extra), maxBatch), min(len(r.set), maxSet)
		signals := append([]beacons.Signal{}, r.extra[:e]...)
		if s > 0 {
			signals = append(signals, beacons.Signal{Set: r.set[:s:s]})
		}
		if err := r.fire(r.ctx, signals...); err != nil {
			r.fails++
			r.retry = time.Now().Add(retryAfter(r.fails))
			return
		}
		r.fails, r.extra, r.set = 0, r.extra[e:], r.set[s:]
	}
}
