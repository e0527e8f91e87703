package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOf(t *testing.T) {
	v := map[string]any{"text": "a: b # no YAML", "n": int64(5), "f": 0.5, "yes": true, "none": nil, "list": []any{"a", map[string]any{"k": "v"}}}
	if d := cmp.Diff(v, Of("x", v).Value()); d != "" {
		t.Error(d)
	}
	var into struct {
		Text string         `yaml:"text"`
		N    int            `yaml:"n"`
		F    float64        `yaml:"f"`
		Yes  bool           `yaml:"yes"`
		For  time.Duration  `yaml:"for"`
		Map  map[string]any `yaml:"map"`
	}
	v = map[string]any{"text": "a: b", "n": int64(5), "f": 0.5, "yes": true, "for": "3s", "map": map[string]any{"a": int64(1)}}
	if faults := Of("x", v).Decode(&into); len(faults) > 0 || into.Text != "a: b" || into.N != 5 || into.F != 0.5 || !into.Yes || into.For != 3*time.Second {
		t.Errorf("%+v, %v", into, faults)
	}
	faults := Of("http.post", map[string]any{"n": []any{}, "textt": "x", "map": "m"}).Decode(&into)
	if got := faults.Error(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "http.post.n: want a whole number") || !strings.Contains(got, `http.post: unknown key "textt" (did you mean text?)`) {
		t.Error(got)
	}
}
