package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"brine/internal/event"
)

func TestScanRange(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	const n = 2*segmentSize + 300
	appendN(t, l, n, func(pos uint64) string {
		if pos%5000 == 7 {
			return "ops/rare"
		}
		return "brine/beacon/web1/file/etc/motd"
	})
	at := func(pos int) time.Time { return start.Add(time.Duration(pos) * time.Second) }
	back := func(s []int) []int { slices.Reverse(s); return s }
	for _, c := range []struct {
		what string
		q    Query
		want []int
	}{
		{"all", Query{}, upTo(1, n)},
		{"all backwards", Query{Reverse: true}, back(upTo(1, n))},
		{"a range", Query{From: 4090, To: 4100}, upTo(4090, 4100)},
		{"a range backwards", Query{From: 4090, To: 4100, Reverse: true}, back(upTo(4090, 4100))},
		{"behind the end", Query{From: n + 1}, nil},
		{"to behind the end", Query{From: n, To: n + 50}, []int{n}},
		{"nothing left", Query{From: 9, To: 8}, nil},
		{"limit", Query{Limit: 300}, upTo(1, 300)},
		{"limit backwards", Query{Limit: 2, Reverse: true}, []int{n, n - 1}},
		{"since is included", Query{Since: at(n - 2)}, upTo(n-2, n)},
		{"since between two", Query{Since: at(n - 2).Add(1)}, upTo(n-1, n)},
		{"since in the future", Query{Since: at(n + 1)}, nil},
		{"until is not included", Query{Until: at(3)}, upTo(1, 2)},
		{"until before all", Query{Until: at(1)}, nil},
		{"since and until", Query{Since: at(4000), Until: at(4003)}, upTo(4000, 4002)},
		{"a rare tag", Query{Tag: pattern(t, "ops/*")}, []int{7, 5007}},
		{"a rare tag backwards", Query{Tag: pattern(t, "ops/**"), Reverse: true}, []int{5007, 7}},
		{"a rare tag with limit", Query{Tag: pattern(t, "ops/rare"), Limit: 1, Reverse: true}, []int{5007}},
		{"a tag that is not there", Query{Tag: pattern(t, "ops")}, nil},
		{"a minion", Query{Minion: "web?", To: 3}, upTo(1, 3)},
		{"another minion", Query{Minion: "db*"}, nil},
	} {
		t.Run(c.what, func(t *testing.T) { wantPositions(t, l, c.q, c.want) })
	}
}

func TestScanErrors(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	commit(t, l, ev(1, "a"))
	for _, err := range l.Scan(context.Background(), Query{Minion: "["}) {
		if err == nil {
			t.Fatal("a bad glob matched")
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range l.Scan(ctx, Query{}) {
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("after cancel: %v", err)
		}
	}
}

// model is the log as anybody would write it who did not care how long it takes.
type model struct{ events []event.Event }

// sentBy is the glob by hand, for those that drawQuery draws.
func sentBy(glob, minion string) bool {
	switch glob {
	case "":
		return true
	case "*":
		return minion != ""
	case "web*":
		return minion == "web1" || minion == "web2"
	case "web[!1]":
		return minion == "web2"
	}
	return glob == minion
}

func (m model) scan(q Query, first uint64) []int {
	var got []int
	for _, e := range m.events {
		switch {
		case !sentBy(q.Minion, e.Minion),
			e.Pos < first, e.Pos < q.From, q.To > 0 && e.Pos > q.To,
			!q.Since.IsZero() && e.Received.Before(q.Since), !q.Until.IsZero() && !e.Received.Before(q.Until),
			q.Tag != nil && !q.Tag.Match(e.Tag):
			continue
		}
		got = append(got, int(e.Pos))
	}
	if q.Reverse {
		slices.Reverse(got)
	}
	if q.Limit > 0 && len(got) > q.Limit {
		got = got[:q.Limit]
	}
	return got
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		opt := Options{MaxAge: time.Hour}
		l := open(t, dir, opt)
		defer func() { _ = l.Close() }()
		m, seq := model{}, map[runID]uint64{}
		at := start
		minions := []string{"web1", "web2", "db1", event.Master}
		for range rapid.IntRange(1, 5).Draw(rt, "rounds") {
			switch rapid.IntRange(0, 5).Draw(rt, "act") {
			case 0:
				if err := l.Close(); err != nil {
					rt.Fatal(err)
				}
				l = open(t, dir, opt)
			case 1:
				if len(m.events) > 0 {
					keep := rapid.SampledFrom(m.events).Draw(rt, "keep from")
					if _, err := l.Retain(keep.Received.Add(opt.MaxAge)); err != nil {
						rt.Fatal(err)
					}
				}
			default:
				n := rapid.SampledFrom([]int{1, 50, 200, 200, 4500}).Draw(rt, "events")
				kinds := rapid.SampledFrom([]int{3, 2000}).Draw(rt, "kinds of tag") // 2000: too many for a segment
				stay := rapid.IntRange(1, 100).Draw(rt, "events of one minion together")
				b := l.NewBatch()
				for i := range n {
					p := uint64(len(m.events) + 1)
					k := runID{minions[int(p)/stay%len(minions)], event.Incarnation(1 + len(m.events)/4000)}
					seq[k] += 1 + p%7/6 // holes
					at = at.Add(time.Duration(p%3) * time.Second)
					e := event.Event{ID: k.id(seq[k]), Pos: p, Received: at, Time: at, Minion: k.origin, Tag: fmt.Sprintf("a/%d/%d/x", int(p)%5, (i*7919)%kinds)}
					if k.origin == event.Master {
						e.Minion = ""
					}
					m.events = append(m.events, e)
					b.Append(e, nil)
				}
				if err := l.Commit(b); err != nil {
					rt.Fatal(err)
				}
			}
		}
		first, last := l.Head()
		if last != uint64(len(m.events)) {
			rt.Fatalf("the log ends at %d, want %d", last, len(m.events))
		}
		for range 8 {
			q := drawQuery(rt, m)
			if got, want := positions(t, l, q), m.scan(q, first); !slices.Equal(got, want) {
				rt.Fatalf("query %+v from %d: got %s, want %s", q, first, short(got), short(want))
			}
		}
		for range 20 {
			if len(m.events) == 0 {
				break
			}
			e := rapid.SampledFrom(m.events).Draw(rt, "find")
			pos, ok, err := l.Find(e.ID)
			if err != nil || ok != (e.Pos >= first) || ok && pos != e.Pos {
				rt.Fatalf("find %s at %d, first %d: %d, %v, %v", e.ID, e.Pos, first, pos, ok, err)
			}
			e.ID.Seq += 1 << 40
			if _, ok, err := l.Find(e.ID); ok || err != nil {
				rt.Fatalf("found %s, which never was: %v", e.ID, err)
			}
		}
		verify(t, l)
	})
}

