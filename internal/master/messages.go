package master

import (
	"time"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/wire"
	"brine/reactors"
)

// Input is what happens to the core: one of the types below.
type Input interface{ input() }

type (
	// Started comes first: what the log remembers as open and needs no minion goes on.
	Started struct{}
	// Opened is a connection on the bus door, by a key that was admitted. Conn numbers it for ever.
	Opened struct {
		Conn   uint64
		Key    identity.Fingerprint
		Remote string
	}
	// Closed ends a connection.
	Closed struct {
		Conn uint64
		Err  error
	}
	// Received is a message of a minion's, other than Events.
	Received struct {
		Conn uint64
		Msg  wire.Message
	}
	// Events are a minion's events, decoded off the core's path.
	Events struct {
		Conn  uint64
		First uint64
		Items []Item
	}
	// Enrol is a request on the enrolment door. It is answered with Reply.
	Enrol struct {
		Ref    Ref
		Key    identity.Fingerprint
		Remote string
		Req    identity.Request
	}
	// KeyCommand is an operator's act on keys. It is answered with Reply.
	KeyCommand struct {
		Ref Ref
		Act KeyAct
		Who []string // ids or fingerprints
		By  string
	}
	// TokenCommand adds a join token. It is answered with Reply.
	TokenCommand struct {
		Ref   Ref
		Token identity.Token
		By    string
	}
	// FireEvent is an event of an operator's. It is answered with Reply.
	FireEvent struct {
		Ref  Ref
		Tag  string
		Data event.Data
		By   string
	}
	// Submit is a job of an operator's, for every accepted minion that Match says. It is answered with Reply.
	Submit struct {
		Ref   Ref
		Fun   string
		Args  job.Args
		Match func(id string, grains map[string]any) bool
		TTL   time.Duration // from now to the deadline
		By    string
	}
	// Compiled answers Compile.
	Compiled struct {
		JID, Target string
		Low         *job.LowState
		Named       []*job.HashSet // by the manifests in Low
		Err         error
	}
	// Executed answers Execute.
	Executed struct {
		JID    string
		Result job.Result
	}
	// RetryJob gives jobs that ended another life: those of one jid, as the log has them. It is answered with Reply.
	RetryJob struct {
		Ref  Ref
		Jobs []job.Job
		By   string
	}
	// CancelJob ends the open jobs of a jid, or a run by its id. It is answered with Reply.
	CancelJob struct {
		Ref    Ref
		JID    string
		Target string // empty for all
		By     string
	}
	// Approval is an operator's answer to an approve step. It is answered with Reply.
	Approval struct {
		Ref  Ref
		ID   string
		Deny bool
		Why  string
		By   string
	}
	// Rules puts another set of rules in force.
	Rules struct {
		Set    *reactors.Set
		Reason string // for the event that tells it
	}
	// Pause pauses rules, or what puts the minions of a target right. It is answered with Reply.
	Pause struct {
		Ref          Ref
		Rules        []string
		Tgt, TgtType string
		For          time.Duration
		Why, By      string
	}
	// Resume ends pauses and suspensions of rules, or the hold on a target or a state. It is answered with Reply.
	Resume struct {
		Ref                 Ref
		Rules               []string
		Tgt, TgtType, State string
		All                 bool // but what froze a state
		By                  string
	}
	// Guards asks what does not act at present. It is answered with Reply.
	Guards struct{ Ref Ref }
	// Windows asks for the open windows of a rule, or of all. It is answered with Reply.
	Windows struct {
		Ref  Ref
		Rule string
	}
	// Maintain begins a maintenance window of the configuration's, unless it has been begun before: its id says so.
	Maintain struct{ Hold Hold }
	// React feeds an event that is in the log already to the rules: what lies between cursor and head after a crash, in
	// order, before anything else. The rules see them all in the next Step, whose commit moves the cursor past them.
	React struct{ Event event.Event }
	// Note makes an event of the shell's own.
	Note struct {
		Tag  string
		Data any
	}
	// Tick lets time pass. The shell sends it when Core.Wake says so.
	Tick struct{}
)

func (Started) input()      {}
func (Opened) input()       {}
func (Closed) input()       {}
func (Received) input()     {}
func (Events) input()       {}
func (Enrol) input()        {}
func (KeyCommand) input()   {}
func (TokenCommand) input() {}
func (FireEvent) input()    {}
func (Submit) input()       {}
func (Compiled) input()     {}
func (Executed) input()     {}
func (Rules) input()        {}
func (RetryJob) input()     {}
func (CancelJob) input()    {}
func (Approval) input()     {}
func (React) input()        {}
func (Pause) input()        {}
func (Resume) input()       {}
func (Guards) input()       {}
func (Windows) input()      {}
func (Maintain) input()     {}
func (Note) input()         {}
func (Tick) input()         {}

