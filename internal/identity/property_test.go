package identity

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"brine/internal/event"
)

// TestAnyHistory runs random histories, in which strangers and operators come in any order, and holds the invariants after
// each step. A store that does what Put says is kept beside: a registry made of it must be the same.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, err := NewRegistry(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		store := map[string][]byte{}
		replayed, _ := NewRegistry(nil, nil)
		took := func(changes []Change) {
			replayed.apply(changes...)
			for _, c := range changes {
				bucket, key, value, ok, err := c.Put()
				switch {
				case err != nil:
					t.Fatal(err)
				case !ok:
				case value == nil:
					delete(store, bucket+"/"+key)
				default:
					store[bucket+"/"+key] = value
				}
				if tag, _, ok := c.Event(); ok && event.CheckTag(tag) != nil {
					t.Fatalf("tag %q", tag)
				}
			}
		}
		now := noon
		id := rapid.SampledFrom([]string{"a", "b", "c"})
		key := rapid.Map(rapid.IntRange(1, 40), fpOf)
		remote := rapid.SampledFrom([]string{"192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:2", "[2001:db8::2]:2", "nonsense", ""})
		secrets := []Secret{"", "", "", "unknown"}
		who := rapid.Custom(func(t *rapid.T) string {
			if rapid.Bool().Draw(t, "by key") {
				return string(key.Draw(t, "key"))
			}
			return id.Draw(t, "id")
		})
		t.Repeat(map[string]func(*rapid.T){
			"enrol": func(t *rapid.T) {
				grains, err := event.Encode(map[string]any{"os": rapid.SampledFrom([]string{"debian", "plan9"}).Draw(t, "os")})
				if err != nil {
					t.Fatal(err)
				}
				q := Request{ID: id.Draw(t, "id"), Token: rapid.SampledFrom(secrets).Draw(t, "secret"), Proto: 1, Grains: grains}
				fp := key.Draw(t, "key")
				old, wasKnown := r.ByKey(fp)
				v, changes := r.Enrol(now, fp, remote.Draw(t, "remote"), q)
				took(changes)
				got, ok := r.Admitted(fp)
				if (v.Status == VerdictAccepted) != (ok && got == q.ID) {
					t.Fatalf("verdict %s, admitted as %q", v.Status, got)
				}
				if wasKnown && old.Status == Rejected && v.Status != VerdictRejected {
					t.Fatalf("a rejected key got %s", v.Status)
				}
			},
			"accept": func(t *rapid.T) { c, _ := r.Accept(now, who.Draw(t, "who"), "ada"); took(c) },
			"reject": func(t *rapid.T) { c, _ := r.Reject(now, who.Draw(t, "who"), "ada"); took(c) },
			"delete": func(t *rapid.T) { c, _ := r.Delete(now, who.Draw(t, "who"), "ada"); took(c) },
			"token": func(t *rapid.T) {
				opt := TokenOptions{Life: 2 * time.Minute}
				if rapid.Bool().Draw(t, "named") {
					opt.ID = id.Draw(t, "id")
					opt.Replace = rapid.Bool().Draw(t, "replace")
				}
				text, tok, err := NewToken(fpOf(0), opt, now, bytes.NewReader(append([]byte{byte(len(secrets)), byte(len(secrets) >> 8)}, make([]byte, secretBytes)...)))
				if err != nil {
					t.Fatal(err)
				}
				secret, _, err := ParseToken(text)
				if err != nil {
					t.Fatal(err)
				}
				secrets = append(secrets, secret)
				c, err := r.AddToken(now, tok)
				if err != nil {
					t.Fatal(err)
				}
				took(c)
			},
			"forget a token": func(t *rapid.T) {
				held := r.Tokens()
				if len(held) == 0 {
					t.Skip("none is held")
				}
				c, err := r.DeleteToken(rapid.SampledFrom(held).Draw(t, "token").Name, "ada")
				if err != nil {
					t.Fatal(err)
				}
				took(c)
			},
			"time": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 4000).Draw(t, "seconds")) * time.Second)
			},
			"": func(t *rapid.T) {
				invariants(t, r)
				want := snapshot(r)
				if got := snapshot(replayed); got != want {
					t.Fatalf("replayed\n%s\nis not\n%s", got, want)
				}
				restored, err := restore(store)
				if err != nil {
					t.Fatal(err)
				}
				if got := snapshot(restored); got != want {
					t.Fatalf("restored\n%s\nis not\n%s", got, want)
				}
			},
		})
	})
}

func invariants(t *rapid.T, r *Registry) {
	accepted, perBlock, pending := map[string]Fingerprint{}, map[string]int{}, 0
	for _, rec := range r.List() {
		if rec.Status == Accepted {
			if accepted[rec.ID] != "" {
				t.Fatalf("%s has two accepted keys", rec.ID)
			}
			accepted[rec.ID] = rec.Key
		}
	}
	for _, rec := range r.List() {
		if rec.Status == Pending {
			pending++
			perBlock[block(rec.Remote)]++
			if accepted[rec.ID] != "" {
				t.Fatalf("%s waits for %s, which has an accepted key", rec.Key, rec.ID)
			}
		}
		if id, ok := r.Admitted(rec.Key); ok != (rec.Status == Accepted) || ok && id != rec.ID {
			t.Fatalf("%s key %s is admitted as %q, %v", rec.Status, rec.Key, id, ok)
		}
	}
	for b, n := range perBlock {
		if n > MaxPendingAddress {
			t.Fatalf("%d keys of %q wait", n, b)
		}
	}
	if fmt.Sprint(perBlock) != fmt.Sprint(r.perBlock) || pending != len(r.pending) || len(accepted) != len(r.accepted) {
		t.Fatalf("the indices %v, %v, %v do not fit the records", r.perBlock, r.pending, r.accepted)
	}
	for _, tok := range r.Tokens() {
		if tok.Used.IsZero() != (tok.UsedBy == "") {
			t.Fatalf("token %+v", tok)
		}
	}
}

// restore makes a registry of what a store holds.
func restore(store map[string][]byte) (*Registry, error) {
	var records []Record
	var tokens []Token
	for key, value := range store {
		if key[:len(BucketKeys)] == BucketKeys {
			rec, err := DecodeRecord(value)
			if err != nil {
				return nil, err
			}
			records = append(records, rec)
			continue
		}
		tok, err := DecodeToken(value)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, tok)
	}
	return NewRegistry(records, tokens)
}
