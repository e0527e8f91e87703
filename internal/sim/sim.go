// Package sim runs the cores of both roles, the very code that runs in production, over a simulated network and simulated
// disks, under a clock that jumps. Everything that happens follows from a seed: messages are dropped, doubled and
// overtake each other, connections break, both sides crash between any two steps and lose what was not synced,
// a minion's disk is restored from a snapshot. It owns no protocol: it must never decide what a core should have decided.
package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"
)

// Options say how bad the world is. Probabilities are of one message, or of one second.
type Options struct {
	Seed     uint64
	Minions  int
	Events   int           // that each minion fires
	Duration time.Duration // of the bad times; afterwards all faults end and everything must come right

	Drop      float64 // a message is lost, and the connection stays
	Double    float64 // a message comes twice
	Overtake  float64 // a message is late, and others overtake it
	Cut       float64 // a second: a connection breaks
	Crash     float64 // a second: a minion crashes
	Fall      float64 // a second: the master crashes
	Snapshot  float64 // a second: a minion's disk is put back to what it was some time ago
	Backup    float64 // a second: the master's disk is
	Rekey     float64 // a second: an operator shuts a minion's key out, and lets it in again later
	Clones    int     // of minions, with a copy of the disk, that come up beside the first while it lives
	Uncompile float64 // a state does not compile
	Refused   float64 // an event is one that the minion may not fire
	Fail      float64 // what a job does fails
	Submits   int     // an operator's jobs, half of them with deadlines that pass
}

// World is one simulation.
type World struct {
	opt     Options
	rng     *rand.Rand
	now     time.Time
	queue   agenda
	order   uint64
	bad     bool // faults may happen
	master  *masterNode
	minions []*minionNode
	conns   map[connKey]*conn
	oracle  oracle
	trace   []string
}

// epoch is where every simulation begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// settle is how long everything may take to come right when the faults have ended.
const settle = 10 * time.Minute

// maxTrace bounds what is kept to print when something is wrong.
const maxTrace = 400

// Run runs one simulation and says what promise was broken.
func Run(opt Options) (*World, error) {
	w := &World{
		opt: opt, rng: rand.New(rand.NewPCG(opt.Seed, 0x6272696e65)), now: epoch, bad: true,
		conns: map[connKey]*conn{}, oracle: newOracle(),
	}
	w.master = newMaster(w)
	for i := range opt.Minions {
		w.minions = append(w.minions, newMinion(w, fmt.Sprintf("m%d", i)))
	}
	w.master.accept(w.minions)
	w.minions = append(w.minions, newMinion(w, intruder)) // whose key nobody accepts
	w.master.start()
	for _, m := range w.minions {
		m.start()
		m.schedule()
	}
	w.plan()
	w.every(time.Second, w.misfortune)
	w.runUntil(epoch.Add(opt.Duration))
	w.bad = false
	w.heal()
	w.runUntil(w.now.Add(settle))
	return w, w.check()
}

// intruder is the id of a minion that nobody has accepted.
const intruder = "intruder"

func (w *World) chance(p float64) bool { return w.bad && p > 0 && w.rng.Float64() < p }

// between draws a time.
func (w *World) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(w.rng.Int64N(int64(hi-lo)+1))
}

// every runs f once, after d; who wants more asks again.
func (w *World) every(d time.Duration, f func()) { w.at(w.now.Add(d), f) }

func (w *World) at(t time.Time, f func()) {
	w.order++
	heap.Push(&w.queue, entry{t, w.order, f})
}

func (w *World) runUntil(end time.Time) {
	for len(w.queue) > 0 && !w.queue[0].at.After(end) {
		e := heap.Pop(&w.queue).(entry)
		w.now = e.at
		e.f()
	}
	w.now = end
}

func (w *World) logf(format string, args ...any) {
	if len(w.trace) >= maxTrace {
		w.trace = w.trace[1:]
	}
	w.trace = append(w.trace, fmt.Sprintf("%12s ", w.now.Sub(epoch))+fmt.Sprintf(format, args...))
}

// Trace is the last things that happened.
func (w *World) Trace() []string { return w.trace }

type entry struct {
	at    time.Time
	order uint64
	f     func()
}

// agenda is what will happen, soonest first; at one time, in the order it was planned.
type agenda []entry

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if !a[i].at.Equal(a[j].at) {
		return a[i].at.Before(a[j].at)
	}
	return a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(entry)) }
func (a *agenda) Pop() any {
	n := len(*a) - 1
	x := (*a)[n]
	*a = (*a)[:n]
	return x
}
