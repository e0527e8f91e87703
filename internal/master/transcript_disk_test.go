package master

import (
	"maps"
	"slices"
	"testing"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/reactors"
)

// disk is what a log would hold, every step of it committed.
type disk struct {
	events  []event.Event
	cursor  uint64
	marks   map[string]map[event.Incarnation]HighWater
	jobs    map[jobKey]job.Job
	order   []jobKey
	rules   string // the name of the set in force
	state   map[string][]byte
	keys    map[identity.Fingerprint]identity.Record
	tokens  map[string]identity.Token
	minions map[string]MinionInfo
	drifts  map[[2]string]DriftRecord
	records map[[2]string]event.Data // by bucket and key
	runs    map[string][]byte
}

func newDisk() disk {
	return disk{
		marks: map[string]map[event.Incarnation]HighWater{}, jobs: map[jobKey]job.Job{}, state: map[string][]byte{},
		keys: map[identity.Fingerprint]identity.Record{}, tokens: map[string]identity.Token{}, minions: map[string]MinionInfo{},
		drifts: map[[2]string]DriftRecord{}, records: map[[2]string]event.Data{}, runs: map[string][]byte{},
	}
}

func (d disk) clone() disk {
	marks := map[string]map[event.Incarnation]HighWater{}
	for id, byInc := range d.marks {
		marks[id] = maps.Clone(byInc)
	}
	d.marks, d.events, d.order = marks, slices.Clone(d.events), slices.Clone(d.order)
	d.jobs, d.state, d.keys = maps.Clone(d.jobs), maps.Clone(d.state), maps.Clone(d.keys)
	d.tokens, d.minions, d.drifts, d.records = maps.Clone(d.tokens), maps.Clone(d.minions), maps.Clone(d.drifts), maps.Clone(d.records)
	d.runs = maps.Clone(d.runs)
	return d
}

func (d *disk) store(t *testing.T, out Output) {
	switch out := out.(type) {
	case Append:
		if out.Event.Pos != uint64(len(d.events))+1 {
			t.Errorf("position %d after %d", out.Event.Pos, len(d.events))
		}
		if n := len(d.events); n > 0 && out.Event.Received.Before(d.events[n-1].Received) {
			t.Errorf("received decreases at %d", out.Event.Pos)
		}
		d.events = append(d.events, out.Event)
	case HighWater:
		if d.marks[out.Minion] == nil {
			d.marks[out.Minion] = map[event.Incarnation]HighWater{}
		}
		if out.Drop {
			delete(d.marks[out.Minion], out.Inc)
		} else {
			d.marks[out.Minion][out.Inc] = out
		}
	case PutJob:
		k := jobKey{out.Job.JID, out.Job.Target}
		if _, ok := d.jobs[k]; !ok {
			d.order = append(d.order, k)
		}
		d.jobs[k] = out.Job
	case PutRun:
		if delete(d.runs, out.ID); out.Value != nil {
			d.runs[out.ID] = out.Value
		}
	case PutReactor:
		if out.KV.Value == nil {
			delete(d.state, out.KV.Key)
		} else {
			d.state[out.KV.Key] = out.KV.Value
		}
	case PutKey:
		d.putKey(out.Change)
	case PutMinion:
		d.minions[out.Minion.ID] = out.Minion
	case PutDrift:
		if delete(d.drifts, [2]string{out.Minion, out.Key}); out.Record != nil {
			d.drifts[[2]string{out.Minion, out.Key}] = *out.Record
		}
	case PutRecord:
		if delete(d.records, [2]string{out.Bucket, out.Key}); out.Value != nil {
			d.records[[2]string{out.Bucket, out.Key}] = out.Value
		}
	case Cursor:
		if out.Pos < d.cursor {
			t.Errorf("the cursor goes back from %d to %d", d.cursor, out.Pos)
		}
		d.cursor = out.Pos
	}
}

func (d *disk) putKey(ch identity.Change) {
	bucket, key, value, ok, err := ch.Put()
	switch {
	case err != nil || !ok:
	case value == nil:
		delete(d.keys, identity.Fingerprint(key))
		delete(d.tokens, key)
	case bucket == identity.BucketKeys:
		d.keys[ch.Record.Key] = ch.Record
	default:
		d.tokens[ch.Token.Hash] = ch.Token
	}
}

// load reads the rules in force. A transcript without rules has none.
func (p *player) load() *reactors.Set {
	set, faults := reactors.Load([]reactors.Source{{Name: p.disk.rules, Text: []byte(p.files[p.disk.rules])}}, reactors.Env{})
	if len(faults) > 0 {
		p.t.Fatal(faults)
	}
	return set
}

func (d *disk) reactor(t *testing.T, set *reactors.Set) *reactors.Reactor {
	r := reactors.New(set)
	for _, k := range slices.Sorted(maps.Keys(d.state)) {
		if err := r.Restore(k, d.state[k]); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// recovered is what a start finds. The master's own incarnation is the number of its life, 100 and more.
func (d *disk) recovered(t *testing.T, life uint64) Recovered {
	registry, err := identity.NewRegistry(slices.Collect(maps.Values(d.keys)), slices.Collect(maps.Values(d.tokens)))
	if err != nil {
		t.Fatal(err)
	}
	r := Recovered{Inc: event.Incarnation(100 + life), Head: uint64(len(d.events)), Cursor: d.cursor, Registry: registry}
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
	r.Enforcing = map[string]event.Data{}
	for key, data := range d.records {
		switch key[0] {
		case bucketEnforcing:
			r.Enforcing[key[1]] = data
		case bucketHolds:
			var h Hold
			if err := data.Decode(&h); err != nil {
				t.Fatal(err)
			}
			r.Holds = append(r.Holds, h)
		}
	}
	for _, e := range d.events {
		if isDrift(&e) {
			r.Drifted = append(r.Drifted, e)
		}
	}
	r.Runs = d.recoveredRuns(t)
	return r
}

// recoveredRuns are the runs under way, with the jobs of the step that each is at.
func (d *disk) recoveredRuns(t *testing.T) (list []RecoveredRun) {
	for _, id := range slices.Sorted(maps.Keys(d.runs)) {
		run, err := DecodeRun(d.runs[id])
		if err != nil {
			t.Fatal(err)
		}
		rec := RecoveredRun{Run: run}
		s := run.Steps[run.At]
		for _, k := range d.order {
			if k.jid != s.JID && s.Joined[k.target] != k.jid {
				continue
			}
			rec.Jobs = append(rec.Jobs, RecoveredJob{Job: d.jobs[k], Result: d.result(d.jobs[k])})
		}
		list = append(list, rec)
	}
	return list
}

func (d *disk) result(j job.Job) *job.Result {
	for _, e := range d.events {
		var r job.Result
		if e.ID == j.Ret && e.Data.Decode(&r) == nil {
			return &r
		}
	}
	return nil
}
