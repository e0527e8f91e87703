package eventlog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/go-cmp/cmp"

	"brine/internal/event"
	"brine/internal/job"
)

func jids(t *testing.T, l *Log, q JobQuery) []string {
	t.Helper()
	var got []string
	for j, err := range l.Jobs(q) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, j.JID)
	}
	return got
}

func TestJobs(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	full := job.Job{JID: "full", Target: "db1", Fun: job.StateApply, Args: job.Args{SLS: []string{"motd"}, Stdin: []byte{0, 1}}, Rule: "r", Step: 2,
		Causes: []event.ID{ev(1, "").ID}, Created: at(3), Deadline: at(9), Status: job.Sent, Attempt: 1, Updated: at(4), New: ev(2, "").ID}
	jobs := []job.Job{
		full,
		{JID: "first", Target: "web1", Created: at(1), Status: job.Waiting},
		{JID: "done", Target: "web2", Created: at(2), Status: job.Succeeded},
		{JID: "many", Target: "web1", Created: at(4), Status: job.Waiting},
		{JID: "many", Target: "web2", Created: at(4), Status: job.Waiting},
	}
	b := l.NewBatch()
	for _, j := range jobs {
		b.PutJob(j)
	}
	if err := l.Commit(b); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, Options{})
	for _, c := range []struct {
		q    JobQuery
		want string
	}{
		{JobQuery{}, "first done full many many"},
		{JobQuery{Open: true}, "first full many many"},
		{JobQuery{Reverse: true, Limit: 3}, "many many full"},
		{JobQuery{Target: "web*", Limit: 2}, "first done"},
		{JobQuery{Target: "web2"}, "done many"},
		{JobQuery{Target: "nobody"}, ""},
	} {
		if got := strings.Join(jids(t, l, c.q), " "); got != c.want {
			t.Errorf("%+v: %s, want %s", c.q, got, c.want)
		}
	}
	got, err := l.Job("full")
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	if diff := cmp.Diff(full, got[0]); diff != "" {
		t.Error(diff)
	}
	b = l.NewBatch()
	full.Status = job.Succeeded
	b.PutJob(full)
	b.DeleteJob("many", "web1")
	b.DeleteJob("never", "was")
	if err := l.Commit(b); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(jids(t, l, JobQuery{Open: true}), " "); got != "first many" {
		t.Errorf("open: %s", got)
	}
	if got, err := l.Job("many"); err != nil || len(got) != 1 || got[0].Target != "web2" {
		t.Errorf("many: %v, %v", got, err)
	}
	if _, err := l.Job("man"); !errors.Is(err, ErrNotFound) {
		t.Errorf("part of a jid: %v", err)
	}
	for _, err := range l.Jobs(JobQuery{Target: "["}) {
		if err == nil {
			t.Error("a bad glob matched")
		}
	}
	verify(t, l)
}

func TestJobsMoreThanAPage(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	var want []string
	b := l.NewBatch()
	for i := range 2*pageEvents + 3 {
		want = append(want, fmt.Sprintf("j%04d", i))
		b.PutJob(job.Job{JID: want[i], Created: at(uint64(i)), Status: job.Waiting})
	}
	if err := l.Commit(b); err != nil {
		t.Fatal(err)
	}
	if got := jids(t, l, JobQuery{Open: true}); !slices.Equal(got, want) {
		t.Error("forwards")
	}
	slices.Reverse(want)
	if got := jids(t, l, JobQuery{Reverse: true}); !slices.Equal(got, want) {
		t.Error("backwards")
	}
}

