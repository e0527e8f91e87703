package file

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"brine/beacons"
)

const (
	// firstLook and lastLook bound the time until a file that somebody is writing is looked at again: it doubles.
	firstLook = 200 * time.Microsecond
	lastLook  = 5 * time.Millisecond
	// grace is how long a writer may take to finish even with settle: 0s, so that truncating, writing and closing are one change.
	grace = 5 * time.Millisecond
	// writerMost is how long a program that is known to have a file open for writing may take to finish, and how long a new folder may
	// stay empty, before that is told as it is; a longer settle time counts for both, and with settle: 0s neither is waited for. It is
	// longer than the usual settle time, because on a loaded machine a program may not run for so long between open and write.
	writerMost = time.Second
	// firstRetry and lastRetry bound the time until a signal that could not be made durable is tried again: it doubles.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
	// maxBatch bounds the signals that are made durable at once, and maxSet the baselines without a signal.
	maxBatch = 256
	maxSet   = 4096
)

// item is a path that may have changed.
type item struct {
	root   *root
	path   string
	noted  time.Time // by the host's clock; zero: found by comparing
	since  time.Time
	due    time.Time
	wait   time.Duration // until the next look, while somebody writes
	fails  int           // times that it could not be made durable
	silent bool          // only sets the baseline
	known  digest        // of a big file
	ino    uint64        // under which pairs knows it
	spread bool          // the files of a folder that is gone have been touched
	settle time.Duration // doubles each time that a file had to be told while it was being written
}

// touch makes sure that a path is looked at, now.
func (r *run) touch(t *root, p string, silent bool) *item {
	now := time.Now()
	it := r.items[p]
	if it == nil {
		it = &item{root: t, path: p, since: now, silent: silent, settle: t.options.settle()}
		if silent {
			t.silent++
		}
		r.items[p] = it
		r.order = append(r.order, it)
	}
	if it.fails == 0 || it.due.IsZero() {
		it.due = r.notBefore(t, p, now)
	}
	return it
}

func (r *run) drop(it *item) {
	delete(r.items, it.path)
	it.root.forget(it)
	if it.silent {
		it.root.silent--
	}
}

// finding is a look that is to be made durable.
type finding struct {
	it     *item
	after  record
	signal beacons.Signal
	texts  int   // bytes of the text to be kept
	busy   bool  // it goes on changing: look again
	from   *item // the name that it had before
}

// work looks at all items that are due, oldest first, and makes durable what it finds.
func (r *run) work() {
	if time.Now().After(r.retry) {
		r.flush()
	}
	var batch []finding
	texts, told := 0, 0
	order := r.order
	r.order = nil // takes what is touched meanwhile
	for _, it := range order {
		if r.ctx.Err() != nil || time.Now().Before(it.due) {
			continue
		}
		f, found := r.look(it)
		if !found {
			continue
		}
		if it.fails > 0 { // alone, so that it holds up no other
			r.commit([]finding{f})
			continue
		}
		batch = append(batch, f)
		if f.signal.Tag != "" {
			told++
		}
		if texts += f.texts; told == maxBatch || len(batch) == maxSet || texts > maxTexts {
			r.commit(batch)
			batch, texts, told = batch[:0], 0, 0
		}
	}
	r.commit(batch)
	order = slices.DeleteFunc(order, func(it *item) bool { return r.items[it.path] != it })
	r.order = append(order, r.order...)
	r.complete()
	if time.Now().After(r.retry) {
		r.flush()
	}
}

// complete remembers the roots that have their whole baseline now.
func (r *run) complete() {
	if r.ctx.Err() != nil || r.scanning {
		return
	}
	r.fresh = slices.DeleteFunc(r.fresh, func(t *root) bool {
		if t.silent == 0 && (t.fresh || t.deeper) {
			t.fresh, t.deeper = false, false
			r.set = append(r.set, t.marker())
		}
		return !t.fresh && !t.deeper
	})
}

