package masterapi

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"brine/internal/api"
)

func fireN(t *testing.T, c *api.Client, n int) {
	t.Helper()
	for i := range n {
		if _, err := c.Fire(t.Context(), fmt.Sprintf("n/%d", i), nil); err != nil {
			t.Fatal(err)
		}
	}
}

func tags(t *testing.T, c *api.Client, q api.Query) (tags []string, next uint64) {
	t.Helper()
	for l, err := range c.Events(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		if l.Event != nil {
			tags = append(tags, l.Event.Tag)
		}
		if l.End != nil {
			next = l.End.Next
		}
	}
	return tags, next
}

func TestEventsQuery(t *testing.T) {
	c, m := start(t)
	fireN(t, c, 5)
	_, last := m.Head()
	for _, tt := range []struct {
		what string
		q    api.Query
		want string
		next uint64
	}{
		{"all below n", api.Query{Tag: "n/*"}, "[n/0 n/1 n/2 n/3 n/4]", last + 1},
		{"newest two, backwards", api.Query{Tag: "n/*", Limit: 2, Reverse: true}, "[n/4 n/3]", last + 1},
		{"the first two, and where to go on", api.Query{Tag: "n/*", Limit: 2}, "[n/0 n/1]", last - 2},
		{"a range", api.Query{From: last - 1, To: last - 1}, "[n/3]", last},
		{"past the end", api.Query{From: last + 1}, "[]", last + 1},
		{"of no minion", api.Query{Minion: "web*"}, "[]", last + 1},
	} {
		got, next := tags(t, c, tt.q)
		if fmt.Sprint(got) != tt.want || next != tt.next {
			t.Errorf("%s: %v, then %d; want %s, then %d", tt.what, got, next, tt.want, tt.next)
		}
	}
}

// A follower gets what is there and what comes, once each, in order.
func TestFollow(t *testing.T) {
	c, _ := start(t)
	fireN(t, c, 1)
	const more = 20
	var got []string
	fired := make(chan struct{})
	for l, err := range c.Events(t.Context(), api.Query{Tag: "n/*", Follow: true, Limit: 1 + more}) {
		if err != nil {
			t.Fatal(err)
		}
		if l.Event == nil {
			continue
		}
		if len(got) == 0 { // the stream stands: from here on it follows
			go func() { defer close(fired); fireN(t, c, more) }()
		}
		got = append(got, l.Event.Tag)
	}
	<-fired
	for i, tag := range got[1:] {
		if tag != fmt.Sprintf("n/%d", i) {
			t.Fatal(got)
		}
	}
	if len(got) != 1+more {
		t.Fatal(got)
	}
}

// A follower that the client leaves ends on the server as well, or the master could not stop: start's cleanup waits for it.
func TestFollowIsLeft(t *testing.T) {
	c, _ := start(t)
	fireN(t, c, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for l, err := range c.Events(ctx, api.Query{Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if l.Event != nil {
			cancel()
		}
	}
}

// When the master stops, a follower is told where to go on.
func TestMasterStopsUnderAFollower(t *testing.T) {
	c, _, stop := startStop(t)
	fireN(t, c, 1)
	var last error
	var seen uint64
	standing, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for l, err := range c.Events(context.Background(), api.Query{Tag: "n/*", Follow: true}) {
			if l.Event != nil {
				seen = l.Event.Pos
				close(standing)
			}
			last = err
		}
	}()
	<-standing
	stop()
	<-over
	var cut *api.CutOff
	if !errors.As(last, &cut) || cut.Next <= seen {
		t.Errorf("%v after position %d: %#v", last, seen, cut)
	}
}
