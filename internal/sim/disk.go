package sim

import (
	"maps"
	"slices"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/master"
)

// masterDisk is what a master's log would hold: only what was committed.
type masterDisk struct {
	events   []event.Event
	marks    map[string]map[event.Incarnation]master.HighWater
	jobs     map[[2]string]job.Job // by jid and target
	order    [][2]string           // of jobs, oldest first
	reactor  map[string][]byte
	verdicts map[uint64][]master.Verdict
	cursor   uint64
	minions  map[string]master.MinionInfo
	keys     map[identity.Fingerprint]identity.Record
	drifts   map[[2]string]master.DriftRecord // by minion and key
	runs     map[string][]byte
}

func newMasterDisk() masterDisk {
	return masterDisk{
		marks: map[string]map[event.Incarnation]master.HighWater{}, jobs: map[[2]string]job.Job{}, reactor: map[string][]byte{},
		verdicts: map[uint64][]master.Verdict{}, minions: map[string]master.MinionInfo{}, keys: map[identity.Fingerprint]identity.Record{},
		drifts: map[[2]string]master.DriftRecord{}, runs: map[string][]byte{},
	}
}

func (d masterDisk) clone() masterDisk {
	marks := map[string]map[event.Incarnation]master.HighWater{}
	for id, byInc := range d.marks {
		marks[id] = maps.Clone(byInc)
	}
	d.marks, d.events, d.order, d.jobs = marks, slices.Clone(d.events), slices.Clone(d.order), maps.Clone(d.jobs)
	d.reactor, d.verdicts, d.minions, d.keys = maps.Clone(d.reactor), maps.Clone(d.verdicts), maps.Clone(d.minions), maps.Clone(d.keys)
	d.drifts, d.runs = maps.Clone(d.drifts), maps.Clone(d.runs)
	return d
}

// store is one commit.
func (d *masterDisk) store(outs []master.Output) {
	for _, out := range outs {
		switch out := out.(type) {
		case master.Append:
			if out.Event.Pos != uint64(len(d.events))+1 {
				panic("positions are not contiguous")
			}
			d.events = append(d.events, out.Event)
		case master.HighWater:
			if d.marks[out.Minion] == nil {
				d.marks[out.Minion] = map[event.Incarnation]master.HighWater{}
			}
			if out.Drop {
				delete(d.marks[out.Minion], out.Inc)
			} else {
				d.marks[out.Minion][out.Inc] = out
			}
		case master.PutJob:
			k := [2]string{out.Job.JID, out.Job.Target}
			if _, ok := d.jobs[k]; !ok {
				d.order = append(d.order, k)
			}
			d.jobs[k] = out.Job
		case master.PutRun:
			if delete(d.runs, out.ID); out.Value != nil {
				d.runs[out.ID] = out.Value
			}
		case master.PutVerdict:
			d.verdicts[out.Pos] = out.Verdicts
		case master.PutReactor:
			if out.KV.Value == nil {
				delete(d.reactor, out.KV.Key)
			} else {
				d.reactor[out.KV.Key] = out.KV.Value
			}
		case master.PutMinion:
			d.minions[out.Minion.ID] = out.Minion
		case master.PutKey:
			d.putKey(out.Change)
		case master.PutDrift:
			if delete(d.drifts, [2]string{out.Minion, out.Key}); out.Record != nil {
				d.drifts[[2]string{out.Minion, out.Key}] = *out.Record
			}
		case master.Cursor:
			d.cursor = out.Pos
		}
	}
}

func (d *masterDisk) putKey(ch identity.Change) {
	bucket, key, value, ok, err := ch.Put()
	switch {
	case err != nil:
		panic(err)
	case !ok || bucket != identity.BucketKeys:
	case value == nil:
		delete(d.keys, identity.Fingerprint(key))
	default:
		d.keys[ch.Record.Key] = ch.Record
	}
}

// recovered is what a start finds.
func (d *masterDisk) recovered(inc event.Incarnation) (master.Recovered, error) {
	registry, err := identity.NewRegistry(slices.Collect(maps.Values(d.keys)), nil)
	r := master.Recovered{Inc: inc, Head: uint64(len(d.events)), Cursor: d.cursor, Registry: registry}
	if r.Head > 0 {
		r.Received = d.events[r.Head-1].Received
	}
	for _, byInc := range d.marks {
		r.HighWaters = slices.AppendSeq(r.HighWaters, maps.Values(byInc))
	}
	for _, k := range d.order {
		if j := d.jobs[k]; j.Status.Open() {
			r.Jobs = append(r.Jobs, j)
		}
	}
	r.Minions = slices.Collect(maps.Values(d.minions))
	r.Drifts = slices.Collect(maps.Values(d.drifts))
	for _, id := range slices.Sorted(maps.Keys(d.runs)) {
		r.Runs = append(r.Runs, d.recoveredRun(d.runs[id]))
	}
	return r, err
}

// recoveredRun is a run with the jobs of the step that it is at.
func (d *masterDisk) recoveredRun(value []byte) master.RecoveredRun {
	run, err := master.DecodeRun(value)
	if err != nil {
		panic(err)
	}
	rec := master.RecoveredRun{Run: run}
	s := run.Steps[run.At]
	for _, k := range d.order {
		j := d.jobs[k]
		if j.JID != s.JID && s.Joined[j.Target] != j.JID {
			continue
		}
		var result *job.Result
		for i := range d.events {
			var r job.Result
			if d.events[i].ID == j.Ret && !j.Ret.IsZero() && d.events[i].Data.Decode(&r) == nil {
				result = &r
			}
		}
		rec.Jobs = append(rec.Jobs, master.RecoveredJob{Job: j, Result: result})
	}
	return rec
}

// names are the events of the minions' work that the log holds, and how often.
func (d *masterDisk) names() map[string]int {
	seen := map[string]int{}
	for i := range d.events {
		if name, ok := workName(&d.events[i]); ok {
			seen[name]++
		}
	}
	return seen
}

// workName is the name that the simulation gave an event.
func workName(e *event.Event) (string, bool) {
	var d struct {
		Name string `json:"name"`
	}
	return d.Name, e.Minion != "" && e.Data.Decode(&d) == nil && d.Name != ""
}
