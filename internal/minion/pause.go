package minion

import (
	"slices"
	"strings"
	"time"

	"brine/internal/converge"
	"brine/internal/event"
	"brine/internal/job"
)

// covering are the enforced states that would put right what is put back.
func (e *enforcer) covering(chosen []converge.Kept) []*enforced {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []*enforced
	for _, s := range e.sorted() {
		if slices.ContainsFunc(chosen, func(k converge.Kept) bool { return k.State == s.low.Key() || s.watchesPath(k.Target) }) {
			out = append(out, s)
		}
	}
	return out
}

func (s *enforced) watchesPath(p string) bool {
	for _, w := range s.watches {
		if w.Path == p || w.Recurse && strings.HasPrefix(p, w.Path+"/") {
			return true
		}
	}
	return false
}

// pause leaves states as they are from now on, and says which were left so before. In test mode it only says.
func (e *enforcer) pause(list []*enforced, test bool) (before map[*enforced]bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before = map[*enforced]bool{}
	for _, s := range list {
		before[s] = s.undone
		if !test {
			s.undone, s.drifted, s.contest, s.wait, s.recent = true, true, time.Time{}, 0, nil
		}
	}
	e.fronts()
	return before
}

// resume goes on enforcing a state that is right, and reports whether that is to be told.
func (e *enforcer) resume(s *enforced, told bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.undone, s.drifted, s.next = false, false, time.Time{}
	e.want(s)
	return told
}

// stale reports whether a task is not to be done any more: its state is left as it is, or another low state than the one it was begun
// with is wanted by now, or will be in a moment. Then the state is looked at anew.
func (e *enforcer) stale(t task) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t.s.undone {
		return true
	}
	if !e.applying && job.HashStates([]job.Low{t.low}) == job.HashStates([]job.Low{t.s.low}) && e.states[t.low.Key()] == t.s {
		return false
	}
	e.want(t.s)
	t.s.causes = append(t.causes, t.s.causes...)
	t.s.causes = t.s.causes[:min(len(t.s.causes), event.MaxCauses)]
	return true
}

// apply says that states are being applied, until their result is on disk and set was called: what was applied last must not be brought
// back over them.
func (e *enforcer) apply(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.applying = on
	notify(e.wake)
}

// applied takes note that states were applied: from the next set on, those that were undone are enforced again. It reports whether there
// are any.
func (e *enforcer) applied(low job.LowState) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range low.States {
		if s := e.states[l.Key()]; s != nil && s.undone {
			e.again = append(e.again, s)
		}
	}
	return len(e.again) > 0
}

// revive enforces what was applied again. It is pending then, and told when it is right. The caller holds mu.
func (e *enforcer) revive() {
	for _, s := range e.again {
		s.undone, s.next = false, time.Time{}
		e.want(s)
	}
	e.again = nil
}

// contents are the hashes of what enforced states bring that cover a path.
func (e *enforcer) contents(p string) (hashes []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.states {
		if !s.watchesPath(p) {
			continue
		}
		for _, c := range s.low.Content {
			hashes = append(hashes, c.Hash)
		}
	}
	return hashes
}
