package reactors

import (
	"brine/internal/event"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// scope is what the expressions of all rules see of one event. Data and grains are fetched when the first of them asks.
type scope struct {
	event   event.Event
	world   World
	data    any
	grains  any
	steps   map[string]any // results of earlier steps, by name; nil unless a later step is decided
	seen    []seen         // what a window kept; nil for none but the event
	events  any            // of these, what expressions see
	minions []string       // whom a step without tgt means, where it is not the minion that fired the event
}

// about says which events the rule that is asked next has collected.
func (s *scope) about(events []seen) {
	s.seen, s.events, s.minions = events, nil, nil
}

// ResolveName is cel.Activation.
func (s *scope) ResolveName(name string) (any, bool) {
	switch name {
	case "data":
		return s.theData(), true
	case "grains":
		return s.theGrains(), true
	case stepsVariable:
		return s.steps, true
	case "tag":
		return s.event.Tag, true
	case "minion":
		return s.event.Minion, true
	case "by":
		return s.event.By, true
	case "own":
		return s.event.Own, true
	case "time":
		return s.event.Time.UTC(), true
	case "events":
		return s.theEvents(), true
	}
	return nil, false
}

// Parent is cel.Activation.
func (s *scope) Parent() cel.Activation { return nil }

// theData is the decoded data, or the error that reading it gave.
func (s *scope) theData() any {
	if s.data == nil {
		v, err := s.event.Data.Value()
		switch {
		case err != nil:
			s.data = types.NewErr("the event's data cannot be read: %s", err)
		case v == nil:
			s.data = types.NullValue
		default:
			s.data = v
		}
	}
	return s.data
}

func (s *scope) theGrains() any {
	if s.grains == nil {
		grains := map[string]any{}
		if s.world.Grains != nil && s.event.Minion != "" {
			if g := s.world.Grains(s.event.Minion); g != nil {
				grains = g
			}
		}
		s.grains = grains
	}
	return s.grains
}

// theEvents is the list of what a window kept, the last maxShown; of the event alone when there was none.
func (s *scope) theEvents() any {
	if s.events == nil {
		events := s.seen
		if events == nil {
			events = []seen{newSeen(&s.event, 0, 0)}
		}
		events = events[max(len(events)-maxShown, 0):]
		list := make([]any, len(events))
		for i := range events {
			list[i] = events[i].value()
		}
		s.events = list
	}
	return s.events
}
