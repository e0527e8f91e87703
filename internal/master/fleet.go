package master

import (
	"brine/internal/beaconset"
	"brine/internal/event"
)

// Fleet puts other beacons in force on the minions.
type Fleet struct {
	Set    *beaconset.Fleet
	Reason string // for the event that tells it
}

func (Fleet) input() {}

// fleet takes another set of beacons. Only minions for which it says something else are told.
func (c *Core) fleet(in Fleet) {
	c.opt.Fleet = in.Set
	c.own(ownEvent{tag: "brine/master/beacons", data: map[string]any{"blocks": in.Set.Blocks(), "reason": in.Reason}})
	c.setEverywhere()
}

// beaconsOf are the beacons that the fleet's files want on a minion. It has none to say while no good set is known, nor of a minion that
// would get more than it can be sent: these keep what they have.
func beaconsOf(c *Core, m *minion) (event.Data, bool) {
	if c.opt.Fleet == nil {
		return nil, false
	}
	data, err := c.opt.Fleet.For(m.info.ID, m.info.grainsMap)
	if err != nil {
		c.emit(Log{Warn: true, Text: "beacons not sent", Args: []any{"minion", m.info.ID, "error", err}})
	}
	return data, err == nil
}
