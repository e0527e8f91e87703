package minion

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"brine/beacons"
	"brine/internal/beaconset"
	"brine/internal/command"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/supervise"
	"brine/internal/wire"
)

// fileBeacon is the kind that watches for enforced states.
const fileBeacon = "file"

// beaconSets are the beacons that somebody wants, by who wants them.
type beaconSets struct {
	mu      sync.Mutex
	own     []beaconset.Instance // of the minion's own file
	fleet   []beaconset.Instance // of the master's files
	refused []beaconset.Refusal  // of the master's, what this minion cannot take
	untold  []beaconset.Refusal
	unsure  bool // what the master wants could not be read
	changed chan struct{}

	putting sync.Mutex // what is wanted and putting it in force are one
}

// putInForce has run what is wanted now.
func (m *Minion) putInForce() {
	m.sets.putting.Lock()
	defer m.sets.putting.Unlock()
	m.super.Set(m.wanted())
}

// wanted is what is to run now: the minion's own, those of the master that have no namesake among them, and what enforced states want watched,
// which the beacon file does beside its own.
func (m *Minion) wanted() []beaconset.Instance {
	m.sets.mu.Lock()
	list := beaconset.Merge(m.sets.fleet, m.sets.own)
	m.sets.mu.Unlock()
	watches := m.enforcer.watched()
	if len(watches) == 0 {
		return list
	}
	i := slices.IndexFunc(list, func(in beaconset.Instance) bool { return in.Name == fileBeacon })
	if i >= 0 && list[i].Common.Enabled {
		list[i] = extend(list[i], watches)
		return list
	}
	for _, module := range m.modules {
		if module.Name != fileBeacon {
			continue
		}
		in := beaconset.Instance{Name: fileBeacon, Module: module, Config: module.Config(), Common: beaconset.Common{Enabled: true}, From: "enforced states"}
		if in = extend(in, watches); i >= 0 {
			list[i] = in // it is off: what is enforced is watched all the same
		} else {
			list = append(list, in)
		}
	}
	return list
}

func extend(in beaconset.Instance, watches []beacons.Watch) beaconset.Instance {
	if x, ok := in.Config.(beacons.Extended); ok {
		in.Config, in.Text = x.Extend(watches), in.Text+fmt.Sprintf("%+v", watches)
	}
	return in
}

// setBeacons takes the master's beacons for this minion. What it cannot take holds up nothing else.
func (m *Minion) setBeacons(_ context.Context, data event.Data) {
	list, refused, err := beaconset.Decode(data, m.modules)
	if err != nil {
		m.log.Error("the beacons of the master cannot be read: those before them stay", "error", err)
		m.sets.mu.Lock()
		m.sets.unsure = true
		m.sets.mu.Unlock()
		return
	}
	list, forbidden := m.permitted(list)
	refused = append(refused, forbidden...)
	m.sets.mu.Lock()
	m.sets.fleet, m.sets.refused, m.sets.untold = list, refused, refused
	m.sets.unsure = false
	m.sets.mu.Unlock()
	m.putInForce() // at once: a job behind this one asks for it
	notify(m.sets.changed)
}

// permitted parts the master's beacons into those that this minion takes and those that would have programs run which it does not let its master
// run by a cmd.run either.
func (m *Minion) permitted(list []beaconset.Instance) (taken []beaconset.Instance, refused []beaconset.Refusal) {
	for _, in := range list {
		if err := m.permitPrograms(in.Config); err != nil {
			refused = append(refused, beaconset.Refusal{Name: in.Name, From: in.From, Error: err.Error()})
			continue
		}
		taken = append(taken, in)
	}
	return taken, refused
}

func (m *Minion) permitPrograms(c beacons.Config) error {
	runs, ok := c.(beacons.Commanding)
	if !ok || len(runs.Programs()) == 0 {
		return nil
	}
	if err := m.cfg.Allow.Permits(job.CmdRun); err != nil {
		return fmt.Errorf("it runs commands, and so needs what cmd.run needs: %w", err)
	}
	for _, p := range runs.Programs() {
		if err := m.cfg.Allow.PermitsCommand(&command.Args{Argv: p.Argv, Env: p.Env, Cwd: p.Cwd, User: p.User}); err != nil {
			return err
		}
	}
	return nil
}

// refusedData is the data of brine/minion/<id>/beacon/<name>/refused.
type refusedData struct {
	Error string `json:"error"`
	From  string `json:"from"` // where it stands on the master: file:line
}

// tellRefused tells what of the master's beacons cannot be taken.
func (m *Minion) tellRefused(ctx context.Context) {
	m.sets.mu.Lock()
	list := m.sets.untold
	m.sets.untold = nil
	m.sets.mu.Unlock()
	for _, r := range list {
		m.log.Error("a beacon of the master cannot be taken", "beacon", r.Name, "from", r.From, "error", r.Error)
		name := event.EscapeSegment(r.Name)
		m.notify(ctx, "brine/minion/"+m.cfg.ID+"/beacon/"+name+"/refused", refusedData{Error: r.Error, From: r.From})
	}
}

// Beacons says how each beacon is, by name, and which of the master's are not taken.
func (m *Minion) Beacons() []supervise.Health {
	list := m.super.Health()
	m.sets.mu.Lock()
	defer m.sets.mu.Unlock()
	for _, r := range m.sets.refused {
		list = append(list, supervise.Health{Name: r.Name, From: r.From, State: supervise.Refused, Error: r.Error})
	}
	slices.SortStableFunc(list, func(a, b supervise.Health) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// beaconList is the function beacon.list.
func (m *Minion) beaconList(_ context.Context, _ *wire.Job, r *job.Result) *job.LowState {
	var err error
	if r.Return, err = event.Encode(job.BeaconList{Beacons: m.Beacons()}); err != nil {
		r.Error = err.Error()
		return nil
	}
	r.OK = true
	return nil
}
