package master

import (
	"errors"

	"brine/internal/event"
	"brine/internal/eventlog"
	"brine/internal/job"
)

// maxTrace bounds the events of one trace.
const maxTrace = 1000

// Trace is one event, what the rules made of it and what came of it: a tree of causes and effects.
type Trace struct {
	Event    event.Event `json:"event"`
	Verdicts []Verdict   `json:"verdicts,omitempty"`
	Jobs     []job.Job   `json:"jobs,omitempty"`    // that this event tells of
	Runs     []RunEnded  `json:"runs,omitempty"`    // of rules that it set off, and that are under way
	Missing  []event.ID  `json:"missing,omitempty"` // causes that the log no longer holds
	Effects  []*Trace    `json:"effects,omitempty"`
	Cut      bool        `json:"cut,omitempty"` // more came of it than maxTrace events
}

// Trace finds the event that everything began with and follows it down. name is an id or a position, and may lie
// anywhere in the tree.
func (m *Master) Trace(name string) (*Trace, error) {
	e, err := m.Event(name)
	if err != nil {
		return nil, err
	}
	var missing []event.ID
	for depth := 0; len(e.Causes) > 0 && depth < maxTrace; depth++ {
		cause, err := m.event(e.Causes[0])
		if errors.Is(err, ErrUnknown) || errors.Is(err, eventlog.ErrRetained) {
			missing = e.Causes[:1]
			break
		}
		if err != nil {
			return nil, err
		}
		e = cause
	}
	left := maxTrace
	t, err := m.trace(e, map[event.ID]bool{}, &left)
	if t != nil {
		t.Missing = missing
	}
	return t, err
}

func (m *Master) trace(e event.Event, seen map[event.ID]bool, left *int) (*Trace, error) {
	seen[e.ID] = true
	*left--
	t := &Trace{Event: e}
	var err error
	if t.Verdicts, err = m.Verdicts(e.Pos); err != nil {
		return nil, err
	}
	t.Runs = m.runsOf(t.Verdicts)
	if jid, ok := newJob(e); ok {
		if t.Jobs, err = m.store.Job(jid); err != nil {
			return nil, err
		}
	}
	effects, err := m.store.Effects(e.ID)
	if t.Cut = errors.Is(err, eventlog.ErrMore); err != nil && !t.Cut {
		return nil, err
	}
	for _, pos := range effects {
		child, err := m.store.Get(pos)
		if errors.Is(err, eventlog.ErrRetained) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if seen[child.ID] {
			continue
		}
		if *left <= 0 {
			t.Cut = true
			break
		}
		sub, err := m.trace(child, seen, left)
		if err != nil {
			return nil, err
		}
		t.Effects = append(t.Effects, sub)
	}
	return t, nil
}

// newJob is the jid of an event brine/job/<jid>/new.
func newJob(e event.Event) (string, bool) {
	const tail = "/new"
	if e.Minion != "" || len(e.Tag) != len(jobTag)+job.JIDLen+len(tail) || e.Tag[:len(jobTag)] != jobTag || e.Tag[len(e.Tag)-len(tail):] != tail {
		return "", false
	}
	return e.Tag[len(jobTag) : len(jobTag)+job.JIDLen], true
}
