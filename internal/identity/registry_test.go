package identity

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fpOf is the fingerprint of the nth key of the tests.
func fpOf(n int) Fingerprint {
	return fingerprintOfSum([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
}

func tokenFor(t testing.TB, n byte, opt TokenOptions) (Secret, Token) {
	t.Helper()
	if opt.Life == 0 {
		opt.Life = time.Hour
	}
	text, tok, err := NewToken(fpOf(99), opt, noon, bytes.NewReader(bytes.Repeat([]byte{n}, secretBytes)))
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := ParseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	return secret, tok
}

func record(id string, n int, s Status) Record {
	return Record{ID: id, Key: fpOf(n), Status: s, First: noon, Updated: noon, Remote: "192.0.2.9"}
}

func kinds(changes []Change) string {
	var list []string
	for _, c := range changes {
		list = append(list, string(c.Kind))
	}
	return strings.Join(list, " ")
}

// TestEnrol holds every case of Enrol: what the key is, whether another key has the id, and the token it shows.
func TestEnrol(t *testing.T) {
	const (
		me, other = 1, 2 // keys
		id        = "web1"
	)
	tokens := map[string]Secret{"none": ""}
	var held []Token
	add := func(name string, n byte, opt TokenOptions, change func(*Token)) {
		secret, tok := tokenFor(t, n, opt)
		if change != nil {
			change(&tok)
		}
		tokens[name] = secret
		if name != "unknown" {
			held = append(held, tok)
		}
	}
	add("unknown", 1, TokenOptions{}, nil)
	add("used", 2, TokenOptions{}, func(t *Token) { t.Used, t.UsedFor = noon, "db1" })
	add("expired", 3, TokenOptions{Life: time.Second}, nil)
	add("other id", 4, TokenOptions{ID: "db1"}, nil)
	add("fits", 5, TokenOptions{}, nil)
	add("fits by id", 6, TokenOptions{ID: id}, nil)
	add("replaces", 7, TokenOptions{ID: id, Replace: true}, nil)
	columns := []string{"none", "unknown", "used", "expired", "other id", "fits", "fits by id", "replaces"}

	keys := map[string][]Record{
		"new":            nil,
		"waits":          {record(id, me, Pending)},
		"waits as db1":   {record("db1", me, Pending)},
		"accepted":       {record(id, me, Accepted)},
		"accepted as db": {record("db1", me, Accepted)},
		"rejected":       {record(id, me, Rejected)},
	}
	ids := map[string][]Record{
		"free":     nil,
		"rejected": {record(id, other, Rejected)},
		"waits":    {record(id, other, Pending)},
		"taken":    {record(id, other, Accepted)},
	}
	const (
		wait   = "pending: pending"
		again  = "pending: "
		deny   = "denied: denied"
		cheat  = "denied: impostor"
		in     = "accepted: token-used accepted"
		inOnly = "accepted: token-used deleted accepted" // another key gives way
		is     = "accepted: "
		out    = "rejected: "
	)
	same := func(s string) []string { return []string{s, s, s, s, s, s, s, s} }
	cases := []struct {
		key, id string
		want    []string // by columns
	}{
		{"new", "free", []string{wait, deny, deny, deny, deny, in, in, in}},
		{"new", "rejected", []string{wait, deny, deny, deny, deny, in, in, in}},
		{"new", "waits", []string{wait, deny, deny, deny, deny, inOnly, inOnly, inOnly}},
		{"new", "taken", []string{cheat, deny, deny, deny, deny, cheat, cheat, inOnly}},
		{"waits", "free", []string{again, deny, deny, deny, deny, in, in, in}},
		{"waits", "rejected", []string{again, deny, deny, deny, deny, in, in, in}},
		{"waits", "waits", []string{again, deny, deny, deny, deny, inOnly, inOnly, inOnly}},
		{"waits as db1", "free", []string{deny, deny, deny, deny, deny, in, in, in}},
		{"waits as db1", "rejected", []string{deny, deny, deny, deny, deny, in, in, in}},
		{"waits as db1", "waits", []string{deny, deny, deny, deny, deny, inOnly, inOnly, inOnly}},
		{"waits as db1", "taken", []string{cheat, deny, deny, deny, deny, cheat, cheat, inOnly}},
		{"accepted", "free", same(is)},
		{"accepted", "rejected", same(is)},
		{"accepted as db", "free", same(deny)},
		{"accepted as db", "rejected", same(deny)},
		{"accepted as db", "waits", same(deny)},
		{"accepted as db", "taken", same(deny)},
		{"rejected", "free", same(out)},
		{"rejected", "rejected", same(out)},
		{"rejected", "waits", same(out)},
		{"rejected", "taken", same(out)},
	}
	for _, c := range cases {
		for i, column := range columns {
			t.Run(fmt.Sprintf("key %s, id %s, token %s", c.key, c.id, column), func(t *testing.T) {
				r, err := NewRegistry(append(append([]Record{}, keys[c.key]...), ids[c.id]...), held)
				if err != nil {
					t.Fatal(err)
				}
				before := snapshot(r)
				v, changes := r.Enrol(noon.Add(time.Minute), fpOf(me), "192.0.2.1:4711", Request{ID: id, Token: tokens[column], Proto: 1})
				if got := string(v.Status) + ": " + kinds(changes); got != c.want[i] {
					t.Errorf("got %q; want %q (%s)", got, c.want[i], v.Reason)
				}
				if err := v.Check(); err != nil {
					t.Error(err)
				}
				if (v.Reason == "" || v.Hint == "") && v.Status != VerdictAccepted {
					t.Errorf("verdict %+v does not help", v)
				}
				if got, ok := r.Admitted(fpOf(me)); ok != (v.Status == VerdictAccepted || c.key == "accepted as db") || ok && got != id && c.key != "accepted as db" {
					t.Errorf("admitted as %q, %v", got, ok)
				}
				if v.Status != VerdictAccepted && v.Status != VerdictPending && snapshot(r) != before {
					t.Errorf("a refusal has changed\n%s\nto\n%s", before, snapshot(r))
				}
			})
		}
	}
}

// snapshot is all that a registry holds, as text.
func snapshot(r *Registry) string {
	var b strings.Builder
	for _, rec := range r.List() {
		fmt.Fprintf(&b, "%+v\n", rec)
	}
	for _, t := range r.Tokens() {
		fmt.Fprintf(&b, "%+v\n", t)
	}
	return b.String()
}

// TestDecide holds every case of Accept, Reject and Delete, by id and by key.
func TestDecide(t *testing.T) {
	web := func(s ...Status) (list []Record) {
		for i, s := range s {
			list = append(list, record("web1", i+1, s))
		}
		return list
	}
	first := string(fpOf(1))
	cases := []struct {
		name    string
		records []Record
		who     string
		accept  string // the changes, or the error
		reject  string
		delete  string
	}{
		{"unknown id", nil, "web1", "not found", "not found", "not found"},
		{"unknown key", nil, first, "not found", "not found", "not found"},
		{"another id", web(Pending), "web", "not found", "not found", "not found"},
		{"pending", web(Pending), "web1", "accepted", "rejected", "deleted"},
		{"pending by key", web(Pending), first, "accepted", "rejected", "deleted"},
		{"accepted", web(Accepted), "web1", "", "rejected", "deleted"},
		{"accepted by key", web(Accepted), first, "", "rejected", "deleted"},
		{"rejected", web(Rejected), "web1", "was rejected", "", "deleted"},
		{"rejected by key", web(Rejected), first, "was rejected", "", "deleted"},
		{"two pending", web(Pending, Pending), "web1", "several keys", "rejected rejected", "deleted deleted"},
		{"two pending by key", web(Pending, Pending), first, "deleted accepted", "rejected", "deleted"},
		{"pending and rejected", web(Pending, Rejected), "web1", "accepted", "rejected", "deleted deleted"},
		{"accepted and rejected", web(Accepted, Rejected), "web1", "", "rejected", "deleted deleted"},
		{"accepted and rejected by key", web(Rejected, Accepted), first, "was rejected", "", "deleted"},
	}
	for _, c := range cases {
		for op, want := range map[string]string{"accept": c.accept, "reject": c.reject, "delete": c.delete} {
			t.Run(op+" "+c.name, func(t *testing.T) {
				r, err := NewRegistry(c.records, nil)
				if err != nil {
					t.Fatal(err)
				}
				do := map[string]func(time.Time, string, string) ([]Change, error){"accept": r.Accept, "reject": r.Reject, "delete": r.Delete}[op]
				changes, err := do(noon, c.who, "ada")
				got := kinds(changes)
				if err != nil {
					got = err.Error()
				}
				if got != want && (err == nil || want == "" || !strings.Contains(got, want)) {
					t.Errorf("got %q; want %q", got, want)
				}
				for _, c := range changes {
					if c.By != "ada" {
						t.Errorf("%s by %q", c.Kind, c.By)
					}
				}
			})
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	r, err := NewRegistry([]Record{record("a", 1, Rejected), record("b", 2, Pending), record("b", 3, Pending)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]error{"a": ErrRejected, "b": ErrAmbiguous} {
		if _, err := r.Accept(noon, who, ""); !errors.Is(err, want) || Hint(err) == "" {
			t.Errorf("accept %s: %v, hint %q", who, err, Hint(err))
		}
	}
}

// TestReplacement follows a host that is installed anew: its token lets the new key in, and the old key out.
func TestReplacement(t *testing.T) {
	secret, tok := tokenFor(t, 1, TokenOptions{ID: "web1", Replace: true, By: "ada"})
	r, err := NewRegistry([]Record{record("web1", 1, Accepted)}, []Token{tok})
	if err != nil {
		t.Fatal(err)
	}
	v, changes := r.Enrol(noon, fpOf(2), "192.0.2.1:1", Request{ID: "web1", Proto: 1, Token: secret})
	if v.Status != VerdictAccepted || kinds(changes) != "token-used deleted accepted" {
		t.Fatalf("%+v, %s", v, kinds(changes))
	}
	if changes[1].Record.Key != fpOf(1) || !strings.Contains(changes[1].Reason, string(fpOf(2))) {
		t.Errorf("the session to end is %+v", changes[1])
	}
	if _, ok := r.Admitted(fpOf(1)); ok {
		t.Error("the old key is still admitted")
	}
	v, changes = r.Enrol(noon, fpOf(1), "192.0.2.2:1", Request{ID: "web1", Proto: 1, Token: secret})
	if v.Status != VerdictDenied || !strings.Contains(v.Reason, "was used") || kinds(changes) != "denied" {
		t.Errorf("the old host with the used token: %+v, %s", v, kinds(changes))
	}
	if v, _ := r.Enrol(noon, fpOf(2), "192.0.2.1:1", Request{ID: "web1", Proto: 1, Token: secret}); v.Status != VerdictAccepted {
		t.Errorf("the verdict was lost and the new host asks again: %+v", v)
	}
}

func TestMatch(t *testing.T) {
	r, err := NewRegistry([]Record{record("web1", 1, Pending), record("web2", 2, Accepted), record("db1", 3, Pending)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for glob, want := range map[string]string{
		"web*": "web1 web2", "*1": "db1 web1", "web?": "web1 web2", "[wx]eb1": "web1", "*": "db1 web1 web2",
		"web": "", string(fpOf(3)): "db1", string(fpOf(4)): "",
	} {
		list, err := r.Match(glob)
		var ids []string
		for _, rec := range list {
			ids = append(ids, rec.ID)
		}
		if got := strings.Join(ids, " "); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", glob, got, err, want)
		}
	}
	if _, err := r.Match("[a"); err == nil {
		t.Error("a broken glob matched")
	}
}

func TestDamageIsReported(t *testing.T) {
	bad := record("web1", 7, Accepted)
	bad.Key = "SHA256:short"
	_, err := NewRegistry([]Record{
		record("web1", 1, Accepted), record("web1", 2, Accepted), record("db1", 1, Pending), bad, record("web1", 3, Pending), record("../x", 4, Pending),
	}, []Token{{Name: "x", Hash: "00"}})
	if err == nil {
		t.Fatal("damage went by")
	}
	for _, want := range []string{"both accepted", "two records", "SHA256:short", "waits for", "../x", "token"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
	}
}

func TestWaitingKeyMayUpdate(t *testing.T) {
	r, err := NewRegistry(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(now time.Time, os string) string {
		grains, err := event.Encode(map[string]any{"os": os})
		if err != nil {
			t.Fatal(err)
		}
		_, changes := r.Enrol(now, fpOf(1), "192.0.2.1:1", Request{ID: "web1", Proto: 1, Grains: grains})
		return kinds(changes)
	}
	for _, c := range []struct {
		after time.Duration
		os    string
		want  string
	}{
		{0, "debian", "pending"}, {time.Minute, "plan9", ""}, {refreshEvery, "debian", ""}, {refreshEvery, "plan9", "updated"}, {refreshEvery, "debian", ""},
	} {
		if got := ask(noon.Add(c.after), c.os); got != c.want {
			t.Errorf("after %s with %s: %q; want %q", c.after, c.os, got, c.want)
		}
	}
	if rec, _ := r.ByKey(fpOf(1)); !rec.First.Equal(noon) {
		t.Errorf("first seen %s", rec.First)
	}
}
