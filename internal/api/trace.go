package api

import (
	"encoding/json"
	"time"

	"brine/internal/event"
	"brine/internal/job"
)

// Traced answers GET /v1/events/{id}/trace: the tree that an event stands in, from the event that everything began with.
type Traced struct {
	Asked event.ID `json:"asked"` // the event that was asked for
	Root  *Trace   `json:"root"`
	// Offsets say how far the clock of each minion in the tree was ahead of the master's at its last greeting.
	Offsets map[string]time.Duration `json:"clock_offsets_ns,omitempty"`
}

// Trace is one event, what the rules made of it and what came of it.
type Trace struct {
	Event    event.Event `json:"event"`
	Verdicts []Verdict   `json:"verdicts,omitempty"`
	Jobs     []job.Job   `json:"jobs,omitempty"`    // that this event tells of, one for each target
	Runs     []Run       `json:"runs,omitempty"`    // of rules that it set off, and that are under way
	Missing  []event.ID  `json:"missing,omitempty"` // causes that the log no longer holds
	Effects  []*Trace    `json:"effects,omitempty"`
	Cut      bool        `json:"cut,omitempty"` // more came of it than a trace shows
}

// Verdict is what one rule said of one event.
type Verdict struct {
	Rule      string            `json:"rule"`
	Outcome   string            `json:"outcome"` // fired, no, throttled, paused, suspended, shadow, error, own, foreign, deep
	Why       string            `json:"why"`
	Decisions []json.RawMessage `json:"decisions,omitempty"`
	Would     []json.RawMessage `json:"would,omitempty"` // what was decided and is not carried out
	Causes    []event.ID        `json:"causes,omitempty"`
	Bound     string            `json:"bound,omitempty"`  // which bound was met, so that the rule did not do what it says
	Jobs      []string          `json:"jobs,omitempty"`   // jids of new jobs
	Merged    []string          `json:"merged,omitempty"` // jids of waiting jobs that ask the same already
	Fired     []string          `json:"fired,omitempty"`  // ids of the events it fired
	Run       string            `json:"run,omitempty"`    // the id of the run of its steps, where there is one
}

// Walk calls f for t and everything below it, in order.
func (t *Trace) Walk(f func(*Trace)) {
	if t == nil {
		return
	}
	f(t)
	for _, e := range t.Effects {
		e.Walk(f)
	}
}
