package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/wire"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		crashChild(path)
		return
	}
	goleak.VerifyTestMain(m)
}

// open opens an outbox that is closed with the test.
func open(t testing.TB, path string, opt Options) *Outbox {
	t.Helper()
	if opt.FlushDelay == 0 {
		opt.FlushDelay = time.Hour // tests flush by Commit or Close
	}
	o, err := Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "outbox") }

func ev(tag string) wire.Event { return wire.Event{Time: 5, Tag: tag} }

func commit(t testing.TB, o *Outbox, tx Tx) uint64 {
	t.Helper()
	first, err := o.Commit(tx)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// tags reads everything and returns the tags, "-" for a lost event.
func tags(t testing.TB, o *Outbox) []string {
	t.Helper()
	s := o.State()
	raws, err := o.Read(s.First, 1<<20, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i, raw := range raws {
		e, err := wire.DecodeEvent(raw)
		switch {
		case len(raw) == 0:
			list = append(list, "-")
		case err != nil:
			t.Fatal(err)
		case e.Seq != s.First+uint64(i):
			t.Fatalf("event %d in the place of %d", e.Seq, s.First+uint64(i))
		default:
			list = append(list, e.Tag)
		}
	}
	return list
}

func reopen(t testing.TB, o *Outbox, opt Options) *Outbox {
	t.Helper()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, o.path, opt)
}

func TestEverythingIsThereAfterReopening(t *testing.T) {
	o := open(t, file(t), Options{})
	inc := o.State().Inc
	low := job.LowState{Hash: "h", States: []job.Low{{ID: "motd", Fun: "file.managed", Args: event.Data{0xa0}, Require: []int{}, Content: []job.Content{}}}, Source: []string{"motd"}}
	first := commit(t, o, Tx{Events: []wire.Event{ev("a"), ev("b")}, Baselines: []KV{{"file", "/etc", []byte("x")}, {"file", "/etc/motd", []byte{}}, {"cpu", "", []byte("y")}}})
	commit(t, o, Tx{Events: []wire.Event{ev("c")}, Done: &Done{"jid", 2, []byte("result")}, Applied: &low})
	commit(t, o, Tx{Baselines: []KV{{"file", "/etc", nil}}})
	if first != 1 {
		t.Errorf("first is %d", first)
	}
	o = reopen(t, o, Options{})
	if got := (State{inc, 1, 4, 0}); o.State() != got {
		t.Errorf("state %+v, want %+v", o.State(), got)
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, tags(t, o)); d != "" {
		t.Error(d)
	}
	if v, err := o.Baseline("file").Get("/etc"); v != nil || err != nil {
		t.Errorf("removed baseline: %q, %v", v, err)
	}
	if v, err := o.Baseline("file").Get("/etc/motd"); v == nil || len(v) != 0 || err != nil {
		t.Errorf("empty baseline: %v, %v", v, err)
	}
	if d, ok, err := o.Done("jid"); !ok || err != nil || d.Attempt != 2 || string(d.Result) != "result" {
		t.Errorf("done: %+v %v %v", d, ok, err)
	}
	if _, ok, err := o.Done("other"); ok || err != nil {
		t.Errorf("done of another: %v %v", ok, err)
	}
	if got, ok, err := o.Applied(); !ok || err != nil || cmp.Diff(low, got) != "" {
		t.Errorf("applied: %v %v\n%s", ok, err, cmp.Diff(low, got))
	}
	if n := len(o.Damages()); n != 0 {
		t.Errorf("%d damages: %v", n, o.Damages())
	}
	info, err := os.Stat(o.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestEachGoesThroughAPrefixAndMayCommit(t *testing.T) {
	o := open(t, file(t), Options{})
	var set []KV
	for i := range 3 * page {
		set = append(set, KV{"file", fmt.Sprintf("/a/%04d", i), []byte{byte(i)}})
	}
	commit(t, o, Tx{Baselines: append(set, KV{"file", "/b", []byte{1}}, KV{"files", "/a/x", []byte{1}})})
	n := 0
	err := o.Baseline("file").Each("/a/", func(key string, value []byte) error {
		if want := fmt.Sprintf("/a/%04d", n); key != want || value[0] != byte(n) {
			t.Fatalf("%q, want %q", key, want)
		}
		n++
		_, err := o.Commit(Tx{Baselines: []KV{{"file", key, nil}}})
		return err
	})
	if err != nil || n != 3*page {
		t.Errorf("%d, %v", n, err)
	}
}

func TestAck(t *testing.T) {
	o := open(t, file(t), Options{MaxDead: 2})
	inc := o.State().Inc
	commit(t, o, Tx{Events: []wire.Event{ev("a"), ev("b"), ev("c"), ev("d"), ev("e")}})
	sum2, _ := o.Sum(2)
	if err := o.Ack(6, nil); !errors.Is(err, ErrAhead) {
		t.Errorf("ahead: %v", err)
	}
	if err := o.Ack(2, []wire.Rejection{{Seq: 1, Reason: "tag"}}); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		if want := (State{inc, 3, 6, 2}); o.State() != want {
			t.Errorf("%s: %+v, want %+v", when, o.State(), want)
		}
		if sum, ok := o.Sum(2); !ok || sum != sum2 {
			t.Errorf("%s: sum of the last acknowledged: %x %v, want %x", when, sum, ok, sum2)
		}
		if _, ok := o.Sum(1); ok {
			t.Errorf("%s: sum of one long gone", when)
		}
		if _, err := o.Read(2, 1, 1); !errors.Is(err, ErrGone) {
			t.Errorf("%s: read of an acknowledged one: %v", when, err)
		}
	}
	check("pending")
	if err := o.Ack(1, nil); err != nil {
		t.Fatal(err)
	}
	check("after an older one")
	o = reopen(t, o, Options{MaxDead: 2})
	check("reopened")
	if err := o.Ack(5, []wire.Rejection{{Seq: 4, Reason: "x"}, {Seq: 5, Reason: "y"}, {Seq: 2, Reason: "late"}}); err != nil {
		t.Fatal(err)
	}
	commit(t, o, Tx{Events: []wire.Event{ev("f")}})
	dead, err := o.DeadLetters()
	if err != nil || len(dead) != 2 || dead[0].Seq != 4 || dead[1].Reason != "y" || dead[0].Inc != inc || o.Stats().DeadTotal != 3 {
		t.Errorf("dead letters: %+v, %v, total %d", dead, err, o.Stats().DeadTotal)
	}
	if e, err := wire.DecodeEvent(dead[0].Raw); err != nil || e.Tag != "d" {
		t.Errorf("dead letter holds %+v, %v", e, err)
	}
	if d := cmp.Diff([]string{"f"}, tags(t, o)); d != "" {
		t.Error(d)
	}
}

func TestAckIsWrittenWithoutACommit(t *testing.T) {
	o := open(t, file(t), Options{FlushDelay: time.Millisecond})
	for range 3 {
		last := commit(t, o, Tx{Events: []wire.Event{ev("a")}})
		if err := o.Ack(last, nil); err != nil {
			t.Fatal(err)
		}
		for o.Stats().Events != 0 {
			time.Sleep(time.Millisecond) // waits for the flush, however long it takes
		}
	}
}

func TestRenew(t *testing.T) {
	o := open(t, file(t), Options{})
	commit(t, o, Tx{Events: []wire.Event{ev("a"), ev("b")}})
	if err := o.Ack(1, nil); err != nil {
		t.Fatal(err)
	}
	old := o.State()
	s, err := o.Renew()
	if err != nil || s.Inc == old.Inc || s != (State{s.Inc, 2, 3, 0}) {
		t.Errorf("%+v, %v", s, err)
	}
	if _, ok := o.Sum(1); ok {
		t.Error("the sum of another incarnation's event")
	}
	if o = reopen(t, o, Options{}); o.State() != s {
		t.Errorf("reopened: %+v, want %+v", o.State(), s)
	}
}

// A snapshot put back: the file knows nothing of what came after, and the state says so, for Hello to tell.
func TestRestoredSnapshot(t *testing.T) {
	path := file(t)
	o := open(t, path, Options{})
	commit(t, o, Tx{Events: []wire.Event{ev("a"), ev("b")}})
	if err := o.Ack(1, nil); err != nil {
		t.Fatal(err)
	}
	o = reopen(t, o, Options{})
	before := o.State()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	snapshot, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o = open(t, path, Options{})
	commit(t, o, Tx{Events: []wire.Event{ev("c")}})
	if err := o.Ack(3, nil); err != nil {
		t.Fatal(err)
	}
	sum3, _ := o.Sum(3)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, snapshot, 0o600); err != nil {
		t.Fatal(err)
	}
	o = open(t, path, Options{})
	if o.State() != before {
		t.Errorf("%+v, want %+v", o.State(), before)
	}
	commit(t, o, Tx{Events: []wire.Event{ev("another")}})
	if sum, ok := o.Sum(3); !ok || sum == sum3 {
		t.Error("another event under the same sequence must have another sum")
	}
	if err := o.Ack(9, nil); !errors.Is(err, ErrAhead) {
		t.Errorf("the master is ahead: %v", err)
	}
}

func TestBadTransactionsAreRefused(t *testing.T) {
	o := open(t, file(t), Options{})
	for name, tx := range map[string]Tx{
		"tag":           {Events: []wire.Event{ev("a//b")}},
		"tag not UTF-8": {Events: []wire.Event{ev("a\xff")}},
		"data":          {Events: []wire.Event{{Tag: "a", Data: make([]byte, event.MaxData+1)}}},
		"bucket":        {Baselines: []KV{{"a\x00b", "k", nil}}},
		"baseline":      {Baselines: []KV{{"a", "k", make([]byte, MaxValue+1)}}},
		"key":           {Baselines: []KV{{"a", string(make([]byte, MaxKey)), nil}}},
		"jid":           {Done: &Done{}},
		"attempt":       {Done: &Done{JID: "a", Attempt: -1}},
	} {
		tx.Events = append([]wire.Event{ev("good")}, tx.Events...)
		if _, err := o.Commit(tx); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if s := o.State(); s.Next != 1 {
		t.Errorf("something was kept: %+v", s)
	}
}

func TestDoneForgetsTheOldest(t *testing.T) {
	o := open(t, file(t), Options{MaxDone: 3})
	for _, jid := range []string{"a", "b", "a", "c", "d"} {
		commit(t, o, Tx{Done: &Done{JID: jid, Attempt: 1}})
	}
	got := ""
	for _, jid := range []string{"a", "b", "c", "d"} {
		if _, ok, _ := o.Done(jid); ok {
			got += jid
		}
	}
	n := 0
	if err := o.EachDone(func(jid string, attempt int) { n += attempt }); err != nil || n != 3 {
		t.Errorf("each done: %d, %v", n, err)
	}
	if got != "acd" || o.Stats().Done != 3 {
		t.Errorf("remembers %q, %d", got, o.Stats().Done)
	}
}

func TestConcurrentCommitsShareSyncs(t *testing.T) {
	o := open(t, file(t), Options{})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 20 {
				if _, err := o.Commit(Tx{Events: []wire.Event{ev("x"), ev("y")}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if s := o.Stats(); s.Commits != 1280 || s.Syncs >= s.Commits || s.Events != 2560 {
		t.Errorf("%+v", s)
	}
	if list := tags(t, o); len(list) != 2560 {
		t.Errorf("%d events", len(list))
	}
}

func TestSecondProcessIsTold(t *testing.T) {
	path := file(t)
	o := open(t, path, Options{})
	if _, err := Open(path, Options{LockWait: time.Millisecond}); !errors.Is(err, ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	commit(t, o, Tx{Events: []wire.Event{ev("a")}})
}

func TestClosed(t *testing.T) {
	o := open(t, file(t), Options{})
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Commit(Tx{Events: []wire.Event{ev("a")}}); !errors.Is(err, ErrClosed) {
		t.Errorf("commit: %v", err)
	}
	if _, err := o.Read(1, 1, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if _, err := o.Renew(); !errors.Is(err, ErrClosed) {
		t.Errorf("renew: %v", err)
	}
}

func TestCompactionKeepsEverything(t *testing.T) {
	o := open(t, file(t), Options{CompactBytes: 1 << 20})
	commit(t, o, Tx{Baselines: []KV{{"file", "/etc/motd", []byte("base")}}, Done: &Done{JID: "j", Attempt: 1}})
	for range 50 {
		commit(t, o, Tx{Events: []wire.Event{{Time: 1, Tag: "big", Data: make([]byte, 100<<10)}}})
	}
	before, sum := o.State(), uint64(0)
	sum, _ = o.Sum(50)
	if err := o.Ack(50, nil); err != nil {
		t.Fatal(err)
	}
	if err := o.call(func() error { o.tend(); return nil }); err != nil {
		t.Fatal(err)
	}
	if s := o.Stats(); s.Compactions != 1 || s.FileBytes > 1<<20 {
		t.Errorf("%+v", s)
	}
	for range 2 {
		if got, _ := o.Sum(50); o.State() != (State{before.Inc, 51, 51, 50}) || got != sum {
			t.Errorf("%+v, sum %x, want %x", o.State(), got, sum)
		}
		if v, err := o.Baseline("file").Get("/etc/motd"); string(v) != "base" || err != nil {
			t.Errorf("%q, %v", v, err)
		}
		if _, ok, err := o.Done("j"); !ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
		o = reopen(t, o, Options{CompactBytes: 1 << 20})
	}
	if n := len(o.Damages()); n != 0 {
		t.Errorf("damages: %v", o.Damages())
	}
	if got := commit(t, o, Tx{Events: []wire.Event{ev("next")}}); got != 51 {
		t.Errorf("next is %d", got)
	}
}

// Buckets are listed by their own names, once each, however much they hold and whatever their neighbours are called.
func TestBuckets(t *testing.T) {
	o := open(t, file(t), Options{})
	var tx Tx
	for _, b := range []string{"a", "beacon/x", "beacon/x/y", "beacon/x1", "beacon/é", "beacons", "c"} {
		for _, k := range []string{"", "\x01", "k", "é"} {
			tx.Baselines = append(tx.Baselines, KV{Bucket: b, Key: k, Value: []byte("v")})
		}
	}
	commit(t, o, tx)
	for prefix, want := range map[string][]string{
		"beacon/": {"beacon/x", "beacon/x/y", "beacon/x1", "beacon/é"}, "a": {"a"}, "b0": nil, "": {"a", "beacon/x", "beacon/x/y", "beacon/x1", "beacon/é", "beacons", "c"},
	} {
		if got, err := o.Buckets(prefix); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", prefix, got, err, want)
		}
	}
}
