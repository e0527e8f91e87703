package minion

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"brine/beacons"
	"brine/internal/event"
	"brine/internal/job"
	"brine/states"
)

// Bounds and waits of enforcement.
const (
	checkEvery     = 10 * time.Minute // between two checks of everything enforced; up to as much again of it is drawn
	warWindow      = 10 * time.Second // so many corrections of one state
	warCorrections = 10               //   within the window make it contested
	warWaitMin     = time.Second      // between two corrections of a contested state; doubles
	warWaitMax     = 4 * time.Second  //   so soon after its end the state is right
	failWaitMax    = 30 * time.Second
	failWait       = 5 * time.Second        // before a correction that failed is tried again; doubles up to failWaitMax
	enforceTimeout = time.Minute            // of one correction
	lookAgain      = 100 * time.Millisecond // after a correction
	armed          = 500 * time.Millisecond // after which the beacon watches what has become enforced
	maxTasks       = 64                     // states in one run; what has drifted meanwhile is in the next
)

// enforcer puts states right that are to be enforced: what it restores is the low state applied last, by this minion
// itself, whether there is a session or not. It tells of every correction by an event.
type enforcer struct {
	m      *Minion
	states map[string]*enforced // by job.Low.Key

	mu       sync.Mutex
	queue    []*enforced            // what is pending or contested; the longest waiting first
	byTag    map[string][]*enforced // by the tail of the tag of the beacon's event
	trees    map[string][]*enforced // the same for folders: what is below drifts with them
	watches  []beacons.Watch
	applying bool        // what is enforced is about to change
	again    []*enforced // undone ones that were applied anew, until the next set
	wake     chan struct{}
	changed  chan struct{}                  // what is to be watched has changed
	wars     atomic.Pointer[[]states.Watch] // what contested states want watched
}

// enforced is one state. The enforcer's mu guards it.
type enforced struct {
	low     job.Low
	key     string // low.Key()
	queued  bool   // stands in the enforcer's queue
	watches []states.Watch
	pending bool       // it may have drifted: see want
	causes  []event.ID // the events that said so
	next    time.Time  // not to be looked at before
	wait    time.Duration
	recent  []time.Time // corrections within warWindow
	total   int
	contest time.Time // the last drift of a contested state; zero where it is not contested
	drifted bool      // warned of, or failed, and not yet right
	arming  bool      // next is the wait until the beacon watches
	undone  bool      // an operator has put back what it had pushed aside: it is left so
	held    bool      // it is only looked at for a while
}

// bucketEnforce is where the outbox remembers, by the state's key, what was told of a state that is out of line: its end is to be
// told too, even by another life of the minion.
const bucketEnforce = "enforce"

func newEnforcer(m *Minion) *enforcer {
	return &enforcer{m: m, states: map[string]*enforced{}, wake: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
}

// merge is what is enforced after low has been applied: of the SLS it was compiled from, only what it holds; of others, what was
// before, unless it is a whole highstate.
func merge(old, low job.LowState) job.LowState {
	var out job.LowState
	if !low.Whole {
		for _, l := range old.States {
			if !slices.Contains(low.Source, l.SLS) {
				out.States = append(out.States, l)
			}
		}
	}
	for _, l := range low.States {
		if l.Enforce != job.EnforceNot {
			l.Require = nil // each is put right by itself
			out.States = append(out.States, l)
		}
	}
	for _, l := range out.States {
		if !slices.Contains(out.Source, l.SLS) {
			out.Source = append(out.Source, l.SLS)
		}
	}
	out.Hash = job.HashStates(out.States)
	return out
}

// set takes what is enforced from now on, and returns what was out of line and is enforced no more. A state that was enforced
// before keeps its history.
func (e *enforcer) set(low job.LowState) (released []job.Low) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.states
	e.states = map[string]*enforced{}
	e.revive()
	for _, l := range low.States {
		s := before[l.Key()]
		if s == nil {
			// What changes before the beacon watches is its first baseline: look once more when it does.
			s = &enforced{key: l.Key(), arming: true, next: time.Now().Add(armed), drifted: e.outOfLine(l), undone: e.outOfLine(l, job.DriftUndone)}
			e.want(s)
		}
		s.low = l
		var err error
		if s.watches, err = e.m.runner.Watches(l); err != nil {
			e.m.log.Error("state cannot be enforced", "state", l.Key(), "error", err)
			continue
		}
		e.states[s.key] = s
	}
	for key, s := range before {
		if e.states[key] == nil && (s.drifted || !s.contest.IsZero()) {
			released = append(released, s.low)
		}
	}
	e.index()
	e.fronts()
	notify(e.wake)
	return released
}

// outOfLine reports whether a state was told to be out of line before the minion started, and how, if that is asked.
func (e *enforcer) outOfLine(l job.Low, how ...string) bool {
	if e.m.outbox == nil {
		return false
	}
	v, err := e.m.outbox.Baseline(bucketEnforce).Get(l.Key())
	if len(how) > 0 {
		return err == nil && slices.Contains(how, string(v))
	}
	return err != nil || len(v) > 0 // told once too often rather than never
}

// index finds states by the tags of beacons' events, and says what is to be watched. The caller holds mu.
func (e *enforcer) index() {
	e.byTag, e.trees = map[string][]*enforced{}, map[string][]*enforced{}
	var watches []beacons.Watch
	for _, s := range e.sorted() {
		for _, w := range s.watches {
			tag := w.Beacon + "/" + event.PathTag(w.Path)
			e.byTag[tag] = append(e.byTag[tag], s)
			if w.Recurse {
				e.trees[tag+"/"] = append(e.trees[tag+"/"], s)
			}
			watches = append(watches, beacons.Watch{Path: w.Path, Recurse: w.Recurse, Link: w.Link})
		}
	}
	if !slices.Equal(watches, e.watches) {
		e.watches = watches
		notify(e.changed)
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will be seen
	}
}

