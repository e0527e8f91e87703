package reactors

import (
	"strings"
	"time"

	"brine/internal/event"
)

// lateGrace is how much later than it happened an event still counts as having happened when the master received it: delays
// that are nothing out of the ordinary, and clocks that are a little wrong.
const lateGrace = 5 * time.Second

// Bounds of what is known of clocks.
const (
	minOffset  = time.Second // what is measured below it is mostly the time that a greeting takes
	maxOffsets = 100_000
)

const (
	minionPrefix = event.Reserved + "minion/"
	onlineSuffix = "/online"
)

// clocks know how far the clock of each minion is off, where it is: the event of its coming online tells it.
type clocks struct {
	offsets map[string]int64 // nanoseconds that it is ahead of the master's
	dirty   map[string]bool
}

// learn reads the offset that a new session measured.
func (c *clocks) learn(e *event.Event) {
	if e.Minion != "" || !strings.HasPrefix(e.Tag, minionPrefix) || !strings.HasSuffix(e.Tag, onlineSuffix) {
		return
	}
	var d struct {
		Offset int64 `json:"clock_offset_ns"`
	}
	if e.Data.Decode(&d) != nil {
		return
	}
	c.set(strings.TrimSuffix(strings.TrimPrefix(e.Tag, minionPrefix), onlineSuffix), d.Offset)
}

func (c *clocks) set(minion string, offset int64) {
	was, known := c.offsets[minion]
	small := offset < int64(minOffset) && offset > -int64(minOffset)
	switch {
	case small && !known || known && was == offset || !known && len(c.offsets) >= maxOffsets:
		return
	case small:
		delete(c.offsets, minion)
	default:
		c.offsets[minion] = offset
	}
	c.dirty[offsetPrefix+minion] = true
}

// moment is when an event counts from, in Unix nanoseconds: when the master received it, but no later than lateGrace after it happened by the
// master's clock. So order and distance are those of the log as long as all minions are there, however wrong their clocks are; and what a
// minion tells that was away counts from when it happened. The moments of one minion's events never decrease.
func (c *clocks) moment(e *event.Event) int64 {
	received := e.Received.UnixNano()
	if e.Minion == "" || e.Time.IsZero() {
		return received
	}
	return min(received, e.Time.UnixNano()-c.offsets[e.Minion]+int64(lateGrace))
}
