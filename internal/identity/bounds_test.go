package identity

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestPendingIsBounded(t *testing.T) {
	r, err := NewRegistry(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ask := func(now time.Time, remote string) (Verdict, []Change) {
		n++
		return r.Enrol(now, fpOf(n), remote, Request{ID: fmt.Sprintf("m%d", n), Proto: 1})
	}
	for i := range MaxPendingAddress {
		if v, _ := ask(noon, fmt.Sprintf("[2001:db8::%d]:1", i+1)); v.Status != VerdictPending {
			t.Fatalf("key %d: %+v", n, v)
		}
	}
	if v, changes := ask(noon, "[2001:db8::ffff]:1"); v.Status != VerdictBusy || kinds(changes) != "denied" {
		t.Fatalf("one more of the same /64: %+v, %s", v, kinds(changes))
	}
	for i := 0; len(r.pending) < MaxPending; i++ {
		if v, _ := ask(noon, fmt.Sprintf("10.%d.%d.1:1", i/256, i%256)); v.Status != VerdictPending {
			t.Fatalf("key %d: %+v", n, v)
		}
	}
	if v, _ := ask(noon, "192.0.2.1:1"); v.Status != VerdictBusy {
		t.Fatalf("one more in all: %+v", v)
	}
	later := noon.Add(pendingGone)
	for i := 2; i <= MaxPendingAddress; i++ { // all but the first of the /64 still ask
		r.Enrol(later, fpOf(i), "[2001:db8::1]:1", Request{ID: fmt.Sprintf("m%d", i), Proto: 1})
	}
	v, changes := ask(later, "[2001:db8::ffff]:1")
	if v.Status != VerdictPending || kinds(changes) != "deleted pending" || changes[0].Record.Key != fpOf(1) {
		t.Fatalf("the one that stayed away gives way: %+v, %s %v", v, kinds(changes), changes)
	}
	if v, _ := ask(later, "[2001:db8::ffff]:1"); v.Status != VerdictBusy {
		t.Errorf("those that still ask keep their place: %+v", v)
	}
	if len(r.pending) > MaxPending {
		t.Errorf("%d pending", len(r.pending))
	}
}

// TestRefusalsAreToldSparingly lets strangers be refused more often than anybody wants to read.
func TestRefusalsAreToldSparingly(t *testing.T) {
	r, err := NewRegistry([]Record{record("web1", 1, Accepted)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	attack := func(now time.Time, n int, remote string) []Change {
		_, changes := r.Enrol(now, fpOf(n), remote, Request{ID: "web1", Proto: 1})
		return changes
	}
	tries, told, missed := 0, 0, 0
	try := func(at time.Duration, remote string) {
		tries++
		for _, c := range attack(noon.Add(at), 1000+tries, remote) {
			if c.Kind != KindImpostor {
				t.Fatalf("%+v", c)
			}
			told++
			missed += c.Missed
		}
	}
	for i := range 500 {
		try(time.Duration(i)*time.Second, "192.0.2.66:9")
	}
	if told != 9 || missed != 8*59 {
		t.Errorf("500 attempts in 500 s: told %d, missed %d", told, missed)
	}
	for i := range 5 * maxTold {
		try(time.Hour, fmt.Sprintf("10.%d.%d.1:9", i/256, i%256))
	}
	if len(r.told) > maxTold+2 || told > 9+maxTold+2 {
		t.Errorf("%d blocks remembered, %d told", len(r.told), told)
	}
	for i := range maxTold + 1 { // the last to come finds the table full, and what is in it long past
		try(2*time.Hour, fmt.Sprintf("10.200.%d.%d:9", i/256, i%256))
	}
	try(3*time.Hour, "192.0.2.66:9")
	if told+missed != tries {
		t.Errorf("told %d, missed %d of %d", told, missed, tries)
	}
}

func TestTokensAreBounded(t *testing.T) {
	r, err := NewRegistry(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := func(n int) Token {
		_, tok, err := NewToken(fpOf(99), TokenOptions{Life: time.Hour}, noon, bytes.NewReader(append([]byte{byte(n), byte(n >> 8)}, make([]byte, secretBytes)...)))
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	for i := range MaxTokens {
		if _, err := r.AddToken(noon, token(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.AddToken(noon, token(MaxTokens)); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v", err)
	}
	if changes, err := r.AddToken(noon.Add(time.Hour), token(MaxTokens)); err != nil || kinds(changes) != "token-deleted token-added" {
		t.Errorf("when they have expired: %s, %v", kinds(changes), err)
	}
	if _, err := r.AddToken(noon, token(MaxTokens)); err == nil {
		t.Error("the same token twice")
	}
	if changes, err := r.DeleteToken(token(MaxTokens).Name, "ada"); err != nil || kinds(changes) != "token-deleted" {
		t.Errorf("delete: %s, %v", kinds(changes), err)
	}
	if _, err := r.DeleteToken("nosuch", "ada"); !errors.Is(err, ErrUnknown) {
		t.Errorf("delete of none: %v", err)
	}
}

func TestBlock(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:4711": "192.0.2.1", "192.0.2.1": "192.0.2.1", "[::ffff:192.0.2.1]:1": "192.0.2.1",
		"[2001:db8::1]:1": "2001:db8::/64", "2001:db8:0:0:ffff::2": "2001:db8::/64", "[fe80::1%eth0]:1": "fe80::/64", "@": "@", "": "",
	} {
		if got := block(remote); got != want {
			t.Errorf("%q: %q; want %q", remote, got, want)
		}
	}
}
