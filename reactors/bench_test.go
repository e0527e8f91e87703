package reactors

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
)

// thousand are rules of the kinds that people write: a file each, a prefix of minions each, a tail each.
func thousand(tb testing.TB) *Set {
	return mustLoadMore(tb, thousandText()+`
the-one:
  on: brine/beacon/*/file/etc/motd
  when: data.change != 'removed' || data.?actor.?exe.orValue('') != '/usr/bin/dpkg'
  throttle: {once_within: 10s, by: [minion]}
  do: {state.apply: motd}
`)
}

func thousandText() string {
	var b strings.Builder
	for i := range 1000 {
		on := fmt.Sprintf("brine/beacon/*/file/etc/app%d/**", i)
		switch i % 4 {
		case 1:
			on = fmt.Sprintf("brine/beacon/web%d-*/file/etc/motd", i)
		case 2:
			on = fmt.Sprintf("ops/app%d/*/done", i)
		case 3:
			on = fmt.Sprintf("brine/beacon/*/cpu/**/level%d", i)
		}
		fmt.Fprintf(&b, "rule-%d:\n  on: %s\n  when: data.?change.orValue('') != 'removed'\n  do: {state.apply: app}\n", i, on)
	}
	return b.String()
}

func mustLoadMore(tb testing.TB, text string) *Set {
	set, faults := Load([]Source{{"rules.yaml", []byte(text)}}, Env{Data: map[string]any{"file": fileDataLoose{}}})
	if faults.Err() != nil {
		tb.Fatal(faults)
	}
	return set
}

type fileDataLoose struct {
	Path   string  `json:"path"`
	Change *string `json:"change"`
	Actor  *actor  `json:"actor"`
}

func benchStep(b *testing.B, e event.Event, hits int) {
	r := New(thousand(b))
	w := World{}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		e.Received = e.Received.Add(11 * time.Second) // the window is always over
		if got := len(r.Step(e, w)); got != hits {
			b.Fatalf("%d verdicts, want %d", got, hits)
		}
		if n++; n%1000 == 0 {
			r.Dirty()
		}
	}
}

func BenchmarkStep1000None(b *testing.B) {
	benchStep(b, fired(b, 0, "web1", "brine/beacon/web1/file/etc/ssh/sshd_config", fileEvent), 0)
}

func BenchmarkStep1000One(b *testing.B) {
	benchStep(b, fired(b, 0, "web1", "brine/beacon/web1/file/etc/motd", fileEvent), 1)
}

func BenchmarkStep1000No(b *testing.B) {
	benchStep(b, fired(b, 0, "web1", "brine/beacon/web1/file/etc/motd",
		map[string]any{"path": "/etc/motd", "change": "removed", "actor": map[string]any{"exe": "/usr/bin/dpkg"}}), 1)
}

// windowed adds a rule over several events to the thousand.
func windowed(tb testing.TB) *Set {
	return mustLoadMore(tb, thousandText()+`
count:
  on: {pattern: brine/beacon/*/file/etc/motd, count: 3, within: 1h, by: [minion], when: data.change == 'modified'}
  do: {state.apply: motd}
`)
}

func BenchmarkStep1000Window(b *testing.B) {
	r := New(windowed(b))
	e := fired(b, 0, "web1", "brine/beacon/web1/file/etc/motd", fileEvent)
	b.ReportAllocs()
	for n := uint64(1); b.Loop(); n++ {
		e.Received, e.Pos, e.ID.Seq = e.Received.Add(time.Second), n, n
		if got := len(r.Step(e, World{})); got != 1 {
			b.Fatalf("%d verdicts", got)
		}
		r.Dirty()
	}
}

func BenchmarkLoad1000(b *testing.B) {
	for b.Loop() {
		thousand(b)
	}
}

var fileEvent = map[string]any{"path": "/etc/motd", "change": "modified",
	"before": map[string]any{"type": "file", "size": 42, "mode": "0644", "user": "root", "group": "root", "sha256": strings.Repeat("a", 64)},
	"after":  map[string]any{"type": "file", "size": 43, "mode": "0644", "user": "root", "group": "root", "sha256": strings.Repeat("b", 64)},
	"actor":  nil, "state": ""}
