package minion

import (
	"log/slog"
	"testing"
	"time"

	"brine/internal/converge"
	"brine/internal/event"
	"brine/internal/job"
	statelist "brine/states/all"

	"github.com/google/go-cmp/cmp"
)

func lowOf(t *testing.T, sls, name string, mode job.Enforce) job.Low {
	t.Helper()
	args, err := event.Encode(map[string]string{"name": name, "contents": "x"})
	if err != nil {
		t.Fatal(err)
	}
	return job.Low{ID: name, SLS: sls, Fun: "file.managed", Name: name, Args: args, Enforce: mode, Require: []int{0}}
}

func TestMerge(t *testing.T) {
	a, b, c := lowOf(t, "a", "/a", job.EnforceTrue), lowOf(t, "b", "/b", job.EnforceWarn), lowOf(t, "b", "/c", job.EnforceTrue)
	plain := lowOf(t, "a", "/p", job.EnforceNot)
	old := merge(job.LowState{}, job.LowState{Source: []string{"a", "b"}, States: []job.Low{a, b, c}})
	for _, tt := range []struct {
		name string
		low  job.LowState
		want []string
	}{
		{"one SLS replaces its own states", job.LowState{Source: []string{"b"}, States: []job.Low{c}}, []string{"/a", "/c"}},
		{"an SLS that enforces nothing any more", job.LowState{Source: []string{"a"}, States: []job.Low{plain}}, []string{"/b", "/c"}},
		{"a new SLS", job.LowState{Source: []string{"d"}, States: []job.Low{lowOf(t, "d", "/d", job.EnforceTrue)}}, []string{"/a", "/b", "/c", "/d"}},
		{"a highstate is the whole", job.LowState{Whole: true, Source: []string{"a"}, States: []job.Low{plain, a}}, []string{"/a"}},
		{"an empty highstate", job.LowState{Whole: true}, nil},
	} {
		got := merge(old, tt.low)
		var names []string
		for _, l := range got.States {
			names = append(names, l.Name)
			if l.Require != nil {
				t.Errorf("%s: %s still requires %v", tt.name, l.Name, l.Require)
			}
		}
		if diff := cmp.Diff(tt.want, names); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if got.Hash != job.HashStates(got.States) {
			t.Errorf("%s: the hash is not that of the states", tt.name)
		}
	}
}

// enforcing is an enforcer of one state, without a minion around it.
func enforcing(t *testing.T, mode job.Enforce) (*enforcer, *enforced) {
	t.Helper()
	m := &Minion{cfg: &Config{ID: "web1"}, log: slog.New(slog.DiscardHandler)}
	m.runner = &converge.Runner{Root: "/", Modules: statelist.List()}
	e := newEnforcer(m)
	e.set(job.LowState{States: []job.Low{lowOf(t, "a", "/etc/motd", mode)}})
	for _, s := range e.states {
		s.pending, s.next = false, time.Time{}
		return e, s
	}
	t.Fatal("nothing is enforced")
	return nil, nil
}

func changed() []job.Change { return []job.Change{{What: "content"}} }

// A table of what a state's results mean, one after the other, a second apart unless said otherwise.
func TestJudge(t *testing.T) {
	right, fixed := job.StateResult{OK: true}, job.StateResult{OK: true, Changes: changed()}
	failed, again := job.StateResult{}, job.StateResult{Changes: changed()}
	for _, tt := range []struct {
		name    string
		mode    job.Enforce
		results []job.StateResult
		want    []string
	}{
		{"as wanted is not told", job.EnforceTrue, []job.StateResult{right, right}, []string{"", ""}},
		{"each correction is told", job.EnforceTrue, []job.StateResult{fixed, right, fixed}, []string{"corrected", "", "corrected"}},
		{"a failure is told once, and its end", job.EnforceTrue, []job.StateResult{failed, failed, right}, []string{"failed", "", "settled"}},
		{"a warning is told once, and its end", job.EnforceWarn, []job.StateResult{fixed, fixed, right, fixed}, []string{"drifted", "", "settled", "drifted"}},
		{"put right and spoilt at once is a correction", job.EnforceTrue, []job.StateResult{again}, []string{"corrected"}},
	} {
		e, s := enforcing(t, tt.mode)
		now := time.Unix(1000, 0)
		var got []string
		for _, r := range tt.results {
			what, told := e.judge(s, r, now)
			if !told {
				what = ""
			}
			got = append(got, what)
			now = now.Add(time.Second)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// A war is told once, is fought at growing intervals, and is over when nobody has changed anything for a while.
func TestJudgeWar(t *testing.T) {
	e, s := enforcing(t, job.EnforceTrue)
	fixed := job.StateResult{OK: true, Changes: changed()}
	now := time.Unix(1000, 0)
	var told []string
	for range warCorrections + 5 {
		if what, ok := e.judge(s, fixed, now); ok {
			told = append(told, what)
		}
		now = now.Add(max(time.Millisecond, s.next.Sub(now)))
	}
	if got := told[len(told)-1]; len(told) != warCorrections || got != "contested" {
		t.Fatalf("told %d times, last %s", len(told), got)
	}
	if s.wait != warWaitMax {
		t.Errorf("it is put right each %s, want %s in the end", s.wait, warWaitMax)
	}
	if got := e.pace("/etc/motd"); got == 0 {
		t.Error("the beacon tells without pause")
	}
	if got := e.pace("/etc/motd2"); got != 0 {
		t.Errorf("another file is told each %s only", got)
	}
	if _, ok := e.judge(s, job.StateResult{OK: true}, s.contest.Add(time.Second)); ok {
		t.Error("it was over too soon")
	}
	if what, ok := e.judge(s, job.StateResult{OK: true}, s.contest.Add(time.Minute)); !ok || what != "settled" {
		t.Errorf("it was not over: %q", what)
	}
	if got := e.pace("/etc/motd"); got != 0 {
		t.Errorf("the beacon is still held back: %s", got)
	}
	if what, _ := e.judge(s, fixed, s.contest.Add(2*time.Minute)); what != "corrected" {
		t.Errorf("afterwards a drift is %q", what)
	}
}

func TestNoticed(t *testing.T) {
	e, s := enforcing(t, job.EnforceTrue)
	cause := event.ID{Origin: "web1", Inc: 1, Seq: 1}
	now := time.Unix(1000, 0)
	e.noticed("file/etc/other", false, cause, now)
	e.noticed("file/etc/motd", true, cause, now)
	if s.pending {
		t.Fatal("somebody else's file, or Brine's own change, counts as drift")
	}
	for range 2 * event.MaxCauses {
		e.noticed("file/etc/motd", false, cause, now)
	}
	if !s.pending || len(s.causes) != event.MaxCauses {
		t.Fatalf("pending %v with %d causes", s.pending, len(s.causes))
	}
	tasks, _ := e.due(now)
	if len(tasks) != 1 {
		t.Fatalf("due: %+v", tasks)
	}
	if got := tasks[0]; got.low.Name != "/etc/motd" || len(got.causes) != event.MaxCauses || s.pending {
		t.Fatalf("due: %+v", got)
	}
}
