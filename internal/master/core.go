// Package master is the role that keeps all minions: a core that holds the protocol and every decision, and a
// shell around it that owns the log, the bus, the compiler and the clock. It must never know the command line or HTTP.
package master

import (
	"time"

	"brine/internal/beaconset"
	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/wire"
	"brine/reactors"
)

// Limits and waits of the core.
const (
	maxInflightJobs = 4    // state runs handed to one minion and not finished
	maxWaitingJobs  = 1024 // jobs waiting for one minion; a further decision is told as dead at once
	maxIncarnations = 16   // incarnations of one minion whose high-water mark is kept; the least recent goes
	maxContent      = 4096 // hashes a session may ask for; the oldest go
	maxNamed        = 64   // manifests whose contents a session may ask for; the oldest go
	maxFired        = 8192 // events fired by rules in one step; a further one is told as the rule's failure
	maxHoleEvents   = 16   // rejection events for one batch

	helloTimeout   = 10 * time.Second
	takenTimeout   = 5 * time.Second // a job that is not taken is sent again
	ruleTTL        = 30 * 24 * time.Hour
	failureSilence = time.Minute // between two events that tell of the same rule's failures
)

// CoreOptions are what the core cannot find out by itself.
type CoreOptions struct {
	Version string
	Reactor *reactors.Reactor
	Blast   Blast            // zero: nothing is frozen
	Fleet   *beaconset.Fleet // nil: not known, so that minions keep the beacons that they have
}

// Recovered is what the log remembers.
type Recovered struct {
	Inc        event.Incarnation // of the master's own events: new with each start
	Head       uint64            // the last position
	Received   time.Time         // of the event there
	Cursor     uint64            // the last position that the rules have seen
	HighWaters []HighWater
	Jobs       []job.Job // the open ones, oldest first
	Registry   *identity.Registry
	Minions    []MinionInfo
	Drifts     []DriftRecord
	Holds      []Hold
	Enforcing  map[string]event.Data // job.Enforcing, by minion
	Drifted    []event.Event         // what told of drift within Blast.Window, oldest first
	Runs       []RecoveredRun        // oldest first
}

// Core is the master's side of the protocol, and everything that decides. It is driven by Step alone and has no
// clock, no goroutine, no I/O.
type Core struct {
	opt CoreOptions
	now time.Time
	out []Output

	inc   event.Incarnation // of the master's own events
	seq   uint64            // of the last of them
	pos   uint64
	clock time.Time     // what events are received at: see tick
	react []event.Event // appended, and not yet shown to the rules

	registry *identity.Registry
	minions  map[string]*minion
	sessions map[uint64]*session
	jobs     map[jobKey]*openJob
	exec     lanes               // what the master itself carries out
	fired    int                 // events fired by rules in this step
	runs     map[string]*openRun // by id
	runBytes int                 // of their records
	resuming []*openRun          // runs that a start has found, and that are to go on
	timers   timers
	sweeping bool                // a timerSweep runs
	told     map[string]failures // by rule and what is told of it

	holds        map[string]*hold // by id
	holdsVersion uint64           // counts their changes
	blasts       blasts
}

// minion is what the core holds of one minion, in session or not. One whose key was deleted stays for its marks: should it
// come back, it goes on where it was.
type minion struct {
	info    MinionInfo
	key     identity.Fingerprint // the accepted one; empty for none
	marks   map[event.Incarnation]HighWater
	gap     gap // the last one told
	session *session
	set     map[string]string // hashes of the settings sent in this session, by name
	queue   queue
	drift   drifts

	holds     minionHolds
	enforcing []*sharedState
}

// gap is a hole that was told, so that it is not told with each new session.
type gap struct {
	inc event.Incarnation
	to  uint64
}

// session is one connection that has been admitted.
type session struct {
	conn    uint64
	id      string
	key     identity.Fingerprint
	remote  string
	minion  *minion // nil before Hello
	inc     event.Incarnation
	next    uint64 // the sequence expected
	content map[string]bool
	order   []string       // of content, oldest first
	named   []*job.HashSet // contents that manifests name, oldest first
}

// NewCore makes a core that goes on where the log ends.
func NewCore(now time.Time, opt CoreOptions, r Recovered) *Core {
	c := &Core{
		opt: opt, now: now, inc: r.Inc, pos: r.Head, clock: r.Received, registry: r.Registry,
		minions: map[string]*minion{}, sessions: map[uint64]*session{}, jobs: map[jobKey]*openJob{}, told: map[string]failures{},
		holds: map[string]*hold{}, blasts: blasts{states: map[string]*sharedState{}, spreads: map[string]*spread{}},
		runs: map[string]*openRun{},
	}
	for _, rec := range r.Registry.List() {
		if rec.Status == identity.Accepted {
			c.minion(rec.ID).key = rec.Key
		}
	}
	for _, info := range r.Minions {
		if m := c.minions[info.ID]; m != nil {
			info.Online = false
			m.setInfo(info)
		}
	}
	c.recoverDrift(r.Drifts)
	c.recoverHolds(r.Holds)
	c.recoverBlasts(r)
	for _, hw := range r.HighWaters {
		c.minion(hw.Minion).marks[hw.Inc] = hw
	}
	for _, j := range r.Jobs {
		c.admit(&openJob{Job: j, interrupted: j.Target == event.Master && j.Status == job.Sent})
	}
	c.recoverRuns(r.Runs)
	return c
}

