package master

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"brine/internal/event"
	"brine/internal/job"
	"brine/reactors"
)

// Bounds of what later steps see of an earlier one.
const (
	maxStepText     = 8 << 10 // bytes of stdout, stderr and what was returned, with one target
	maxTargetText   = 512     // the same with several
	maxStepTargets  = 100     // targets whose results are kept; those that failed first
	maxStepErrorLen = 500
)

// minionResult is what a step gave on one target, as far as its job tells.
func minionResult(j job.Job, r *job.Result) reactors.MinionResult {
	m := reactors.MinionResult{OK: j.Status == job.Succeeded, Error: cut(j.Error, maxStepErrorLen)}
	if r == nil {
		return m
	}
	m.Changed, m.Exit = r.Changed(), r.Exit
	m.Stdout, m.Stderr = lastBytes(r.Stdout, maxStepText), lastBytes(r.Stderr, maxStepText)
	if len(r.Return) <= maxStepText {
		m.Return, _ = r.Return.Value() // null where it cannot be read
	}
	return m
}

// sumUp makes the result of a step.
func (r *openRun) sumUp(s *RunStep, failed int) *reactors.StepResult {
	res := &reactors.StepResult{Targets: len(s.Targets), Failed: len(s.Targets) - len(r.ended) + failed, Succeeded: len(r.ended) - failed}
	ids := slices.Collect(maps.Keys(r.ended))
	slices.SortFunc(ids, func(a, b string) int {
		if x, y := r.ended[a].OK, r.ended[b].OK; x != y {
			if y {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, m := range r.ended {
		res.Changed = res.Changed || m.Changed
	}
	if len(ids) > 0 {
		first := r.ended[ids[0]]
		res.Exit, res.Stdout, res.Stderr, res.Return = first.Exit, first.Stdout, first.Stderr, first.Return
		if !first.OK {
			res.Error = first.Error
		}
	}
	if r.Plan == nil {
		res.Stdout, res.Stderr, res.Return = "", "", nil
		return res // nobody asks for more
	}
	res.Minions = make(map[string]reactors.MinionResult, min(len(ids), maxStepTargets))
	for _, id := range ids[:min(len(ids), maxStepTargets)] {
		m := r.ended[id]
		if len(ids) > 1 {
			m.Stdout, m.Stderr = lastBytes(m.Stdout, maxTargetText), lastBytes(m.Stderr, maxTargetText)
			if d, err := event.Encode(m.Return); err != nil || len(d) > maxTargetText {
				m.Return = nil
			}
		}
		res.Minions[id] = m
	}
	return res
}

// lastBytes is the end of a text, where errors stand, without half a letter.
func lastBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	from := len(s) - most
	for from < len(s) && !utf8.RuneStart(s[from]) {
		from++
	}
	return s[from:]
}
