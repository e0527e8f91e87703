package reactors

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"brine/internal/event"
)

// Bounds of what rules see of the events that a window kept.
const (
	maxShown     = 100      // events, the last ones
	maxSeenData  = 16 << 10 // bytes of the data of one; of one that holds more the data is null
	seenBytes    = 240      // what an event takes beside its texts and its data, about
	maxShownTags = 3        // named in a verdict
)

// seen is an event that a window keeps: all that a rule may still ask of it.
type seen struct {
	ID     event.ID `json:"id"`
	Pos    uint64   `json:"pos"`
	Moment int64    `json:"moment"` // when it counts from, in Unix nanoseconds: see clocks.moment
	Time   int64    `json:"time"`   // as its sender saw it
	Tag    string   `json:"tag"`
	Minion string   `json:"minion,omitempty"`
	By     string   `json:"by,omitempty"`
	Own    bool     `json:"own,omitempty"`
	Depth  uint8    `json:"depth,omitempty"`
	Parts  uint32   `json:"parts,omitempty"` // of the condition that it stands for, one bit each
	Data   []byte   `json:"data,omitempty"`
	Cut    bool     `json:"cut,omitempty"` // its data did not fit
}

func newSeen(e *event.Event, moment int64, parts uint32) seen {
	s := seen{ID: e.ID, Pos: e.Pos, Moment: moment, Time: e.Time.UnixNano(), Tag: e.Tag, Minion: e.Minion, By: e.By,
		Own: e.Own, Depth: e.Depth, Parts: parts, Data: e.Data}
	if len(s.Data) > maxSeenData {
		s.cut()
	}
	return s
}

// cut forgets the data.
func (s *seen) cut() { s.Cut, s.Data = s.Cut || len(s.Data) > 0, nil }

// size is what it takes, about, in bytes.
func (s *seen) size() int { return seenBytes + len(s.Tag) + len(s.Minion) + len(s.By) + len(s.Data) }

// event is what the rules saw when it came, but for what no expression can ask.
func (s *seen) event() event.Event {
	return event.Event{ID: s.ID, Pos: s.Pos, Time: time.Unix(0, s.Time).UTC(), Tag: s.Tag, Minion: s.Minion, By: s.By,
		Own: s.Own, Depth: s.Depth, Data: s.Data}
}

// compareSeen orders events by when they happened, and those of one moment by the log.
func compareSeen(a, b seen) int {
	return cmp.Or(cmp.Compare(a.Moment, b.Moment), cmp.Compare(a.Pos, b.Pos))
}

// value is what an expression sees of an event among others.
func (s *seen) value() map[string]any {
	v := map[string]any{"id": s.ID.String(), "tag": s.Tag, "minion": s.Minion, "time": time.Unix(0, s.Time).UTC(), "data": nil}
	if data, err := event.Data(s.Data).Value(); err == nil {
		v["data"] = data
	}
	return v
}

// causesOf are the ids of the last of some events, at most event.MaxCauses - 1: the event that decides is a cause as well.
func causesOf(events []seen, but event.ID) []event.ID {
	var ids []event.ID
	for i := len(events) - 1; i >= 0 && len(ids) < event.MaxCauses-1; i-- {
		if id := events[i].ID; id != but {
			ids = append(ids, id)
		}
	}
	slices.Reverse(ids)
	return ids
}

// minionsOf are those that fired them, sorted.
func minionsOf(events []seen) []string {
	var ids []string
	for i := range events {
		if m := events[i].Minion; m != "" {
			ids = append(ids, m)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// lacks says what `events` does not hold of the events that made a rule fire; empty for nothing.
func lacks(events []seen) string {
	var parts []string
	if n := len(events); n > maxShown {
		parts = append(parts, fmt.Sprintf("the last %d of %d events", maxShown, n))
	}
	cut := 0
	for _, s := range events[max(len(events)-maxShown, 0):] {
		if s.Cut {
			cut++
		}
	}
	if cut > 0 {
		parts = append(parts, strconv.Itoa(cut)+" of them without their data")
	}
	if len(parts) == 0 {
		return ""
	}
	return "; `events` holds " + strings.Join(parts, ", ")
}