// Step takes one input at a time that never goes backwards and says what is to be done. The slice is valid until the
// next Step.
func (c *Core) Step(now time.Time, in Input) []Output {
	c.tick(now)
	c.fired = 0
	clear(c.out)
	c.out = c.out[:0]
	if _, replay := in.(React); !replay {
		c.resumeRuns()
	}
	switch in := in.(type) {
	case Events:
		c.events(in)
	case Received:
		c.message(in)
	case Opened:
		c.opened(in)
	case Closed:
		c.closed(in)
	case Compiled:
		c.compiled(in)
	case Executed:
		c.executed(in)
	case RetryJob:
		c.retryJob(in)
	case CancelJob:
		c.cancelJob(in)
	case Approval:
		c.approval(in)
	case Enrol:
		c.enrol(in)
	case KeyCommand:
		c.keyCommand(in)
	case TokenCommand:
		c.tokenCommand(in)
	case FireEvent:
		c.fireEvent(in)
	case Submit:
		c.submit(in)
	case Rules:
		c.rules(in)
	case Fleet:
		c.fleet(in)
	case Configure:
		c.configure(in)
	case Pause:
		c.pauseCommand(in)
	case Resume:
		c.resumeCommand(in)
	case Guards:
		c.guards(in)
	case Windows:
		c.windows(in)
	case Maintain:
		c.maintain(in)
	case React:
		c.react = append(c.react, in.Event) // bounded by what lies between cursor and head
		return nil
	case Note:
		c.own(ownEvent{tag: in.Tag, data: in.Data})
	case Started:
		c.execute()
	case Tick:
	}
	c.expire()
	c.reactAll()
	c.execute()
	return c.out
}

// Wake is when the core wants a Tick at the latest; zero for never.
func (c *Core) Wake() time.Time {
	at := c.timers.next()
	next, ok := c.opt.Reactor.Next()
	if end := c.nextHoldEnd(); !end.IsZero() && (!ok || end.Before(next)) {
		next, ok = end, true
	}
	if ok {
		if next = c.now.Add(next.Sub(c.clock)); at.IsZero() || next.Before(at) {
			at = next
		}
	}
	return at
}

// tick lets time pass. The wall clock may be set back; what events are received at never goes back, nor does it stand still
// until the wall clock has caught up, for windows are measured by it.
func (c *Core) tick(now time.Time) {
	if passed := now.Sub(c.now); passed > 0 { // by the monotonic clock, where now has a reading of it
		c.clock = c.clock.Add(passed)
	}
	c.now = now
	if wall := now.Round(0); c.clock.Before(wall) {
		c.clock = wall
	}
}

// Online reports whether a minion has a session.
func (c *Core) Online(id string) bool {
	m := c.minions[id]
	return m != nil && m.session != nil
}

// Minions lists what is known of all accepted minions, in no order.
func (c *Core) Minions() []MinionInfo {
	var list []MinionInfo
	for _, m := range c.minions {
		if m.key != "" {
			list = append(list, m.info)
		}
	}
	return list
}

func (c *Core) emit(o Output) { c.out = append(c.out, o) }

func (c *Core) minion(id string) *minion {
	m := c.minions[id]
	if m == nil {
		m = &minion{info: MinionInfo{ID: id}, marks: map[event.Incarnation]HighWater{}}
		c.minions[id] = m
	}
	return m
}

func (m *minion) setInfo(info MinionInfo) {
	m.info = info
	if v, err := info.Grains.Value(); err == nil {
		m.info.grainsMap, _ = v.(map[string]any)
	}
}

// grains is what conditions and targets see of a minion.
func (c *Core) grains(id string) map[string]any {
	if m := c.minions[id]; m != nil && m.info.grainsMap != nil {
		return m.info.grainsMap
	}
	return map[string]any{}
}

// append gives an event its place in the log and shows it to the rules at the end of the step.
func (c *Core) append(e event.Event, raw wire.RawEvent) event.Event {
	c.pos++
	e.Pos, e.Received = c.pos, c.clock
	c.emit(Append{Event: e, Raw: raw})
	c.react = append(c.react, e)
	return e
}

// ownEvent is an event that the master makes.
type ownEvent struct {
	tag    string
	data   any // or event.Data
	by     string
	causes []event.ID
	depth  uint8
}

func (c *Core) own(o ownEvent) event.Event {
	data, ok := o.data.(event.Data)
	if !ok {
		var err error
		if data, err = event.Encode(o.data); err != nil {
			data, _ = event.Encode(map[string]string{"error": err.Error()})
		}
	}
	if len(o.causes) > event.MaxCauses {
		o.causes = o.causes[:event.MaxCauses]
	}
	c.seq++
	id := event.ID{Origin: event.Master, Inc: c.inc, Seq: c.seq}
	return c.append(event.Event{ID: id, Time: c.now, Tag: o.tag, By: o.by, Causes: o.causes, Depth: o.depth, Data: data}, nil)
}
