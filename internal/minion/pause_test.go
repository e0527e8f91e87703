package minion

import (
	"testing"
	"time"

	"brine/internal/converge"
	"brine/internal/event"
	"brine/internal/job"
	"brine/states"
)

func TestCovering(t *testing.T) {
	e, s := enforcing(t, job.EnforceTrue)
	s.watches = append(s.watches, states.Watch{Beacon: "file", Path: "/srv/app", Recurse: true})
	for _, tt := range []struct {
		kept converge.Kept
		want bool
	}{
		{converge.Kept{Target: "/etc/motd"}, true},
		{converge.Kept{Target: "/srv/app/a/b"}, true},
		{converge.Kept{Target: "/srv/app"}, true},
		{converge.Kept{Target: "/elsewhere", Why: converge.Why{State: "file.managed: /etc/motd"}}, true},
		{converge.Kept{Target: "/etc/motd.d"}, false},
		{converge.Kept{Target: "/srv/apple"}, false},
	} {
		if got := len(e.covering([]converge.Kept{tt.kept})) == 1; got != tt.want {
			t.Errorf("%s: %v", tt.kept.Target, got)
		}
	}
}

// What is undone is not put right, not even by what was begun before; once it is applied again it is.
func TestUndoneIsLeft(t *testing.T) {
	e, s := enforcing(t, job.EnforceTrue)
	now := time.Now().Add(time.Minute)
	drift := func() (task, bool) {
		e.noticed("file/etc/motd", false, event.ID{Origin: "web1", Seq: 1}, now)
		begun, _, ok := one(e.due(now))
		return begun, ok
	}
	begun, ok := drift()
	if !ok || e.stale(begun) {
		t.Fatal("it is not enforced to begin with")
	}
	if before := e.pause([]*enforced{s}, true); before[s] || s.undone {
		t.Error("trying it out has paused it")
	}
	e.pause([]*enforced{s}, false)
	if !e.stale(begun) {
		t.Error("what was begun before is still done")
	}
	if _, ok := drift(); ok {
		t.Error("it is put right")
	}
	low := job.LowState{States: []job.Low{s.low}}
	if e.applied(job.LowState{}); len(e.again) != 0 {
		t.Error("another SLS has ended the pause")
	}
	if !e.applied(low) || s.undone == false {
		t.Error("the pause must end with the next set, not before")
	}
	e.set(low)
	if _, ok := drift(); !ok || s.undone {
		t.Error("applied again it is not enforced")
	}
	e.pause([]*enforced{s}, false)
	if released := e.set(job.LowState{}); len(released) != 1 {
		t.Error("what is not enforced any more must be released, or it would be listed for ever")
	}
}

// What was begun with an older low state must not bring that back over a newer one.
func TestAnOlderLowStateIsStale(t *testing.T) {
	e, s := enforcing(t, job.EnforceTrue)
	now := time.Now().Add(time.Minute)
	cause := event.ID{Origin: "web1", Seq: 1}
	e.noticed("file/etc/motd", false, cause, now)
	begun, _, _ := one(e.due(now))
	e.apply(true)
	if !e.stale(begun) || !s.pending || len(s.causes) != 1 {
		t.Error("while states are applied nothing is put right, and nothing is forgotten")
	}
	if _, _, ok := one(e.due(now)); ok {
		t.Error("it is begun while states are applied")
	}
	e.set(job.LowState{States: []job.Low{lowOf(t, "b", "/etc/motd", job.EnforceTrue)}})
	e.apply(false)
	if !e.stale(begun) {
		t.Error("the old one is brought back")
	}
	next, _, ok := one(e.due(now))
	if !ok || e.stale(next) || next.low.SLS != "b" {
		t.Errorf("the new one is not looked at: %+v", next.low)
	}
}

// one is what is due of a single state.
func one(tasks []task, again time.Time) (t task, _ time.Time, ok bool) {
	if len(tasks) == 0 {
		return t, again, false
	}
	return tasks[0], again, true
}
