package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"brine/internal/event"
)

func TestMain(m *testing.M) {
	if childMain() {
		return
	}
	goleak.VerifyTestMain(m)
}

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, dir string, opt Options) *Log {
	t.Helper()
	l, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// ev is an event of web1, or of the minion named, at pos, received pos seconds after start.
func ev(pos uint64, tag string, minion ...string) event.Event {
	m := "web1"
	if len(minion) > 0 {
		m = minion[0]
	}
	at := start.Add(time.Duration(pos) * time.Second)
	e := event.Event{ID: event.ID{Origin: m, Inc: 5, Seq: pos}, Pos: pos, Time: at.Add(-time.Millisecond), Received: at, Tag: tag, Minion: m}
	if m == event.Master {
		e.Minion = ""
	}
	return e
}

func commit(t testing.TB, l *Log, events ...event.Event) {
	t.Helper()
	b := l.NewBatch()
	for _, e := range events {
		b.Append(e, nil)
	}
	if err := l.Commit(b); err != nil {
		t.Fatal(err)
	}
}

// appendN appends n events with the tag that f gives for each position.
func appendN(t testing.TB, l *Log, n int, f func(pos uint64) string) {
	t.Helper()
	_, last := l.Head()
	for n > 0 {
		var events []event.Event
		for range min(n, 500) {
			last++
			n--
			events = append(events, ev(last, f(last)))
		}
		commit(t, l, events...)
	}
}

func same(tag string) func(uint64) string { return func(uint64) string { return tag } }

// positions is what a query gives, the damaged as negative numbers.
func positions(t testing.TB, l *Log, q Query) []int {
	t.Helper()
	var got []int
	for e, err := range l.Scan(context.Background(), q) {
		var d *DamagedError
		switch {
		case errors.As(err, &d):
			for p := d.First; p <= d.Last; p++ {
				got = append(got, -int(p))
			}
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, int(e.Pos))
		}
	}
	return got
}

func upTo(from, to int) []int {
	var s []int
	for i := from; i <= to; i++ {
		s = append(s, i)
	}
	return s
}

func wantPositions(t testing.TB, l *Log, q Query, want []int) {
	t.Helper()
	if got := positions(t, l, q); !slices.Equal(got, want) {
		t.Fatalf("query %+v: got %s, want %s", q, short(got), short(want))
	}
}

func short(s []int) string {
	if len(s) > 12 {
		return fmt.Sprintf("%v...%v (%d)", s[:6], s[len(s)-6:], len(s))
	}
	return fmt.Sprint(s)
}

// verify fails for any fault and returns how many events there are.
func verify(t testing.TB, l *Log) uint64 {
	t.Helper()
	r, err := l.Verify(context.Background(), func(err error) { t.Errorf("verify: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	return r.Events
}

func pattern(t testing.TB, s string) *event.Pattern {
	t.Helper()
	p, err := event.ParsePattern(s)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}
