package config

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFlatten(t *testing.T) {
	tests := []struct {
		text   string
		want   any
		faults string
	}{
		{"[{a: 1}, {b: [2]}]", map[string]any{"a": int64(1), "b": []any{int64(2)}}, ""},
		{"{a: 1}", map[string]any{"a": int64(1)}, ""},
		{"~", map[string]any{}, ""},
		{"[]", map[string]any{}, ""},
		{"[{a: 1}, b, {a: 2}, {c: 3, d: 4}, [e]]", map[string]any{"a": int64(1)}, "f.yaml:1:10: want \"argument: value\", not \"b\"\n" +
			"f.yaml:1:14: the key \"a\" stands here a second time; first on line 1\n" +
			"f.yaml:1:21: one argument an entry, not 2 (begin each with its own '-')\n" +
			"f.yaml:1:35: want \"argument: value\", not a list"},
		{"text", map[string]any{}, `f.yaml:1:1: want a list of arguments, not "text"`},
	}
	for _, tt := range tests {
		n, faults := parse(t, tt.text).Flatten()
		if d := cmp.Diff(tt.want, n.Value()) + cmp.Diff(tt.faults, lines(faults)); d != "" {
			t.Errorf("%s: %s", tt.text, d)
		}
	}
}

func TestWithAndWithout(t *testing.T) {
	n := parse(t, "a: 1\nb: 2\n")
	m := n.Without("a", "x").With("b", n.Get("a")).With("c", n)
	want := map[string]any{"b": int64(1), "c": map[string]any{"a": int64(1), "b": int64(2)}}
	if d := cmp.Diff(want, m.Value()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]any{"a": int64(1), "b": int64(2)}, n.Value()); d != "" {
		t.Error("the original changed:", d)
	}
	if got := Keys(&limits{}); !slices.Equal(got, []string{"low", "high"}) {
		t.Error(got)
	}
}