// look decides about one item: it is as it was, it must be looked at again later, or there is something to tell.
func (r *run) look(it *item) (f finding, found bool) {
	before := it.root.entries[it.path]
	now := time.Now()
	end, quiet, written := it.since.Add(it.settle), it.since.Add(max(it.settle, grace)), it.since.Add(it.patience())
	settling, patient := now.Before(end), now.Before(written)
	g := gaze{patient: patient, follow: it.path == it.root.path && !it.root.options.link, keep: it.root.keeps(it.path, 0), known: it.known}
	s, err := r.host.observe(r.ctx, it.path, before, g)
	if err != nil {
		r.log.Warn("a path cannot be looked at", "path", it.path, "error", err)
		r.drop(it)
		return f, false
	}
	switch {
	case s.torn, patient && s.writers == some:
		it.again(written)
		return f, false
	case s.moving && now.Before(quiet):
		it.again(quiet)
		return f, false
	}
	if s.big {
		r.readBig(it, s.stamps)
		return f, false
	}
	if before.Kind == directory && s.Kind != directory && !it.spread {
		r.spread(it)
	}
	f = finding{it: it, after: s.record, texts: len(s.text), busy: s.moving || s.writers == some}
	what := change(before, s.record)
	switch {
	case it.silent && s.Kind != absent, what != "" && !it.root.included(it.path), !settling && r.toldByContent(it, what, s.record):
		what = ""
	case what == "" && r.repeated(it, s.record):
		if now.Before(it.since.Add(repeatWait)) {
			it.due = now.Add(lastLook)
			return f, false
		}
		what = repeatedAs(s.record)
	case what == "":
		if s.Kind != absent {
			it.root.entries[it.path] = s.record // newer stamps
			r.keepText(it, s)
		}
		r.drop(it)
		return f, false
	case settling && r.waits(it, what, s):
		it.due = end
		it.root.pend(it, what, before, s.record)
		return f, false
	case what == Removed && r.follows(it, before):
		return f, false
	case patient && it.maybeFilled(what, s.record):
		it.again(written)
		return f, false
	}
	if what == Created {
		f.from = r.renamedFrom(it, s.record)
	}
	f.signal = r.signal(f, what, before, s)
	return f, true
}

// patience is how long a writer may take.
func (it *item) patience() time.Duration {
	if it.settle == 0 {
		return grace
	}
	return max(it.settle, writerMost)
}

// maybeFilled reports whether a change is that of a new folder of a tree, which is told by the files that somebody is about to make in
// it.
func (it *item) maybeFilled(what string, after record) bool {
	return what == Created && after.Kind == directory && it.path != it.root.path && it.root.options.Recurse && it.settle > 0
}

// spread has everything looked at that was in a folder: when it is moved away, only its own name is noted.
func (r *run) spread(it *item) {
	it.spread = true
	for p := range it.root.entries {
		if strings.HasPrefix(p, slashed(it.path)) {
			below := r.touch(it.root, p, false)
			below.noted, below.since = it.noted, it.since
		}
	}
}

// again plans the next look at what is being written, not after end.
func (it *item) again(end time.Time) {
	it.wait = min(max(2*it.wait, firstLook), lastLook)
	it.due = time.Now().Add(it.wait)
	if now := time.Now(); end.After(now) && end.Before(it.due) {
		it.due = end
	}
}

// waits reports whether a change may be half of one, so that its settle time is waited out: what is gone may come back (editors
// rename and write anew), what is new in a folder may be temporary, and what cannot be asked for writers may have some.
func (r *run) waits(it *item, what string, s sight) bool {
	switch what {
	case Removed:
		return true
	case Created:
		return it.path != it.root.path || s.writers == cantAsk
	case Modified:
		return s.writers == cantAsk
	}
	return false
}

// toldByContent reports whether a new folder below a configured one needs no event of its own: the files in it are told.
func (r *run) toldByContent(it *item, what string, after record) bool {
	if what != Created || after.Kind != directory || it.path == it.root.path || !it.root.options.Recurse {
		return false
	}
	empty := true
	_ = r.host.entries(it.path, func(string) bool { empty = false; return false })
	return !empty
}

// readBig has a big file read beside the loop, one at a time.
func (r *run) readBig(it *item, at stamps) {
	it.due = time.Now().Add(DefaultSettle)
	if r.reading != nil {
		return
	}
	flags := unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	if it.path != it.root.path {
		flags |= unix.O_NOFOLLOW
	}
	f, err := r.host.open(it.path, flags)
	if err != nil {
		return // gone: seen at the next look
	}
	st, err := fstat(f)
	if err != nil || kindOf(st.Mode) != regular || st.Ino != at.Ino {
		f.Close()
		return
	}
	r.reading = it
	it.due = time.Now().Add(MaxEvery) // the digest wakes it
	go func() {
		defer f.Close()
		r.digests <- read(r.ctx, f, &st, nil)
	}()
}
