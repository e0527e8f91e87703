package job

import (
	"strings"
	"testing"
)

func TestDifferences(t *testing.T) {
	for _, tt := range []struct {
		changes []Change
		want    string
	}{
		{nil, ""},
		{[]Change{{What: "content", From: "aa", To: "bb", Diff: "x"}, {What: "mode", From: "0600", To: "0644"}}, "content, mode 0600 instead of 0644"},
		{[]Change{{What: "exists", From: "absent", To: "file"}, {What: "content", To: "bb"}, {What: "mode", To: "0644"}}, "missing, mode"},
		{[]Change{{What: "exists", From: "file", To: "absent"}}, "there again"},
		{[]Change{{What: "target", From: strings.Repeat("x", maxDifference), To: "y"}}, "target"},
	} {
		if got := Differences(tt.changes); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.changes, got, tt.want)
		}
	}
}
