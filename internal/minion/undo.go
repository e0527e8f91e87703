package minion

import (
	"context"
	"fmt"
	"slices"

	"brine/internal/converge"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/wire"
)

// maxKeptAnswer bounds what state.kept answers, in bytes of CBOR.
const maxKeptAnswer = 192 << 10

// undoArgs reads what state.undo and state.kept are asked for.
func undoArgs(j *wire.Job) (ask job.Undo, err error) {
	if len(j.Args) == 0 {
		return ask, nil
	}
	if err := j.Args.Decode(&ask); err != nil {
		return ask, fmt.Errorf("arguments: %w", err)
	}
	return ask, nil
}

// stateKept lists what is kept, the newest first, as far as an event has room.
func (m *Minion) stateKept(_ context.Context, j *wire.Job, r *job.Result) *job.LowState {
	list, err := m.keptList(j)
	if err == nil {
		r.Return, err = event.Encode(list)
	}
	if r.OK = err == nil; !r.OK {
		r.Error = err.Error()
	}
	return nil
}

func (m *Minion) keptList(j *wire.Job) (list job.KeptList, err error) {
	ask, err := undoArgs(j)
	if err != nil {
		return list, err
	}
	kept, err := m.keeper.List()
	if err != nil {
		return list, err
	}
	if kept, err = converge.Select(kept, ask); err != nil {
		return list, err
	}
	list.Dropped, _ = m.keeper.Dropped()
	list.Kept = []job.Kept{}
	size := 0
	for i, k := range slices.Backward(kept) {
		told := k.Told()
		one, err := event.Encode(told)
		if err != nil {
			return list, err
		}
		if size += len(one); size > maxKeptAnswer {
			list.More = i + 1
			break
		}
		list.Kept = append(list.Kept, told)
	}
	return list, nil
}

// stateUndo puts back what was pushed aside. Enforced states that cover it are left as they are from then on, until they are
// applied again, or another undo makes them right.
func (m *Minion) stateUndo(ctx context.Context, j *wire.Job, r *job.Result) *job.LowState {
	ask, err := undoArgs(j)
	var kept, chosen []converge.Kept
	if err == nil {
		kept, err = m.keeper.List()
	}
	if err == nil {
		chosen, err = converge.Choose(kept, ask, j.JID)
	}
	if err != nil {
		r.Error = err.Error()
		return nil
	}
	m.running.Lock()
	defer m.running.Unlock()
	covering := m.enforcer.covering(chosen)
	before := m.enforcer.pause(covering, j.Test)
	for _, k := range chosen {
		r.States = append(r.States, m.runner.PutBack(ctx, k, j.Test, j.Cause))
	}
	r.OK, r.Error = verdict(r.States)
	done := job.Undone{}
	for _, s := range covering {
		if j.Test {
			done.Paused = append(done.Paused, s.low.Key()) // unless it turns out to be right then
			continue
		}
		if m.afterUndo(ctx, s, before[s], j) {
			done.Paused = append(done.Paused, s.low.Key())
		} else if before[s] {
			done.Resumed = append(done.Resumed, s.low.Key())
		}
	}
	if r.Return, err = event.Encode(done); err != nil {
		m.log.Warn("which states are paused does not fit the result", "jid", j.JID, "error", err)
	}
	return nil
}

// afterUndo looks how a state stands now: where it is as it was applied its enforcement goes on, otherwise it stays paused and is told
// as undone. The caller holds running.
func (m *Minion) afterUndo(ctx context.Context, s *enforced, wasUndone bool, j *wire.Job) (paused bool) {
	results := m.runner.Run(ctx, job.LowState{States: []job.Low{s.low}}, true, j.Cause)
	if ctx.Err() != nil || len(results) != 1 {
		return true
	}
	t := task{s: s, low: s.low, causes: []event.ID{j.Cause}}
	if r := results[0]; !r.OK || len(r.Changes) > 0 {
		m.enforcer.tell(ctx, []drift{{t, r, job.DriftUndone}})
		return true
	}
	if m.enforcer.resume(s, wasUndone) {
		m.enforcer.tell(ctx, []drift{{t, results[0], job.DriftSettled}})
	}
	return false
}

// tellDropped tells what was pushed out of the quarantine: with the first, and whenever twice as much is gone.
func (m *Minion) tellDropped(ctx context.Context) {
	n, last := m.keeper.Dropped()
	m.dropped.mu.Lock()
	due := n > 0 && n >= m.dropped.next
	if due {
		m.dropped.next = 2 * n
	}
	m.dropped.mu.Unlock()
	if due {
		m.log.Warn("the quarantine is full: the oldest goes", "gone", n, "path", last.Target)
		m.notify(ctx, "brine/minion/"+m.cfg.ID+"/quarantine-full", droppedData{
			Gone: n, Path: last.Target, SHA256: last.SHA256, MaxBytes: maxKeptBytes, MaxFiles: maxKeptFiles})
	}
}

// droppedData is the data of brine/minion/<id>/quarantine-full.
type droppedData struct {
	Gone     uint64 `json:"gone"` // since the minion started
	Path     string `json:"path"` // where the last of them stood
	SHA256   string `json:"sha256"`
	MaxBytes int    `json:"max_bytes"`
	MaxFiles int    `json:"max_files"`
}
