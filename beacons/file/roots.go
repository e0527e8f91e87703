package file

import (
	"errors"
	"hash/fnv"
	"path"
	"strings"
	"time"

	"brine/beacons"
)

// Keys of the baseline: of a file, and of a configured path.
const (
	keyEntry = "e:" // + path: record
	keyRoot  = "r:" // + path: "tree" or "flat", once everything below it has been seen for the first time
)

// root is one configured path.
type root struct {
	path    string
	options Options
	stop    func()    // of its watch; nil: the kernel does not tell of it
	why     string    // with stop nil: the error, as told
	next    time.Time // of the next periodic comparison
	fresh   bool      // never seen before: what is found at the start is the baseline
	deeper  bool      // was configured without recurse before: the same for what lies deeper
	silent  int       // items that only set the baseline
	pairs   pairs
	entries map[string]record    // the baseline of what it owns; the stamps may be newer than on disk
	told    map[string]time.Time // when a path was told last, where that matters: see pace
	wakes   time.Time            // when it is looked at next, while it rests; zero: it is watched
}

// newRoot makes a root of which nothing is known and that is not watched yet.
func newRoot(p string, o Options) *root {
	t := &root{path: p, options: o, fresh: true, entries: map[string]record{}, pairs: pairs{gone: map[uint64]*item{}, come: map[uint64]*item{}}}
	t.next = time.Now().Add(t.jitter())
	return t
}

// depth is how far below the root a path lies; -1: it is no part of it.
func (t *root) depth(p string) int {
	if p == t.path {
		return 0
	}
	below := strings.TrimPrefix(p, slashed(t.path))
	if len(below) == len(p) {
		return -1
	}
	return 1 + strings.Count(below, "/")
}

func (t *root) covers(p string) bool {
	d := t.depth(p)
	return d == 0 || !t.options.link && (d == 1 || d > 1 && t.options.Recurse)
}

func slashed(dir string) string {
	if dir == "/" {
		return dir
	}
	return dir + "/"
}

// owner finds the configured path that a path belongs to: the longest of those that cover it, so that it is told once, or
// excluded. Brine's drafts belong to none, unless one is configured itself.
func (r *run) owner(p string) *root { return ownerIn(r.roots, p) }

func ownerIn(roots map[string]*root, p string) *root {
	for at := p; ; at = path.Dir(at) {
		if t := roots[at]; t != nil && t.covers(p) {
			if t.excluded(p) {
				return nil
			}
			return t
		}
		if at == "/" || draft(path.Base(at)) {
			return nil
		}
	}
}

// draftPrefix begins the name of what Brine makes for a moment beside a file that it replaces: internal/hostfs names them, which no
// beacon may import.
const draftPrefix = ".brine-"

// draft reports whether a name is that of a draft: the prefix, 16 lower-case hexadecimal digits, and perhaps "~".
func draft(name string) bool {
	digits, ok := strings.CutPrefix(name, draftPrefix)
	if digits = strings.TrimSuffix(digits, "~"); !ok || len(digits) != 16 {
		return false
	}
	return strings.Trim(digits, "0123456789abcdef") == ""
}

// jitter spreads the periodic comparisons: the first comes after half to all of the interval, by the path.
func (t *root) jitter() time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.path))
	half := t.options.every() / 2
	return half + time.Duration(float64(half)*float64(h.Sum32())/(1<<32))
}

// watch has the kernel tell of a root. What it cannot, is told once, compared periodically and tried again then.
func (r *run) watch(t *root) {
	real := path.Join(r.host.root, t.path)
	stop, err := r.env.Files.Watch(real, t.options.Recurse, func(n beacons.Note) { r.inbox.put(t, r.below(n)) })
	if err == nil {
		t.stop, t.why = stop, ""
		return
	}
	if why := err.Error(); why != t.why {
		t.why = why
		r.log.Error("a path is only compared now and then", "path", t.path, "error", err)
		r.extra = append(r.extra, beacons.Signal{Tag: Unwatched, Data: Data{Path: text(t.path), Change: Unwatched, Reason: why}})
	}
}

// below takes the host's root off a note's path.
func (r *run) below(n beacons.Note) beacons.Note {
	if r.host.root != "/" {
		n.Path = path.Join("/", strings.TrimPrefix(n.Path, r.host.root))
	}
	return n
}

