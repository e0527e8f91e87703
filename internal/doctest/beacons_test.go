package doctest

import (
	"fmt"
	"strings"
	"testing"

	"brine/beacons"
	beaconlist "brine/beacons/all"
	"brine/internal/beaconset"
	"brine/internal/config"
	"brine/internal/supervise"
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

// TestBeaconBlocks reads every block of the guide as the minion and the master do.
func TestBeaconBlocks(t *testing.T) {
	found := 0
	for _, b := range readPage(t, "docs/beacons.md").blocks {
		name := fmt.Sprintf("docs/beacons.md, block on line %d", b.line)
		var faults config.Faults
		switch b.lang {
		case "beacons":
			var n *config.Node
			if n, faults = config.Parse(name, []byte(b.text)); len(faults) == 0 {
				_, faults = beaconset.Read(n, beaconlist.List())
			}
		case "fleet":
			_, faults = beaconset.ReadFleet([]beaconset.File{{Name: name, Text: []byte(b.text)}}, beaconlist.List())
		default:
			continue
		}
		found++
		if err := faults.Err(); err != nil {
			t.Error(err)
		}
	}
	if found < 2 {
		t.Errorf("only %d blocks found", found)
	}
}

// TestBeaconGuideIsComplete: every option that all beacons have, and every one of a threshold, stands in the guide; its bounds are the code's.
func TestBeaconGuideIsComplete(t *testing.T) {
	text := readPage(t, "docs/beacons.md").prose
	for _, key := range beaconset.CommonKeys() {
		if !strings.Contains(text, "| `"+key+"` |") {
			t.Errorf("docs/beacons.md says nothing of the option %s, which every beacon has", key)
		}
	}
	for _, key := range config.Keys(&beacons.Threshold{}) {
		if !strings.Contains(text, "`"+key+"`") {
			t.Errorf("docs/beacons.md says nothing of a threshold's %s", key)
		}
	}
	for _, n := range []int{supervise.FireRate, supervise.FireBurst, supervise.CallRate, supervise.CallBurst} {
		want := fmt.Sprint(n)
		if n >= 1000 {
			want = fmt.Sprintf("%d,%03d", n/1000, n%1000)
		}
		if !strings.Contains(text, want) {
			t.Errorf("docs/beacons.md does not know the bound %s", want)
		}
	}
}

// TestNoBeaconHasACommonOption: these are the frame's.
func TestNoBeaconHasACommonOption(t *testing.T) {
	for _, m := range beaconlist.List() {
		own := config.Keys(m.Config())
		for _, key := range beaconset.CommonKeys() {
			for _, k := range own {
				if k == key {
					t.Errorf("beacons/%s has an option %s of its own", m.Name, key)
				}
			}
		}
	}
}