// Ref ties an answer to a question. The core hands it back and never looks inside.
type Ref any

// Item is one event of a minion's as it came, and what decoding made of it.
type Item struct {
	Raw   wire.RawEvent
	Event wire.Event
	Err   error // why it can never be taken
}

// Output is what the core wants done: one of the types below. All that stores goes into one synced commit with the
// rest of the step, and of the steps before that wait for the same commit; all else is done only after it, in order.
type Output interface{ output() }

// What stores.
type (
	Append struct {
		Event event.Event
		Raw   wire.RawEvent
	} // Raw is nil for the master's own
	HighWater struct {
		Minion   string
		Inc      event.Incarnation
		Seq, Sum uint64
		Updated  time.Time
		Drop     bool // forget it
	}
	PutJob struct {
		Job  job.Job
		Sync bool // it must be on disk before anything else is done
	}
	// PutRun keeps a run of a rule's steps; nil deletes it.
	PutRun struct {
		ID    string
		Value []byte // see DecodeRun
	}
	PutVerdict struct {
		Pos      uint64
		Verdicts []Verdict
	}
	PutReactor struct{ KV reactors.KV }
	PutKey     struct{ Change identity.Change }
	PutMinion  struct{ Minion MinionInfo }
	Cursor     struct{ Pos uint64 }
	// PutDrift keeps what is known of an enforced state under a key of its minion's; nil deletes it.
	PutDrift struct {
		Minion, Key string
		Record      *DriftRecord
	}
	// PutRecord keeps a record of its own; nil deletes it.
	PutRecord struct {
		Bucket, Key string
		Value       event.Data
	}
)

// What acts.
type (
	// Send sends one message.
	Send struct {
		Conn uint64
		Msg  wire.Message
	}
	// Serve answers a Get of a minion's with a Chunk.
	Serve struct {
		Conn uint64
		Get  wire.Get
	}
	// Hangup ends a connection, with a Bye where the session got so far.
	Hangup struct {
		Conn uint64
		Bye  *wire.Bye
	}
	// Compile asks for the low state of a job. It reads only, and so may begin before the commit.
	Compile struct {
		Job    job.Job
		Grains map[string]any
	}
	// Execute runs a master.exec. The answer is Executed.
	Execute struct{ Job job.Job }
	// Abort ends an Execute under way: nobody waits for its result.
	Abort struct{ JID string }
	// Reply answers an operator or the enrolment door.
	Reply struct {
		Ref   Ref
		Value any
		Err   error
	}
	// Log is for people.
	Log struct {
		Warn bool
		Text string
		Args []any
	}
)

func (Append) output()     {}
func (HighWater) output()  {}
func (PutJob) output()     {}
func (PutRun) output()     {}
func (Abort) output()      {}
func (PutVerdict) output() {}
func (PutReactor) output() {}
func (PutKey) output()     {}
func (PutMinion) output()  {}
func (Cursor) output()     {}
func (PutDrift) output()   {}
func (PutRecord) output()  {}
func (Send) output()       {}
func (Serve) output()      {}
func (Hangup) output()     {}
func (Compile) output()    {}
func (Execute) output()    {}
func (Reply) output()      {}
func (Log) output()        {}

// Verdict is what a rule said of an event, and the jobs that came of it.
type Verdict struct {
	reactors.Verdict
	Jobs   []string `json:"jobs,omitempty"`   // jids of new jobs
	Merged []string `json:"merged,omitempty"` // jids of waiting jobs that ask the same already
	Fired  []string `json:"fired,omitempty"`  // ids of the events it fired
	Run    string   `json:"run,omitempty"`    // the id of the run of its steps, where there is one
}

// MinionInfo is what the master remembers of a minion besides its key.
type MinionInfo struct {
	ID        string            `json:"id"`
	Online    bool              `json:"online"`
	Since     time.Time         `json:"since"` // when it came or went
	Remote    string            `json:"remote,omitempty"`
	Version   string            `json:"version,omitempty"`
	Inc       event.Incarnation `json:"incarnation"`
	OffsetNS  int64             `json:"clock_offset_ns"` // the minion's clock minus the master's, at the last greeting
	Grains    event.Data        `json:"grains,omitempty"`
	grainsMap map[string]any
}