// load reads the baseline, and gives up what belongs to no configured path any more.
func (r *run) load() error {
	err := r.env.Baseline.Each(keyEntry, func(key string, value []byte) error {
		p := strings.TrimPrefix(key, keyEntry)
		rec, err := decodeRecord(value)
		if err != nil {
			r.log.Warn("a baseline cannot be read; the file counts as new", "path", p, "error", err)
			return nil
		}
		if t := r.owner(p); t != nil && (t.included(p) || rec.Kind == directory) {
			t.entries[p] = rec
		} else {
			r.set = append(r.set, beacons.KV{Key: key})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := r.loadTexts(); err != nil {
		return err
	}
	return r.env.Baseline.Each(keyRoot, func(key string, value []byte) error {
		t := r.roots[strings.TrimPrefix(key, keyRoot)]
		if t == nil {
			r.set = append(r.set, beacons.KV{Key: key})
			return nil
		}
		t.fresh = false
		t.deeper = t.options.Recurse && string(value) == "flat"
		if string(value) == "tree" && !t.options.Recurse {
			r.set = append(r.set, t.marker()) // deeper entries were given up above
		}
		return nil
	})
}

// marker is the baseline that says that a root has been seen.
func (t *root) marker() beacons.KV {
	value := "flat"
	if t.options.Recurse {
		value = "tree"
	}
	return beacons.KV{Key: keyRoot + t.path, Value: []byte(value)}
}

// maxEntries bounds the files of all configured paths together.
const maxEntries = 1 << 20

var errTooMany = errors.New("the configured paths hold more than 1048576 files; name fewer or smaller ones")

// scan compares everything at and below p, as far as it belongs to t, by its stamps: what differs becomes an item. first: what has
// no baseline there has been there all the time.
func (r *run) scan(t *root, p string, first bool) error {
	return r.scanAs(t, p, func(p string) bool { return first && (t.fresh || t.deeper && t.depth(p) > 1) })
}

// scanAs is scan, with who says whether a path without a baseline has been there all the time.
func (r *run) scanAs(t *root, p string, always func(path string) bool) error {
	s := survey{always: always}
	if len(t.entries) > 0 {
		s.seen = map[string]bool{} // else nothing can be missing
	}
	r.scanning = true
	err := r.walk(t, p, &s)
	if r.scanning = false; err != nil {
		return err
	}
	if s.seen == nil {
		return nil
	}
	if rec, known := t.entries[p]; known && p != t.path && rec.Kind != directory {
		if !s.seen[p] {
			r.touch(t, p, false)
		}
		return nil // nothing is known below it
	}
	for known := range t.entries {
		if !s.seen[known] && (known == p || strings.HasPrefix(known, slashed(p))) {
			r.touch(t, known, false)
		}
	}
	return nil
}

// survey is one scan.
type survey struct {
	always func(path string) bool
	found  int             // paths
	later  int             // items that were not due when some were looked at meanwhile
	seen   map[string]bool // those of them that may have been known; nil: nothing was
}

// scanWork is how many items may wait before a scan that finds them looks at some: a large tree that is seen for the first time is not
// held in memory twice.
const scanWork = 4096

func (r *run) walk(t *root, p string, s *survey) error {
	o := r.owner(p)
	if r.ctx.Err() != nil || o == nil || o != t && o.options.Recurse {
		return nil
	}
	if s.found >= maxEntries {
		return errTooMany
	}
	if len(r.items)-s.later >= scanWork {
		r.work()
		s.later = len(r.items)
	}
	st, err := r.host.stat(p, false)
	if err != nil {
		return nil // what was there and is not is found by scan
	}
	isRoot, isDir := p == t.path, kindOf(st.Mode) == directory
	if o == t && (isDir || t.included(p)) {
		s.found++
		if s.seen != nil {
			s.seen[p] = true
		}
		_, known := t.entries[p]
		silent := !known && s.always(p)
		if silent || t.differs(p, recordOf(&st)) {
			r.touch(t, p, silent)
		}
	}
	if isRoot && kindOf(st.Mode) == symlink && !t.options.link {
		to, err := r.host.stat(p, true) // a configured link is followed
		isDir = err == nil && kindOf(to.Mode) == directory
	}
	if !isDir || !isRoot && !t.options.Recurse {
		return nil
	}
	return r.walkFolder(t, p, s)
}

// differs reports whether a file may be another than its baseline; only its content decides where the stamps do not.
func (t *root) differs(p string, now record) bool {
	old := t.entries[p]
	switch now.Kind {
	case regular:
		return !old.untouched(now.stamps)
	case directory:
		return old.Kind != directory || !old.sameAttributes(now)
	}
	return true // links and what else is rare
}

func (r *run) walkFolder(t *root, p string, s *survey) (fault error) {
	err := r.host.entries(p, func(name string) bool {
		fault = r.walk(t, path.Join(p, name), s)
		return fault == nil && r.ctx.Err() == nil
	})
	if err != nil && !notThere(err) {
		r.log.Debug("a folder cannot be read", "path", p, "error", err)
		for known := range t.entries { // not seen is not gone
			if s.seen != nil && strings.HasPrefix(known, slashed(p)) {
				s.seen[known] = true
			}
		}
	}
	return fault
}
