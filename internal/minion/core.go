// Package minion is the role that runs on every server: a core that holds the protocol and a shell around it that
// owns the outbox, the bus connection, the beacons and the runs. It must never know the master's store, a template
// engine or CEL.
package minion

import (
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/wire"
)

// Limits and waits of the core.
const (
	maxQueuedJobs    = 16      // jobs held; a further one is not taken, and comes again
	maxInflightBytes = 4 << 20 // bytes of events sent and not acknowledged
	maxDone          = 8192    // finished jobs remembered: twice what the outbox tells at the start, in no order, so that none of late is forgotten

	helloTimeout    = 10 * time.Second // from Connected to Welcome
	ackTimeout      = 5 * time.Second  // without progress, what is not acknowledged is sent again; doubles each time
	ackTimeoutMax   = time.Minute
	backoffMin      = 100 * time.Millisecond
	backoffMax      = 30 * time.Second
	pendingAttempts = 6               // that count, while the key waits to be accepted: 3 to 6 s between two questions
	stable          = time.Minute     // a session that the master ends sooner counts as a failed attempt
	steady          = 5 * time.Second // the same for one that the network ended
	rejectedWait    = time.Minute     // the same for a rejected key
)

// CoreOptions are what the core cannot find out by itself.
type CoreOptions struct {
	ID      string
	Version string
	Grains  event.Data
	Permit  func(*wire.Job) error // nil permits; pure
	// Functions are what the shell can do, by name; true for those that are run one at a time. Nil is state.apply and test.ping.
	Functions map[string]bool
	Jitter    func() float64 // in [0,1): spreads reconnects; the simulator seeds it
}

// phase is where the session stands.
type phase int

const (
	idle      phase = iota // waiting to dial at retryAt
	dialling               // Dial is out
	greeting               // Hello is out
	comparing              // Compare is out
	renewing               // Renew is out
	up                     // events flow
)

// Core is the minion's side of the protocol. It is driven by Step alone and has no clock, no goroutine, no I/O.
type Core struct {
	opt CoreOptions
	now time.Time
	out []Output

	mem     Memory // First is not kept: it follows from Acked
	started bool

	phase    phase
	conn     uint64    // the number of the newest dial
	attempts int       // dials since a session was last up, and not ended by the master at once
	since    time.Time // phase up
	retryAt  time.Time // phase idle
	deadline time.Time // phases greeting to renewing
	link     link

	queue   []queued
	running string          // jid of the state run under way
	done    map[string]Done // finished, or under way with the sequence underWay
	order   []string        // jids of done, oldest first
}

// NewCore makes a core that waits for Started.
func NewCore(opt CoreOptions) *Core {
	if opt.Functions == nil {
		opt.Functions = map[string]bool{job.StateApply: true, job.TestPing: false}
	}
	return &Core{opt: opt, done: map[string]Done{}}
}

// Step takes one input at a time that never goes backwards and says what is to be done. The slice is valid until the
// next Step.
func (c *Core) Step(now time.Time, in Input) []Output {
	c.now = now
	clear(c.out)
	c.out = c.out[:0]
	switch in := in.(type) {
	case Started:
		c.start(in)
	case Appended:
		c.mem.Next = max(c.mem.Next, in.Next)
	case Connected:
		c.connected(in)
	case ConnectFailed:
		c.connectFailed(in)
	case Disconnected:
		c.disconnected(in)
	case Received:
		c.received(in)
	case Compared:
		c.compared(in)
	case Renewed:
		c.renewed(in)
	case Transmitted:
		c.transmitted(in)
	case Finished:
		c.finished(in)
	case Tick:
	}
	c.expire()
	c.pump()
	c.runNext()
	return c.out
}

// Wake is when the core wants a Tick at the latest; zero for never.
func (c *Core) Wake() time.Time {
	switch c.phase {
	case idle:
		return c.retryAt // zero before Started
	case greeting, comparing:
		return c.deadline
	case up:
		return c.link.deadline()
	}
	return time.Time{} // dialling and renewing are always answered
}

// Up reports whether a session is established.
func (c *Core) Up() bool { return c.phase == up }

func (c *Core) emit(o Output) { c.out = append(c.out, o) }

func (c *Core) logf(warn bool, text string, args ...any) {
	c.emit(Log{Warn: warn, Text: text, Args: args})
}

func (c *Core) start(in Started) {
	c.mem = in.Memory
	for jid, d := range in.Memory.Done {
		c.remember(jid, d)
	}
	c.mem.Done = nil
	c.started = true
	c.phase, c.retryAt = idle, c.now
}

// expire does what time has made due.
func (c *Core) expire() {
	if !c.started {
		return
	}
	switch c.phase {
	case idle:
		if !c.now.Before(c.retryAt) {
			c.dial()
		}
	case greeting, comparing:
		if !c.now.Before(c.deadline) {
			c.hangup("the master did not answer the greeting")
		}
	case up:
		if at := c.link.deadline(); !at.IsZero() && !c.now.Before(at) {
			c.link.rewind(c.now)
		}
	}
}
