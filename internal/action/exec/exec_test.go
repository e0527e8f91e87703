package exec

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"brine/internal/action"
	"brine/internal/event"
	"brine/internal/job"
)

// A job of a release that knew no other action has its arguments in fields of their own.
func TestRun(t *testing.T) {
	m := Module()
	j := job.Job{JID: "j1", Attempt: 2, Fun: job.MasterExec, Args: job.Args{
		Argv: []string{"sh", "-c", "cat; echo $1 $A $BRINE_JOB_ID $BRINE_ATTEMPT", "x", "a  b"}, Env: map[string]string{"A": "5"}, Timeout: time.Minute}}
	args, err := m.Decode(j.Args)
	if err != nil {
		t.Fatal(err)
	}
	e := event.Event{ID: event.ID{Origin: "web1", Inc: 7, Seq: 9}, Tag: "a/b", Minion: "web1"}
	r := m.Run(t.Context(), action.Call{Job: j, Event: e, Args: args})
	var got struct {
		Tag, Minion string
	}
	if err := json.NewDecoder(strings.NewReader(r.Stdout)).Decode(&got); err != nil || got.Tag != "a/b" || got.Minion != "web1" {
		t.Errorf("stdin %q: %v", r.Stdout, err)
	}
	if !r.OK || !strings.HasSuffix(r.Stdout, "a b 5 j1 2\n") {
		t.Errorf("%+v", r)
	}
}

func TestArgs(t *testing.T) {
	for want, args := range map[string]job.Args{
		`"argv" is required`:            {},
		"the command is empty":          {Argv: []string{""}},
		"holds a zero byte":             {Argv: []string{"a", "b\x00"}},
		"timeout: ":                     {Argv: []string{"a"}, Timeout: -1},
		"argv[0]: want text, not a map": {Data: must(map[string]any{"argv": []any{map[string]any{"a": "b"}}})},
	} {
		if _, err := Module().Decode(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, not %v", want, err)
		}
	}
}

func must(v any) event.Data {
	d, err := event.Encode(v)
	if err != nil {
		panic(err)
	}
	return d
}
