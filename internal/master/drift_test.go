package master

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/wire"
)

// drifted is an event of m0's about one of its states, whose name follows from its number.
func (p *player) drifted(seq uint64, what string, state, corrected int) []Output {
	d := job.Drift{ID: fmt.Sprint("id/", state), SLS: "motd", Fun: "file.managed", Name: fmt.Sprint("/etc/", state), Corrected: corrected,
		Result: job.StateResult{OK: what != job.DriftFailed, Comment: "disk  full", Changes: []job.Change{{What: "mode", From: "0600", To: "0644"}}}}
	if what == job.DriftSettled {
		d.Result.Changes = nil
	}
	return p.tell(seq, "brine/drift/m0/"+event.EscapeSegment(d.ID)+"/"+what, d)
}

func (p *player) tell(seq uint64, tag string, d any) []Output {
	data, err := event.Encode(d)
	if err != nil {
		p.t.Fatal(err)
	}
	e := wire.Event{Seq: seq, Time: p.now.UnixNano(), Tag: tag, Data: data}
	return p.outs(Events{Conn: 1, First: seq, Items: []Item{{Raw: wire.EncodeEvent(e), Event: e}}})
}

// kept is the one record that the disk holds, or all of them are shown.
func (p *player) kept() DriftRecord {
	p.t.Helper()
	if len(p.disk.drifts) != 1 {
		p.t.Fatalf("%d records: %v", len(p.disk.drifts), p.disk.drifts)
	}
	for _, r := range p.disk.drifts {
		return r
	}
	panic("unreachable")
}

// Each step is one second after the one before: what@the minion's own count.
func TestDriftRecord(t *testing.T) {
	for name, tt := range map[string]struct {
		history     string
		status      string
		since, last int // seconds after the start
		corrected   uint64
		why         string
	}{
		"put right":                                         {"corrected@1", "ok", 0, 0, 1, "mode 0600 instead of 0644"},
		"again and again":                                   {"corrected@1 corrected@2 corrected@3", "ok", 2, 2, 3, "mode 0600 instead of 0644"},
		"the minion started anew between":                   {"corrected@1 corrected@2 corrected@1 corrected@2", "ok", 3, 3, 4, "mode 0600 instead of 0644"},
		"it did after the first":                            {"corrected@1 corrected@1", "ok", 1, 1, 2, "mode 0600 instead of 0644"},
		"warned of":                                         {"drifted@0", "drifted", 0, 0, 0, "mode 0600 instead of 0644"},
		"warned of, and put right by hand":                  {"drifted@0 settled@0", "ok", 1, 1, 0, "settled"},
		"cannot be put right":                               {"corrected@1 failed@1", "failed", 1, 1, 1, "disk full"},
		"out of line since the first":                       {"failed@0 contested@10", "contested", 0, 1, 10, "something else changes it again and again: mode 0600 instead of 0644"},
		"corrections of a contested state that nobody told": {"contested@10 settled@300", "ok", 1, 1, 300, "settled"},
		"out of line once more":                             {"failed@0 settled@0 failed@0", "failed", 2, 2, 0, "disk full"},
		"not enforced for a while":                          {"corrected@1 released@1 settled@1 corrected@2", "ok", 3, 3, 2, "mode 0600 instead of 0644"},
		"a word that nobody knows":                          {"corrected@1 improved@9", "ok", 0, 0, 1, "mode 0600 instead of 0644"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlayer(t, "", 1, 1)
			begun := p.now
			for i, word := range strings.Fields(tt.history) {
				what, count, _ := strings.Cut(word, "@")
				p.now = begun.Add(time.Duration(i) * time.Second)
				p.drifted(uint64(i)+1, what, 1, int(p.number(count)))
				p.start(0) // what a restart finds must do
				p.outs(Opened{Conn: 1, Key: fingerprint("m0")})
				p.outs(Received{Conn: 1, Msg: p.hello("m0", nil)})
			}
			r := p.kept()
			at := func(s int) string { return begun.Add(time.Duration(s) * time.Second).UTC().Format(time.RFC3339Nano) }
			if r.Status != tt.status || r.Corrected != tt.corrected || r.Why != tt.why ||
				r.Since.UTC().Format(time.RFC3339Nano) != at(tt.since) || r.Last.UTC().Format(time.RFC3339Nano) != at(tt.last) {
				t.Errorf("%+v", r)
			}
			if r.Minion != "m0" || r.ID != "id/1" || r.SLS != "motd" || r.Fun != "file.managed" || r.Name != "/etc/1" || r.LastEvent.Origin != "m0" {
				t.Errorf("%+v", r)
			}
			blob, err := event.Encode(r)
			var back DriftRecord
			if err != nil || blob.Decode(&back) != nil || back.Status != r.Status || back.Told != r.Told || !back.Since.Equal(r.Since) || back.LastEvent != r.LastEvent {
				t.Errorf("kept is %+v (%v)", back, err)
			}
		})
	}
}

