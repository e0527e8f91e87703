package job

import (
	"strings"
	"testing"

	"brine/internal/event"

	"github.com/google/go-cmp/cmp"
)

// What functions are asked and what they give is to be read in the log, by rules and people.
func TestPayloadsWithinAreReadable(t *testing.T) {
	d, err := event.Encode(map[string]any{"paths": []string{"/etc/motd"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		in, back any
		json     string
	}{
		{"a result", &Result{JID: "j", Fun: "x.y", Return: d}, &Result{}, `"return":{"paths":["/etc/motd"]}`},
		{"arguments", &Args{Test: true, Data: d}, &Args{}, `{"data":{"paths":["/etc/motd"]},"test":true}`},
		{"no arguments", &Args{}, &Args{}, `{}`},
	} {
		enc, err := event.Encode(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		text, err := enc.MarshalJSON()
		if err != nil || !strings.Contains(string(text), tt.json) {
			t.Errorf("%s: %s, %v", tt.name, text, err)
		}
		if err := enc.Decode(tt.back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.in, tt.back); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if shown, err := event.FromJSON(text); err != nil || shown.Decode(tt.back) != nil {
			t.Errorf("%s: not read from JSON: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.in, tt.back); diff != "" {
			t.Errorf("%s by JSON: %s", tt.name, diff)
		}
	}
}
