package doctest

import (
	"strings"
	"testing"
)

// TestBeaconGuideShowsTheExample: the code on the page is that of the example, which is compiled and tested.
func TestBeaconGuideShowsTheExample(t *testing.T) {
	code := read(t, "internal/beacontest/example/example.go") + read(t, "internal/beacontest/example/example_test.go")
	found := 0
	for _, b := range readPage(t, "docs/writing-beacons.md").blocks {
		if b.lang != "go" {
			continue
		}
		if found++; !strings.Contains(code, b.text) {
			t.Errorf("docs/writing-beacons.md:%d: this is not the code of internal/beacontest/example", b.line)
		}
	}
	if found < 5 {
		t.Errorf("only %d blocks of code found", found)
	}
}
