package reactors

import (
	"testing"
	"time"
)

// Expressions that walk through a map meet its keys in one order, or the same history would not give the same decisions.
func TestMapsHaveAnOrder(t *testing.T) {
	m := map[string]any{"m": map[string]any{}, "l": []any{map[string]any{"z": 1, "b": 2, "x": 3, "d": 4}}}
	for _, k := range []string{"i", "c", "a", "h", "b", "g", "d", "f", "e"} {
		m["m"].(map[string]any)[k] = k
	}
	for expr, want := range map[string]string{
		"data.m.map(k, k)": `["a","b","c","d","e","f","g","h","i"]`,
		"data.m.filter(k, k != 'c').map(k, data.m[k])": `["a","b","d","e","f","g","h","i"]`,
		"data.l[0].map(k, k)":                          `["b","d","x","z"]`,
		"data == data && data.m == data.m && 'a' in data.m && size(data.m) == 9 && data.m.a == 'a'": "true",
		"optional.ofNonZeroValue(data.m).hasValue() && !optional.ofNonZeroValue({}).hasValue()":     "true",
	} {
		set := mustLoad(t, "r:\n  on: a\n  from: '*'\n  do: {fail: \"${"+expr+"}\"}\n")
		for range 20 {
			v := New(set).Step(fired(t, time.Second, "web1", "a", m), World{})[0]
			if v.Outcome != Fired || v.Decisions[0].Text != want {
				t.Fatalf("%s: %s %+v, want %s", expr, v.Why, v.Decisions, want)
			}
		}
	}
}
