package outbox

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"brine/internal/wire"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// model is what an outbox must look like, kept in plain maps.
type model struct {
	state  State
	events map[uint64]string // tags
	base   map[string]string
	done   []string // jids, oldest first
	dead   []string
}

const modelDone, modelDead = 3, 4

func (m *model) commit(tags []string, set map[string]*string, jid string) {
	for _, tag := range tags {
		m.events[m.state.Next] = tag
		m.state.Next++
	}
	for k, v := range set {
		if v == nil {
			delete(m.base, k)
		} else {
			m.base[k] = *v
		}
	}
	if jid != "" {
		m.done = append(slices.DeleteFunc(m.done, func(s string) bool { return s == jid }), jid)
		m.done = m.done[max(0, len(m.done)-modelDone):]
	}
}

func (m *model) ack(upTo uint64, rejected []wire.Rejection) {
	if upTo < m.state.First {
		return
	}
	for _, x := range rejected {
		m.dead = append(m.dead, fmt.Sprintf("%d %s %s", x.Seq, x.Reason, m.events[x.Seq]))
	}
	m.dead = m.dead[max(0, len(m.dead)-modelDead):]
	for seq := m.state.First; seq <= upTo; seq++ {
		delete(m.events, seq)
	}
	m.state.First, m.state.Acked = upTo+1, upTo
}

// TestModel does the same at random to an outbox and to the model.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		opt := Options{MaxDone: modelDone, MaxDead: modelDead, FlushDelay: time.Hour, CompactBytes: 32 << 10}
		path := filepath.Join(dir, fmt.Sprint(runs))
		o, err := Open(path, opt)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { o.Close() }()
		m := &model{state: o.State(), events: map[uint64]string{}, base: map[string]string{}}
		sums := map[uint64]uint64{}
		key := rapid.StringMatching(`[ab]{0,2}`)
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(t *rapid.T) {
				tags := rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,5}`), 0, 5).Draw(t, "tags")
				set := rapid.MapOfN(key, rapid.Ptr(rapid.String(), true), 0, 3).Draw(t, "set")
				jid := rapid.SampledFrom([]string{"", "", "j1", "j2", "j3", "j4"}).Draw(t, "jid")
				tx := Tx{Reserve: rapid.Bool().Draw(t, "reserve")}
				for _, tag := range tags {
					tx.Events = append(tx.Events, ev(tag))
				}
				for k, v := range set {
					kv := KV{Bucket: "b", Key: k}
					if v != nil {
						kv.Value = []byte(*v)
						if *v == "" {
							kv.Value = []byte{}
						}
					}
					tx.Baselines = append(tx.Baselines, kv)
				}
				if jid != "" {
					tx.Done = &Done{JID: jid, Attempt: 1}
				}
				first, err := o.Commit(tx)
				if err != nil || len(tags) > 0 && first != m.state.Next {
					t.Fatalf("first %d, next was %d, %v", first, m.state.Next, err)
				}
				m.commit(tags, set, jid)
				for seq := range m.events {
					sums[seq], _ = o.Sum(seq)
				}
			},
			"ack": func(t *rapid.T) {
				if m.state.Next == 1 {
					t.Skip()
				}
				upTo := rapid.Uint64Range(1, m.state.Next-1).Draw(t, "up to")
				var rejected []wire.Rejection
				for seq := m.state.First; seq <= upTo; seq++ {
					if rapid.IntRange(0, 3).Draw(t, "reject") == 0 {
						rejected = append(rejected, wire.Rejection{Seq: seq, Reason: "r"})
					}
				}
				if err := o.Ack(upTo, rejected); err != nil {
					t.Fatal(err)
				}
				m.ack(upTo, rejected)
			},
			"renew": func(t *rapid.T) {
				s, err := o.Renew()
				if err != nil || s.Inc == m.state.Inc {
					t.Fatalf("%+v, %v", s, err)
				}
				m.state.Inc, m.state.Acked = s.Inc, 0
			},
			"compact": func(t *rapid.T) {
				if err := o.call(func() error { o.tend(); return nil }); err != nil {
					t.Fatal(err)
				}
			},
			"reopen": func(t *rapid.T) {
				if err := o.Close(); err != nil {
					t.Fatal(err)
				}
				if o, err = Open(path, opt); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) { m.compare(t, o, sums) },
		})
	})
}

func (m *model) compare(t *rapid.T, o *Outbox, sums map[uint64]uint64) {
	if d := cmp.Diff(m.state, o.State()); d != "" {
		t.Fatalf("state:\n%s", d)
	}
	raws, err := o.Read(m.state.First, 1<<20, 1<<30)
	if err != nil || len(raws) != len(m.events) {
		t.Fatalf("%d events, want %d, %v", len(raws), len(m.events), err)
	}
	for i, raw := range raws {
		e, err := wire.DecodeEvent(raw)
		seq := m.state.First + uint64(i)
		if err != nil || e.Seq != seq || e.Tag != m.events[seq] {
			t.Fatalf("event %d: %+v, want %q, %v", seq, e, m.events[seq], err)
		}
	}
	if sum, ok := o.Sum(m.state.Acked); m.state.Acked != 0 && (!ok || sum != sums[m.state.Acked]) {
		t.Fatalf("sum of the last acknowledged: %x %v, want %x", sum, ok, sums[m.state.Acked])
	}
	base := map[string]string{}
	if err := o.Baseline("b").Each("", func(k string, v []byte) error { base[k] = string(v); return nil }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m.base, base); d != "" {
		t.Fatalf("baselines:\n%s", d)
	}
	for _, jid := range []string{"j1", "j2", "j3", "j4"} {
		if _, ok, err := o.Done(jid); err != nil || ok != slices.Contains(m.done, jid) {
			t.Fatalf("done %s: %v, want %v; %v", jid, ok, m.done, err)
		}
	}
	if n := o.Damages(); len(n) > 0 {
		t.Fatalf("damages: %v", n)
	}
	m.compareDead(t, o)
}

// compareDead looks at dead letters only when no acknowledgement waits: they are made with the removal.
func (m *model) compareDead(t *rapid.T, o *Outbox) {
	if o.Stats().Events != len(m.events) {
		return
	}
	letters, err := o.DeadLetters()
	if err != nil {
		t.Fatal(err)
	}
	var dead []string
	for _, d := range letters {
		e, _ := wire.DecodeEvent(d.Raw)
		dead = append(dead, fmt.Sprintf("%d %s %s", d.Seq, d.Reason, e.Tag))
	}
	if !slices.Equal(dead, m.dead) {
		t.Fatalf("dead letters %q, want %q", dead, m.dead)
	}
}
