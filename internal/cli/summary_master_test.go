package cli

import (
	"testing"

	"brine/internal/event"
)

// What the master tells of rules, jobs and holds reads as a sentence, not as a heap of keys.
func TestMasterText(t *testing.T) {
	for _, tt := range []struct {
		tag  string
		data map[string]any
		want string
	}{
		{"brine/reactor/r/dead", map[string]any{"fun": "master.exec", "target": "@master", "tries": 3, "error": "exit status 3"},
			"gave up after 3 tries: master.exec on @master: exit status 3"},
		{"brine/job/abc/dead/web1", map[string]any{"fun": "state.apply", "target": "web1", "tries": 0, "error": "compile: no"},
			"gave up: state.apply on web1: compile: no"},
		{"brine/job/abc/expired/web1", map[string]any{"error": "its deadline passed"}, "expired: its deadline passed"},
		{"brine/reactor/r/approved", map[string]any{"by": "ann", "text": "roll out?", "why": "fine"}, "approved by ann: roll out? (fine)"},
		{"brine/reactor/r/ended", map[string]any{"run": "x", "rule": "r", "status": "failed", "why": "step a: no", "steps": []any{map[string]any{"fun": "a"}}},
			"the steps of rule r have ended: failed: step a: no"},
		{"brine/reactor/r/timer", map[string]any{"key": "[7]", "of": "condition"}, "a wait of the rule is over for [7]"},
		{"brine/hold/x/resumed", map[string]any{"tgt": "web*", "reason": "resumed by ann"}, "minions web* are put right again: resumed by ann"},
		{"brine/hold/x/frozen", map[string]any{"state": "s"}, "state=s"},
		{"brine/job/abc/new", map[string]any{"fun": "state.single", "targets": []string{"web1"}, "args": map[string]any{"data": map[string]any{"file.absent": map[string]any{"name": "/etc/foo"}}}},
			"state.single file.absent: /etc/foo on web1"},
		{"brine/beacon/web1/disk/full", map[string]any{"limit": "full", "state": "entered", "mount": "/", "device": "/dev/vda", "of": "used", "value": 93.25, "threshold": 90},
			"full entered: / used 93.25 (limit 90)"},
		{"brine/beacon/web1/conn/listeners/listening", map[string]any{"change": "listening", "proto": "tcp", "local": "::", "local_port": 22}, "listening tcp [::]:22"},
		{"brine/beacon/web1/conn/out/opened", map[string]any{"change": "opened", "proto": "tcp", "local": "10.0.0.1", "local_port": 4, "remote": "10.0.0.2", "remote_port": 80},
			"opened tcp 10.0.0.1:4 with 10.0.0.2:80"},
		{"brine/job/abc/new", map[string]any{"fun": "cmd.run", "targets": []string{"web1"}, "args": map[string]any{"data": map[string]any{"argv": []string{"/bin/ls", "/"}}}},
			"cmd.run /bin/ls / on web1"},
	} {
		data, err := event.Encode(tt.data)
		if err != nil {
			t.Fatal(err)
		}
		if got := summarize(event.Event{Tag: tt.tag, Data: data}); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.tag, got, tt.want)
		}
	}
}

// A fault that 300 minions have in common is told once, and the others are named.
func TestSameReasons(t *testing.T) {
	s := newSameReasons()
	for _, tt := range []struct {
		minion, lost string
		again        bool
	}{{"a", "x", false}, {"b", "x", true}, {"c", "y", false}, {"d", "x", true}, {"e", "", false}} {
		if got := s.repeated(answer{Minion: tt.minion, Lost: tt.lost}); got != tt.again {
			t.Errorf("%s: %v, want %v", tt.minion, got, tt.again)
		}
	}
	if len(s.order) != 1 || len(s.others["a"]) != 2 {
		t.Error(s.order, s.others)
	}
}
