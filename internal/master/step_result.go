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
	maxTargetText   = 512     // the same with several; with more than maxStepTargets no more is kept of any
	maxStepTargets  = 100     // targets whose results are kept; those that failed first
	maxStepErrorLen = 500
)

// minionResult is what the run's step under way gave on one target, as far as its job tells: no more than somebody can ask for, since all
// targets' results are in memory until the step is over.
func (r *openRun) minionResult(j job.Job, res *job.Result) reactors.MinionResult {
	m := reactors.MinionResult{OK: j.Status == job.Succeeded, Error: strings.Clone(cut(j.Error, maxStepErrorLen))}
	if res == nil {
		return m
	}
	m.Changed, m.Exit = res.Changed(), res.Exit
	if r.Plan == nil {
		return m
	}
	most := maxStepText
	if len(r.step().Targets) > maxStepTargets {
		most = maxTargetText
	}
	m.Stdout, m.Stderr = strings.Clone(lastBytes(res.Stdout, most)), strings.Clone(lastBytes(res.Stderr, most))
	if len(res.Return) <= most {
		m.Return, _ = res.Return.Value() // null where it cannot be read
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
