package wire

import (
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/job"

	"github.com/google/go-cmp/cmp"
)

var (
	hash1  = strings.Repeat("0a", 32)
	jid1   = "abcdefghijklm234"
	cause1 = event.ID{Origin: "web1", Inc: 7, Seq: 42}
)

// messages holds one full message of every type.
func messages() []Message {
	low := &job.LowState{Hash: hash1, Source: []string{"motd", "base.ssh"}, Whole: true, States: []job.Low{
		{ID: "dir", SLS: "motd", Fun: "file.directory", Name: "/etc", Args: event.Data{0xa0}},
		{ID: "motd", SLS: "motd", Fun: "file.managed", Name: "/etc/motd", Args: event.Data{0xa0}, Require: []int{0}, Enforce: job.EnforceWarn,
			Content: []job.Content{{Hash: hash1, Size: 12}}},
	}}
	return []Message{
		&Hello{MinProto: 1, MaxProto: 1, ID: "web1", Inc: 7, First: 3, Next: 9, Acked: 2, Now: 1e18, Version: "0.1", Grains: event.Data{0xa0}},
		&Welcome{Proto: 1, HighWater: 8, Sum: 1 << 63, Now: -1},
		&Events{First: 3, Events: []RawEvent{EncodeEvent(fullEvent()), {0xff}}},
		&Ack{UpTo: 9, Rejected: []Rejection{{Seq: 4, Reason: "tag"}, {Seq: 9, Reason: ""}}},
		&Taken{JID: jid1, Attempt: 2},
		&Job{JID: jid1, Attempt: 1, Fun: job.StateApply, Test: true, Remaining: time.Minute, Rule: "restore-motd", Cause: cause1, Depth: 2, Low: low, Args: event.Data{0xa0}},
		&Get{Hash: hash1, Offset: 262144},
		&Cancel{JID: jid1},
		&Chunk{Hash: hash1, Offset: 2, Size: 5, Data: []byte("abc")},
		&Bye{Reason: "key rejected", Hint: "ask"},
		&Settings{Name: "holds", Hash: hash1, Data: event.Data{0xa0}},
	}
}

func fullEvent() Event {
	return Event{Seq: 3, Time: -5, Tag: "brine/beacon/web1/file/etc/motd", By: "root", Causes: []event.ID{cause1, {Origin: event.Master, Inc: 1, Seq: 1}},
		Depth: 255, Own: true, Data: event.Data{0xa1, 0x61, 'a', 1}}
}

func TestRoundTrip(t *testing.T) {
	for _, m := range messages() {
		b, err := Encode(m)
		if err != nil {
			t.Fatalf("%v: %v", m.Type(), err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("%v: %v", m.Type(), err)
		}
		if d := cmp.Diff(m, got); d != "" {
			t.Errorf("%v: sent (-) and read (+) differ:\n%s", m.Type(), d)
		}
		_, upErr := DecodeUp(b)
		_, downErr := DecodeDown(b)
		if (upErr == nil) != m.Type().up() || (downErr == nil) == m.Type().up() {
			t.Errorf("%v: up: %v, down: %v", m.Type(), upErr, downErr)
		}
	}
}

func TestEventRoundTrip(t *testing.T) {
	for _, e := range []Event{fullEvent(), {Seq: 1, Tag: "a"}} {
		got, err := DecodeEvent(EncodeEvent(e))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(e, got); d != "" {
			t.Error(d)
		}
		if err := CheckEvent(e); err != nil {
			t.Error(err)
		}
	}
}
