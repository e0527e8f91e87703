package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMarshalKeepsOrderAndTypes(t *testing.T) {
	v := struct {
		Zone string         `json:"zone"`
		Mode string         `json:"mode"`
		Yes  string         `json:"yes"`
		On   bool           `json:"on"`
		N    int64          `json:"n"`
		F    float64        `json:"f"`
		None any            `json:"none"`
		List []any          `json:"list"`
		Map  map[string]any `json:"map"`
	}{"b", "0644", "yes", true, 1 << 60, 1.5, nil, []any{"a: b", "- c", "", "null"}, map[string]any{"text": "one\ntwo\n", "off": "x"}}
	text, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	n, faults := Parse("t", text)
	if len(faults) > 0 {
		t.Fatalf("%s\n%s", faults, text)
	}
	want := map[string]any{"zone": "b", "mode": "0644", "yes": "yes", "on": true, "n": int64(1 << 60), "f": 1.5, "none": nil,
		"list": []any{"a: b", "- c", "", "null"}, "map": map[string]any{"text": "one\ntwo\n", "off": "x"}}
	if d := cmp.Diff(want, n.Value()); d != "" {
		t.Errorf("%s\n%s", d, text)
	}
	if !strings.HasPrefix(string(text), "zone: b\nmode: \"0644\"\n") {
		t.Errorf("%s", text)
	}
}

func TestScalarValue(t *testing.T) {
	for text, want := range map[string]any{
		"5": int64(5), "yes": true, "off": false, "": nil, "1.5": 1.5, "web1": "web1", `"5"`: "5", `'yes'`: "yes", "a: b": "a: b", "[1, 2]": "[1, 2]",
		`"unfinished`: `"unfinished`, "2026-11-05": "2026-11-05",
	} {
		if got := ScalarValue(text); got != want {
			t.Errorf("%q: %#v, want %#v", text, got, want)
		}
	}
}

func FuzzMarshalText(f *testing.F) {
	for _, s := range []string{"", "a", "yes", "0x1F", "a\nb", "\na", " a", "a ", "a: b", "# x", "- x", "? x", "é\u2028", "\t", "\x1b[31m", "'", `"`, "---", "...", "~", "=", "<<", "\t\n", "a\n b\n", "-a\n+b\n c\n", "a\n\tb\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "")
		text, err := Marshal(map[string]any{"k": s})
		if err != nil {
			t.Fatal(err)
		}
		n, faults := Parse("t", text)
		if len(faults) > 0 {
			t.Fatalf("%q: %s\n%q", s, faults, text)
		}
		if got := n.Get("k").Value(); got != s {
			t.Fatalf("%q comes back as %#v\n%q", s, got, text)
		}
	})
}