func drawQuery(rt *rapid.T, m model) Query {
	n := len(m.events)
	q := Query{Reverse: rapid.Bool().Draw(rt, "reverse"), Limit: rapid.SampledFrom([]int{0, 0, 1, 300}).Draw(rt, "limit")}
	pos := rapid.IntRange(0, n+2)
	if rapid.Bool().Draw(rt, "range") {
		q.From, q.To = uint64(pos.Draw(rt, "from")), uint64(pos.Draw(rt, "to"))
	}
	if n > 0 && rapid.Bool().Draw(rt, "times") {
		e := rapid.SampledFrom(m.events)
		q.Since, q.Until = e.Draw(rt, "since").Received, e.Draw(rt, "until").Received.Add(time.Millisecond)
	}
	if s := rapid.SampledFrom([]string{"", "a/**", "a/2/**", "a/*/1/x", "**/x", "a/*/1*/*", "b/**", "a/3/7/x", "a/1", "**"}).Draw(rt, "tag"); s != "" {
		p, err := event.ParsePattern(s)
		if err != nil {
			rt.Fatal(err)
		}
		q.Tag = &p
	}
	q.Minion = rapid.SampledFrom([]string{"", "", "web*", "db1", "*", "no", "web[!1]"}).Draw(rt, "minion")
	return q
}

// TestReadersMeetWriter is of use under the race detector, too.
func TestReadersMeetWriter(t *testing.T) {
	l := open(t, t.TempDir(), Options{MaxAge: time.Hour, MemTable: 256 << 10})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			q := Query{Reverse: i%2 == 1}
			if i >= 2 {
				q.Tag = pattern(t, "a/3")
			}
			for ctx.Err() == nil {
				before, last := uint64(0), uint64(0)
				for e, err := range l.Scan(ctx, q) {
					if err != nil && ctx.Err() == nil {
						t.Errorf("query %+v: %v", q, err)
					}
					if err == nil && before > 0 && (e.Pos > before) == q.Reverse {
						t.Errorf("query %+v: %d after %d", q, e.Pos, before)
					}
					before, last = e.Pos, max(last, e.Pos)
				}
				if _, ok, err := l.Find(ev(last, "").ID); last > 0 && err != nil {
					t.Errorf("find %d: %v %v", last, ok, err)
				}
			}
		})
	}
	for range 60 {
		appendN(t, l, 300, func(pos uint64) string { return fmt.Sprintf("a/%d", pos%50) })
		_, last := l.Head()
		if _, err := l.Retain(start.Add(time.Duration(last)*time.Second + time.Hour - 5000*time.Second)); err != nil {
			t.Error(err)
		}
	}
	cancel()
	wg.Wait()
	if first, last := l.Head(); last != 18000 || last-first != 5000 {
		t.Errorf("the log goes from %d to %d", first, last)
	}
	verify(t, l)
}
