// Package action is the contract of what a rule can do besides firing an event and applying states. One action has one folder here,
// with a sample that a test loads, and a page of the reference. It must never know a rule, a store or a role: an action gets a job
// and says how it went; whether it is tried again, and when, is its caller's business.
package action

import (
	"context"
	"log/slog"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"
)

// Module declares one action.
type Module struct {
	Name   string // as rules name it: http.post
	Sample string // a rule file with it: a test loads it, its page shows it
	// OnMinion is a job for minions, which takes tgt: the function of theirs with that name carries it out, and Run is nil.
	OnMinion bool
	// Idempotent tells that doing it twice is as good as once. What is not has the jid to tell a repetition, and its rule says what
	// becomes of it when it was interrupted.
	Idempotent bool
	// Short is the argument that a step means which gives no map; empty where a map is wanted.
	Short string
	// Args makes the arguments: a pointer to a new struct with every default, decoded strictly by its yaml tags. Validate, where it has
	// one, names the key that is wrong, and is called with arguments that hold ${...} still.
	Args func() any
	// Fixed are keys, such as tls.ca, which no event may have a say in: paths of secrets, hosts.
	Fixed []string
	// Check says what else is wrong with the arguments as they are written; nil for nothing else.
	Check func(args *config.Node) config.Faults
	// Run carries it out and returns when that is done, or soon after ctx ended. That it went wrong is a result like others: Error says
	// why, and Final that trying again would change nothing.
	Run func(context.Context, Call) job.Result
}

// Call is one time that an action is carried out.
type Call struct {
	Job   job.Job     // JID, Rule, Attempt tell it from others; its arguments are in Args
	Event event.Event // what it answers; without an ID when that is gone from the log
	Args  any         // what Module.Args made, decoded
	Host  Host
}

// Host is what an action may use of the master's host beside the network and files.
type Host struct {
	Log     *slog.Logger
	Version string // of Brine
}

// Failed is the result of what went wrong in a way that may pass.
func Failed(err error) job.Result { return job.Result{Error: err.Error()} }

// Refused is the result of what will go wrong each time.
func Refused(err error) job.Result { return job.Result{Error: err.Error(), Final: true} }
