package minion

import (
	"time"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/wire"
)

// Memory is what the outbox remembers, as far as the core needs it.
type Memory struct {
	Inc   event.Incarnation
	First uint64          // the first event still held; Next when none is
	Next  uint64          // the sequence that the next event will get
	Acked uint64          // the last one acknowledged in this incarnation
	Done  map[string]Done // jobs finished, by jid; only in Started
}

// Done is a job that was finished: which attempt, and the event that carries its result.
type Done struct {
	Attempt int
	Inc     event.Incarnation
	Seq     uint64
}

// Input is what happens to the core: one of the types below.
type Input interface{ input() }

type (
	// Started comes first, and only once.
	Started struct{ Memory Memory }
	// Appended says that the outbox holds every event before Next, synced.
	Appended struct{ Next uint64 }
	// Connected says that the dial numbered Conn has reached the master on the bus door.
	Connected struct{ Conn uint64 }
	// ConnectFailed says that it has not. Verdict is what the enrolment door said, if it was asked.
	ConnectFailed struct {
		Conn    uint64
		Err     error
		Verdict identity.VerdictStatus
	}
	// Disconnected ends a connection that was Connected.
	Disconnected struct {
		Conn uint64
		Err  error
	}
	// Received is a message of the master's.
	Received struct {
		Conn uint64
		Msg  wire.Message
	}
	// Compared answers Compare.
	Compared struct {
		Conn uint64
		Same bool
	}
	// Renewed answers Renew.
	Renewed struct{ Memory Memory }
	// Transmitted answers Transmit: events From to To inclusive, Bytes in all, are on their way.
	// To is From-1 when there was nothing to send.
	Transmitted struct {
		Conn     uint64
		From, To uint64
		Bytes    int
	}
	// Finished says that the result of a job is synced, as the event Seq.
	Finished struct {
		JID string
		Done
	}
	// Tick lets time pass. The shell sends it when Core.Wake says so.
	Tick struct{}
)

func (Started) input()       {}
func (Appended) input()      {}
func (Connected) input()     {}
func (ConnectFailed) input() {}
func (Disconnected) input()  {}
func (Received) input()      {}
func (Compared) input()      {}
func (Renewed) input()       {}
func (Transmitted) input()   {}
func (Finished) input()      {}
func (Tick) input()          {}

// Output is what the core wants done: one of the types below. The shell does them in order.
type Output interface{ output() }

type (
	// Dial asks for a connection. The answer is Connected or ConnectFailed, always.
	Dial struct{ Conn uint64 }
	// Hangup ends a connection. No answer is needed, and a late one does no harm.
	Hangup struct {
		Conn   uint64
		Reason string
	}
	// Send sends one message.
	Send struct {
		Conn uint64
		Msg  wire.Message
	}
	// Compare asks whether the event Seq, held or just acknowledged, has the checksum Sum.
	Compare struct {
		Conn uint64
		Seq  uint64
		Sum  uint64
	}
	// Transmit asks to send one batch of events, the first of them From.
	Transmit struct {
		Conn uint64
		From uint64
	}
	// Trim forgets the events up to UpTo; the rejected ones go to the dead letters.
	Trim struct {
		UpTo     uint64
		Rejected []wire.Rejection
	}
	// Renew takes a new incarnation.
	Renew struct{ Reason string }
	// Run starts a job. The answer is Finished, once its result is synced.
	Run struct {
		Job      *wire.Job
		Deadline time.Time
	}
	// Refuse finishes a job without running it. The answer is Finished.
	Refuse struct {
		Job    *wire.Job
		Reason string
	}
	// Set puts in force what the master sets. No answer is needed.
	Set struct{ Settings *wire.Settings }
	// Recall tells the result of a finished job again, for a master that has lost it. The answer is Finished.
	Recall struct{ Job *wire.Job }
	// Fire makes an event of the core's own.
	Fire struct {
		Tag  string
		Data any
	}
	// Log is for people.
	Log struct {
		Warn bool
		Text string
		Args []any
	}
)

func (Dial) output()     {}
func (Hangup) output()   {}
func (Send) output()     {}
func (Compare) output()  {}
func (Transmit) output() {}
func (Trim) output()     {}
func (Renew) output()    {}
func (Run) output()      {}
func (Refuse) output()   {}
func (Recall) output()   {}
func (Set) output()      {}
func (Fire) output()     {}
func (Log) output()      {}
