package beacons

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// Differences tells what came, changed and went since the last look that was kept, and nothing at the first.
func TestDifferences(t *testing.T) {
	kept := memory{}
	env := Env{Baseline: kept}
	look := func(keep bool, is map[string][]byte) string {
		var told []string
		signals, err := env.Differences("x/", is, func(key string, was, is []byte) []Signal {
			told = append(told, key+":"+string(was)+">"+string(is))
			return []Signal{{Tag: key}}
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range signals {
			for _, kv := range s.Set {
				if keep && kv.Value == nil {
					delete(kept, kv.Key)
				} else if keep {
					kept[kv.Key] = kv.Value
				}
			}
		}
		return strings.Join(told, " ")
	}
	one, two := map[string][]byte{"a": []byte("1"), "b": []byte("1")}, map[string][]byte{"a": []byte("2"), "c": []byte("1")}
	for i, tt := range []struct {
		keep bool
		is   map[string][]byte
		want string
	}{{true, one, ""}, {true, one, ""}, {false, two, "a:1>2 b:1> c:>1"}, {true, two, "a:1>2 b:1> c:>1"}, {true, two, ""}} {
		if got := look(tt.keep, tt.is); got != tt.want {
			t.Errorf("look %d: told %q, want %q", i, got, tt.want)
		}
	}
}

// A backlog keeps its order while nothing can be kept, and says how many it had no room for.
func TestBacklog(t *testing.T) {
	var b Backlog
	for range maxBacklog + 3 {
		b.Put(Signal{Tag: "one"})
	}
	full := true
	var tags []string
	fire := func(_ context.Context, signals ...Signal) error {
		if full {
			return errors.New("full")
		}
		for _, s := range signals {
			tags = append(tags, s.Tag)
		}
		return nil
	}
	lost := func(n int64) Signal { return Signal{Tag: "lost", Data: n} }
	if b.Flush(t.Context(), fire, lost) {
		t.Error("what was not kept is taken for kept")
	}
	full = false
	if !b.Flush(t.Context(), fire, lost) || len(tags) != maxBacklog+1 || slices.Index(tags, "lost") != maxBacklog {
		t.Errorf("%d signals, lost at %d", len(tags), slices.Index(tags, "lost"))
	}
	if tags = nil; !b.Flush(t.Context(), fire, lost) || tags != nil {
		t.Errorf("told again: %q", tags)
	}
}