func TestSmallThings(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	if c, err := l.Cursor(); c != 0 || err != nil {
		t.Fatalf("cursor of a new log: %d, %v", c, err)
	}
	marks := []HighWater{{Minion: "db1", Inc: 1, Seq: 9}, {Minion: "web1", Inc: 1, Seq: 5, Sum: 1<<64 - 1, Updated: at(1)}, {Minion: "web1", Inc: 2, Seq: 1}}
	b := l.NewBatch()
	for _, h := range marks {
		b.SetHighWater(h)
	}
	b.SetHighWater(HighWater{Minion: "gone", Inc: 3})
	b.DeleteHighWater("gone", 3)
	b.SetCursor(1 << 40)
	b.PutVerdicts(5, []byte{})
	for _, k := range []string{"", "a", "rule/x\x00y", "gone"} {
		b.PutReactor(k, []byte("v"+k))
		b.PutRecord("keys", k, []byte("k"+k))
	}
	b.PutRecord("key", "s", []byte("another bucket"))
	b.PutReactor("gone", nil)
	b.DeleteRecord("keys", "gone")
	if err := l.Commit(b); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, Options{})
	var got []HighWater
	for h, err := range l.HighWaters() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, h)
	}
	if !slices.Equal(got, marks) {
		t.Errorf("marks: %+v", got)
	}
	if c, err := l.Cursor(); c != 1<<40 || err != nil {
		t.Errorf("cursor: %d, %v", c, err)
	}
	if v, err := l.Verdicts(5); v == nil || len(v) != 0 || err != nil {
		t.Errorf("empty verdicts: %v, %v", v, err)
	}
	collect := func(each func(func(string, []byte) error) error) map[string]string {
		m := map[string]string{}
		if err := each(func(k string, v []byte) error { m[k] = string(v); return nil }); err != nil {
			t.Error(err)
		}
		return m
	}
	if m := collect(l.Reactor); !maps.Equal(m, map[string]string{"": "v", "a": "va", "rule/x\x00y": "vrule/x\x00y"}) {
		t.Errorf("reactor: %q", m)
	}
	if m := collect(func(f func(string, []byte) error) error { return l.Records("keys", f) }); !maps.Equal(m, map[string]string{"": "k", "a": "ka", "rule/x\x00y": "krule/x\x00y"}) {
		t.Errorf("records: %q", m)
	}
	stop := errors.New("enough")
	if err := l.Reactor(func(string, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("stopped with %v", err)
	}
}

func TestDamagedSmallThings(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	b := l.NewBatch()
	b.PutRecord("keys", "a", []byte("1"))
	b.PutRecord("keys", "b", []byte("2"))
	b.PutJob(job.Job{JID: "j1", Target: "web1", Created: at(1)})
	b.PutJob(job.Job{JID: "j2", Target: "web1", Created: at(2)})
	b.SetCursor(4)
	if err := l.Commit(b); err != nil {
		t.Fatal(err)
	}
	for _, key := range [][]byte{textKey(kindRecord, "keys", "a"), jobKey("j1", "web1"), textKey(kindMeta, metaCursor)} {
		if err := l.db.Set(key, []byte("not what was written"), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	seen := ""
	err := l.Records("keys", func(k string, v []byte) error { seen += k + string(v); return nil })
	if seen != "b2" || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "record keys a") {
		t.Errorf("saw %q, %v", seen, err)
	}
	var damaged, whole int
	for _, err := range l.Jobs(JobQuery{}) {
		if errors.Is(err, ErrDamaged) {
			damaged++
		} else if err == nil {
			whole++
		}
	}
	if damaged != 1 || whole != 1 {
		t.Errorf("%d jobs damaged, %d whole", damaged, whole)
	}
	if _, err := l.Cursor(); !errors.Is(err, ErrDamaged) {
		t.Errorf("cursor: %v", err)
	}
}

func TestKeyOrder(t *testing.T) {
	times := []time.Time{{}, time.Unix(-5, 0), time.Unix(0, 0), at(1), at(2)}
	for i := 1; i < len(times); i++ {
		a, b := jobTimeKey(kindJobTime, times[i-1].UnixNano(), "z", ""), jobTimeKey(kindJobTime, times[i].UnixNano(), "a", "")
		if i > 1 && string(a) >= string(b) {
			t.Errorf("%v does not sort before %v", times[i-1], times[i])
		}
	}
	if got := after([]byte{'k', 0xff, 0xff}); string(got) != "l" {
		t.Errorf("after: %q", got)
	}
	if got := after([]byte{0xff}); got != nil {
		t.Errorf("after the last: %q", got)
	}
}
