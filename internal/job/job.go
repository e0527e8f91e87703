// Package job holds what the master asks of minions and what comes back: jobs, low states and results. It is plain
// values: it must never know a bus, a store or a role.
package job

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"brine/internal/event"
)

// Functions that a minion knows.
const (
	StateApply  = "state.apply"  // put a low state right
	StateSingle = "state.single" // put one state right, which stands in no file
	StateUndo   = "state.undo"   // put back what was pushed aside
	StateKept   = "state.kept"   // say what can be put back
	StateFetch  = "state.fetch"  // give the content of one file to the operator who asks
	TestPing    = "test.ping"    // answer
	BeaconsNow  = "beacon.list"  // say which beacons run, and how they are
	CmdRun      = "cmd.run"      // run a command
)

// Actions that the master itself carries out.
const (
	EventFire  = "event.fire"
	MasterExec = "master.exec"
)

// Status is where a job stands.
type Status string

// The order of a job's life. Waiting and Sent are open, all others are final.
const (
	Waiting   Status = "waiting"   // durable; the minion is away, or busy with as many jobs as it takes
	Sent      Status = "sent"      // handed to the minion's session; sent again if the session ends
	Succeeded Status = "succeeded" // the minion's result says so
	Failed    Status = "failed"    // the result says so, or the minion refused it; of a rule's job, that this was to be ignored
	Expired   Status = "expired"   // its deadline passed before a result came
	Dead      Status = "dead"      // it could not be compiled or carried out, or failed, as often as it was tried: a dead letter
	Cancelled Status = "cancelled" // by an operator, because the minion's key was deleted, or because others had failed
)

// Open reports whether the job still waits for something.
func (s Status) Open() bool { return s == Waiting || s == Sent }

// Job is an intent for one target: it says what to bring about, never how. For a minion it is compiled when the
// minion can take it, so that a minion that returns after a week gets today's state.
type Job struct {
	JID      string     `json:"jid"`
	Target   string     `json:"target"` // the id of a minion, or event.Master
	Fun      string     `json:"fun"`
	Args     Args       `json:"args"`
	Rule     string     `json:"rule,omitempty"` // the rule that decided it
	Step     int        `json:"step"`           // the place in the rule's do list, from 0
	By       string     `json:"by,omitempty"`   // the operator who asked for it
	Causes   []event.ID `json:"causes,omitempty"`
	Depth    uint8      `json:"depth"` // of the events that come of it
	Created  time.Time  `json:"created"`
	Deadline time.Time  `json:"deadline"`
	Status   Status     `json:"status"`
	Attempt  int        `json:"attempt"` // from 1; each decision that joined it while it waited counts too
	Updated  time.Time  `json:"updated"`
	New      event.ID   `json:"new"`               // the event brine/job/<jid>/new
	Ret      event.ID   `json:"ret"`               // the event that carried the result
	Error    string     `json:"error,omitempty"`   // why it is Failed, Expired, Dead
	Merged   int        `json:"merged,omitempty"`  // later decisions for the same that joined it while it waited
	Retry    *Retry     `json:"retry,omitempty"`   // nil: DefaultRetry of Fun
	Tries    int        `json:"tries,omitempty"`   // that failed, since it was decided or last asked for again
	Next     time.Time  `json:"next,omitzero"`     // not before is it tried again
	Cut      int        `json:"cut,omitempty"`     // how often the master ended while it ran
	Fragile  bool       `json:"fragile,omitempty"` // not tried again when the master ended while it ran
	Ignore   bool       `json:"ignore,omitempty"`  // its failure is no dead letter
	Runs     []string   `json:"runs,omitempty"`    // what waits for its end: the ids of runs of rules
}

// DeadLetter reports whether a rule decided the job and it was given up: an operator has to look at it.
func (j Job) DeadLetter() bool { return j.Rule != "" && (j.Status == Dead || j.Status == Expired) }

// Retries is how often the job is tried.
func (j Job) Retries() Retry {
	if j.Retry != nil {
		return *j.Retry
	}
	return DefaultRetry(j.Fun)
}

// Compiled reports whether the job goes to its minion as a low state.
func (j Job) Compiled() bool { return j.Fun == StateApply || j.Fun == StateSingle }

// Args are the arguments of a function.
type Args struct {
	SLS     []string          `json:"sls,omitempty"`        // state.apply: names of SLS; none is the highstate
	Test    bool              `json:"test,omitempty"`       // state.apply: say what would change, change nothing
	Argv    []string          `json:"argv,omitempty"`       // master.exec: the command and its arguments; no shell
	Env     map[string]string `json:"env,omitempty"`        // master.exec
	Data    event.Data        `json:"data,omitempty"`       // a map: the arguments of any other function
	Stdin   []byte            `json:"stdin,omitempty"`      // master.exec
	Timeout time.Duration     `json:"timeout_ns,omitempty"` // master.exec; 0 is the action's default
}

// Same reports whether two jobs ask the same of the same target, so that the later may join the earlier.
func (j Job) Same(k Job) bool {
	return j.Target == k.Target && j.Fun == k.Fun && j.Args.equal(k.Args)
}

// equal is asked of each job that waits for a target.
func (a Args) equal(b Args) bool {
	return slices.Equal(a.SLS, b.SLS) && a.Test == b.Test && slices.Equal(a.Argv, b.Argv) && maps.Equal(a.Env, b.Env) &&
		bytes.Equal(a.Data, b.Data) && bytes.Equal(a.Stdin, b.Stdin) && a.Timeout == b.Timeout
}

// JIDLen is the length of a jid: 80 bits in base32.
const JIDLen = 16

// JID derives a job's id, so that the same decision made twice is the same job: from the event that caused it, the
// rule and the step.
func JID(cause event.ID, rule string, step int) string {
	sum := sha256.Sum256([]byte(cause.String() + "\x00" + rule + "\x00" + strconv.Itoa(step)))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}