// What a minion sends that is no news of a state changes nothing.
func TestDriftThatCannotBeRead(t *testing.T) {
	p := newPlayer(t, "", 2, 1)
	good := job.Drift{ID: "x", Fun: "file.managed", Name: "/etc/x", Corrected: 1}
	for i, bad := range []struct {
		tag  string
		data any
	}{
		{"brine/drift/m0/x/corrected", "text"},
		{"brine/drift/m0/x/corrected", map[string]any{"fun": 7}},
		{"brine/drift/m0/x/corrected", job.Drift{ID: "x"}},
		{"brine/drift/m0/x", good},
		{"brine/drift/m0/x/y/corrected", good},
		{"brine/drift/m1/x/corrected", good}, // another's: rejected
		{"drift/m0/x/y/corrected", good},
		{"brine/drift/m0/x/settled", good},
		{"brine/drift/m0/x/released", good},
	} {
		for _, out := range p.tell(uint64(i)+1, bad.tag, bad.data) {
			if d, ok := out.(PutDrift); ok {
				t.Errorf("%s %v: %+v", bad.tag, bad.data, d.Record)
			}
		}
	}
	good.Name, good.ID, good.Corrected = "/"+strings.Repeat("é", 5000), "x", -5
	p.tell(10, "brine/drift/m0/x/drifted", good)
	if r := p.kept(); len(r.Name) != maxDriftName-1 || r.Told != 0 || r.Corrected != 0 {
		t.Errorf("%d bytes, %+v", len(r.Name), r.Told)
	}
	for k := range p.disk.drifts {
		if len(k[1]) > maxDriftKey {
			t.Error("the key has", len(k[1]), "bytes")
		}
	}
	// It is found again after a restart, by a name that has been cut.
	p.start(0)
	p.outs(Opened{Conn: 1, Key: fingerprint("m0")})
	p.outs(Received{Conn: 1, Msg: p.hello("m0", nil)})
	p.tell(11, "brine/drift/m0/x/settled", good)
	if r := p.kept(); r.Status != DriftOK {
		t.Errorf("%s", r.Status)
	}
}

// Two states may have one id; they are two.
func TestDriftOfOneID(t *testing.T) {
	p := newPlayer(t, "", 1, 1)
	p.tell(1, "brine/drift/m0/web/drifted", job.Drift{ID: "web", Fun: "file.managed", Name: "/etc/web"})
	p.tell(2, "brine/drift/m0/web/corrected", job.Drift{ID: "web", Fun: "file.directory", Name: "/etc/web", Corrected: 1})
	if len(p.disk.drifts) != 2 {
		t.Error(p.disk.drifts)
	}
}

// A clock that is off does not say when a state got out of line.
func TestTimeByTheMastersClock(t *testing.T) {
	for _, tt := range []struct{ offset, told, received, want time.Duration }{
		{0, 0, time.Second, 0},
		{time.Hour, time.Hour, time.Second, 0},
		{-time.Hour, -time.Hour, time.Second, 0},
		{0, time.Hour, time.Second, time.Second}, // it cannot have been later than this
	} {
		m := &minion{info: MinionInfo{OffsetNS: int64(tt.offset)}}
		if got := m.when(&event.Event{Time: start.Add(tt.told), Received: start.Add(tt.received)}).Sub(start); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

func TestDriftIsBounded(t *testing.T) {
	p := newPlayer(t, "", 1, 1)
	seq := uint64(0)
	next := func(what string, state, corrected int) []Output {
		seq++
		p.now = p.now.Add(time.Millisecond)
		return p.drifted(seq, what, state, corrected)
	}
	next(job.DriftCorrected, 0, 1)
	next(job.DriftCorrected, 1, 1)
	next(job.DriftCorrected, 0, 2) // 1 has been right for longest
	for i := 2; i < maxDrift; i++ {
		next(job.DriftDrifted, i, 0)
	}
	has := func(state int) bool {
		_, ok := p.disk.drifts[[2]string{"m0", driftKey("file.managed", fmt.Sprint("/etc/", state))}]
		return ok
	}
	next(job.DriftDrifted, maxDrift, 0)
	if len(p.disk.drifts) != maxDrift || !has(0) || has(1) || !has(maxDrift) {
		t.Fatal(len(p.disk.drifts), has(0), has(1), has(maxDrift))
	}
	next(job.DriftDrifted, maxDrift+1, 0)
	told := 0
	for i := range 5 { // nothing is right: no room
		for _, out := range next(job.DriftDrifted, maxDrift+2+i, 0) {
			if a, ok := out.(Append); ok && a.Event.Tag == "brine/minion/m0/drift-full" {
				told++
			}
		}
	}
	if len(p.disk.drifts) != maxDrift || has(0) || has(maxDrift+2) || told != 3 || p.core.minions["m0"].drift.lost != 5 {
		t.Error(len(p.disk.drifts), has(0), has(maxDrift+2), told, p.core.minions["m0"].drift.lost)
	}
	next(job.DriftSettled, 2, 0)
	if r := p.disk.drifts[[2]string{"m0", driftKey("file.managed", "/etc/2")}]; r.Status != DriftOK {
		t.Error("a state that is known is kept up to date however many there are:", r.Status)
	}
}

func TestDriftIsForgottenWithTheKey(t *testing.T) {
	for _, act := range []KeyAct{KeyDelete, KeyReject} {
		p := newPlayer(t, "", 1, 1)
		for i := range 3 {
			p.drifted(uint64(i)+1, job.DriftDrifted, i, 0)
		}
		var dropped []string
		for _, out := range p.outs(KeyCommand{Ref: "ref", Act: act, Who: []string{"m0"}, By: "root"}) {
			if d, ok := out.(PutDrift); ok && d.Record == nil {
				dropped = append(dropped, d.Key)
			}
		}
		if len(p.disk.drifts) != 0 || len(dropped) != 3 || !slices.IsSorted(dropped) || len(p.core.minions["m0"].drift.of) != 0 {
			t.Errorf("%s: %v", act, dropped)
		}
	}
}