// sorted is the states in an order that does not depend on the map. The caller holds mu.
func (e *enforcer) sorted() []*enforced {
	list := make([]*enforced, 0, len(e.states))
	for _, s := range e.states {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *enforced) int { return strings.Compare(a.key, b.key) })
	return list
}

// watched is what the file beacon is to watch beside its configuration.
func (e *enforcer) watched() []beacons.Watch {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.watches
}

// fronts finds what contested states want watched. The caller holds mu.
func (e *enforcer) fronts() {
	var wars []states.Watch
	for _, s := range e.queue { // whatever is contested stands there
		if !s.contest.IsZero() && e.states[s.key] == s {
			wars = append(wars, s.watches...)
		}
	}
	e.wars.Store(&wars)
}

// pace is how often a path of a contested state is told: each event of a war would cost a commit. It is beacons.Env.Pace.
func (e *enforcer) pace(path string) time.Duration {
	wars := e.wars.Load()
	if wars == nil {
		return 0
	}
	for _, w := range *wars {
		if path == w.Path || w.Recurse && strings.HasPrefix(path, strings.TrimSuffix(w.Path, "/")+"/") {
			return warWaitMin
		}
	}
	return 0
}

// noticed takes note of a beacon's event: tag is its tail, behind the minion's name. What is as Brine made it matters only to a
// state that was out of line: it may be right again.
func (e *enforcer) noticed(tag string, own bool, cause event.ID, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	hit := e.byTag[tag]
	for prefix, list := range e.trees {
		if strings.HasPrefix(tag, prefix) {
			hit = append(hit[:len(hit):len(hit)], list...)
		}
	}
	for _, s := range hit {
		if own {
			if s.drifted {
				e.want(s)
			}
			continue
		}
		e.want(s)
		if s.arming { // it watches already
			s.arming, s.next = false, time.Time{}
		}
		if len(s.causes) < event.MaxCauses {
			s.causes = append(s.causes, cause)
		}
		if !s.contest.IsZero() {
			s.contest = now
		}
	}
}

// want has a state looked at. The caller holds mu.
func (e *enforcer) want(s *enforced) {
	s.pending = true
	if !s.queued {
		s.queued = true
		e.queue = append(e.queue, s)
	}
	notify(e.wake)
}

// checkAll has everything looked at, as if it had drifted.
func (e *enforcer) checkAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sorted() {
		e.want(s)
	}
}

// run puts right what drifts until ctx ends, and looks at everything at the start and from time to time.
func (e *enforcer) run(ctx context.Context) error {
	e.checkAll()
	splay := func() time.Duration { return checkEvery + time.Duration(rand.Float64()*float64(checkEvery)) }
	full := time.NewTimer(splay())
	defer full.Stop()
	for {
		again := e.work(ctx)
		var later <-chan time.Time
		if !again.IsZero() {
			later = time.After(time.Until(again))
		}
		select {
		case <-e.wake:
		case <-later:
		case <-full.C:
			e.checkAll()
			full.Reset(splay())
		case <-ctx.Done():
			return nil
		}
	}
}

// task is one state to be looked at now.
type task struct {
	s      *enforced
	low    job.Low
	causes []event.ID
	held   string // why it is only looked at
}

// work looks at every state that is due, and says when the next one will be.
func (e *enforcer) work(ctx context.Context) (again time.Time) {
	for {
		tasks, at := e.due(time.Now())
		if len(tasks) == 0 || ctx.Err() != nil {
			return at
		}
		e.put(ctx, tasks)
	}
}

// due takes the states that may have drifted, as many as one run takes; without one it says when the next will be due.
func (e *enforcer) due(now time.Time) (tasks []task, again time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.applying {
		return nil, again
	}
	left := e.queue[:0]
	for _, s := range e.queue {
		at := s.next
		switch {
		case e.states[s.key] != s, s.undone, !s.pending && s.contest.IsZero():
			s.queued = false
			continue
		case !s.pending: // contested, and quiet: is it over?
			at = s.contest.Add(s.wait + warWaitMin)
		}
		if now.Before(at) || len(tasks) == maxTasks {
			left = append(left, s)
			if again.IsZero() || at.Before(again) {
				again = at
			}
			continue
		}
		tasks = append(tasks, task{s: s, low: s.low, causes: s.causes})
		s.pending, s.arming, s.causes = false, false, nil
		if s.queued = !s.contest.IsZero(); s.queued {
			left = append(left, s)
		}
	}
	clear(e.queue[len(left):])
	e.queue = left
	return tasks, again
}

// put brings states about, or in warn mode and while they are held says how they differ, and tells what came of it.
func (e *enforcer) put(ctx context.Context, tasks []task) {
	var look, mend []task
	for _, t := range tasks {
		if t.held = e.holding(t); t.held != "" {
			defer e.keep(t)
		}
		if t.held != "" || t.low.Enforce == job.EnforceWarn {
			look = append(look, t)
		} else {
			mend = append(mend, t)
		}
	}
	e.putAll(ctx, mend, false)
	e.putAll(ctx, look, true)
}

// putAll is one run; look: nothing is changed.
func (e *enforcer) putAll(ctx context.Context, tasks []task, look bool) {
	if len(tasks) == 0 {
		return
	}
	tasks, results := e.m.enforce(ctx, tasks, look)
	if ctx.Err() != nil || len(results) != len(tasks) {
		return
	}
	var news []drift
	for i, r := range results {
		if what, ok := e.judge(tasks[i].s, r, time.Now()); ok {
			news = append(news, drift{tasks[i], r, what})
		}
	}
	e.tell(ctx, news)
}
