package minion

import (
	"context"
	"time"

	"brine/internal/converge"
	"brine/internal/job"
	"brine/internal/wire"
)

// function is what a job can ask of this minion.
type function struct {
	// exclusive ones are run one at a time, in the order they came; the others wait for nobody.
	exclusive bool
	// run carries the job out. What it leaves of the result is filled in: jid, attempt, times. applied is the low state that is
	// enforced from now on; nil leaves that as it is.
	run func(ctx context.Context, j *wire.Job, r *job.Result) (applied *job.LowState)
}

// functions are all that this minion knows, by name. Whether it does them is for allow to say.
func (m *Minion) functionTable() map[string]function {
	return map[string]function{
		job.StateApply:  {exclusive: true, run: m.stateApply},
		job.StateSingle: {exclusive: true, run: m.stateSingle},
		job.StateUndo:   {exclusive: true, run: m.stateUndo},
		job.StateKept:   {run: m.stateKept},
		job.BeaconsNow:  {run: m.beaconList},
		job.StateFetch:  {run: m.stateFetch},
		job.CmdRun:      {run: m.cmdRun},
		job.TestPing:    {run: func(_ context.Context, _ *wire.Job, r *job.Result) *job.LowState { r.OK = true; return nil }},
	}
}

// call runs a function until its deadline.
func (m *Minion) call(ctx context.Context, in Run, r *job.Result) *job.LowState {
	ctx, cancel := context.WithDeadline(ctx, in.Deadline)
	defer cancel()
	f, ok := m.functions[in.Job.Fun]
	if !ok {
		r.Error = "this minion knows no function " + in.Job.Fun // the core has refused it already
		return nil
	}
	r.Started = time.Now()
	return f.run(converge.WithJob(ctx, in.Job.JID, in.Job.Fun), in.Job, r)
}

func (m *Minion) stateApply(ctx context.Context, j *wire.Job, r *job.Result) *job.LowState {
	if j.Low == nil {
		r.Error = "the job came without a low state"
		return nil
	}
	r.Hash = j.Low.Hash
	if !j.Test {
		m.enforcer.apply(true) // run ends it
	}
	r.States = m.converge(ctx, *j.Low, j.Test, j.Cause)
	r.OK, r.Error = verdict(r.States)
	if j.Test {
		return nil
	}
	merged := merge(m.applied, *j.Low)
	if again := m.enforcer.applied(*j.Low); merged.Hash == m.applied.Hash && !again {
		return nil
	}
	return &merged
}

// stateSingle applies a state that stands in no file: what is enforced stays as it is.
func (m *Minion) stateSingle(ctx context.Context, j *wire.Job, r *job.Result) *job.LowState {
	if j.Low == nil {
		r.Error = "the job came without a low state"
		return nil
	}
	r.Hash = j.Low.Hash
	r.States = m.converge(ctx, *j.Low, j.Test, j.Cause)
	r.OK, r.Error = verdict(r.States)
	return nil
}
