package event

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestIDText(t *testing.T) {
	for _, id := range []ID{{}, {"web1", NewIncarnation(math.MaxUint64), math.MaxUint64}, {Master, NewIncarnation(0), 1}, {"a.b-c_d", NewIncarnation(12345678901), 42}} {
		back, err := ParseID(id.String())
		if err != nil || back != id {
			t.Errorf("%v: %q, %v", id, id.String(), err)
		}
		text, err := json.Marshal(map[ID]ID{id: id})
		var m map[ID]ID
		if err != nil || json.Unmarshal(text, &m) != nil || m[id] != id {
			t.Errorf("%s: %v", text, m)
		}
	}
}

func TestParseIDFaults(t *testing.T) {
	for text, want := range map[string]string{
		"web1": "want origin", "web1:aaaaaaab": "want origin", ":aaaaaaab:1": "is empty", "@other:aaaaaaab:1": "'@'", "web1:short:1": "eight letters",
		"web1:AAAAAAAB:1": "eight letters", "web1:aaaaaaa1:1": "eight letters", "web1:aaaa\naaab:1": "eight letters", "web1:aaaaaaab:0": "no number from 1", "web1:aaaaaaab:": "no number",
		"web1:aaaaaaab:-1": "no number", "web1:aaaaaaab:+1": "no number", "web1:aaaaaaab:01": "no number", "web1:aaaaaaab:18446744073709551616": "no number", "web1:aaaaaaab:1:2": "no number",
	} {
		if id, err := ParseID(text); err == nil || !strings.Contains(err.Error(), want) || !id.IsZero() {
			t.Errorf("%q: %v, %v, want %q", text, id, err, want)
		}
	}
}

func TestCheckMinionID(t *testing.T) {
	for _, id := range []string{"a", "9", "web1.example.com", "A_b-c", strings.Repeat("a", MaxMinionID)} {
		if err := CheckMinionID(id); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{"", ".", "..", "-a", "_a", "a/b", "a b", "a\n", "ä", "a:b", "@master", "*", strings.Repeat("a", MaxMinionID+1)} {
		if CheckMinionID(id) == nil {
			t.Errorf("%.20q passes", id)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("web1:k3f7a2mc:42")
	f.Add("@master:aaaaaaab:18446744073709551615")
	f.Add("a:\n\n\n\n:1")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := ParseID(text); err == nil && id.String() != text {
			t.Errorf("%q reads as %q", text, id)
		}
	})
}
