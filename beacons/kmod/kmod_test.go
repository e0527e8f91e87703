package kmod

import (
	"os"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/config"
)

const kernel = "../../internal/linux/testdata/6.1/"

// Between the two readings of the captured kernel veth was unloaded and ifb loaded.
func TestConformance(t *testing.T) {
	text, err := os.ReadFile(kernel + "b/proc/modules")
	if err != nil {
		t.Fatal(err)
	}
	later := func(t *testing.T, root string) { beacontest.Write(t, root, "proc/modules", string(text)) }
	beacontest.Run(t, Module(),
		beacontest.Case{Name: "one goes, one comes", Config: `{}`, Setup: beacontest.Files(kernel+"a", "proc/modules"), Act: later, Tags: []string{"loaded", "unloaded"}},
		beacontest.Case{Name: "only some", Config: `modules: [if*]`, Setup: beacontest.Files(kernel+"a", "proc/modules"), Act: later, Tags: []string{"loaded"}})
}

func TestWhatIsTold(t *testing.T) {
	root := t.TempDir()
	beacontest.Write(t, root, "proc/modules", "dummy 16384 0 - Live 0x0\n")
	h := beacontest.Start(t, Module(), `{}`, beacons.Env{Root: root, Interval: 10 * time.Millisecond})
	h.Quiet(50 * time.Millisecond)
	beacontest.Write(t, root, "proc/modules", "dummy 16384 0 - Live 0x0\nrootkit 8192 0 - Live 0x0 (OE)\n")
	if d, want := h.Next("loaded").Data, (Data{Module: "rootkit", Change: Loaded, Size: 8192, Taint: "OE"}); d != want {
		t.Errorf("%+v, want %+v", d, want)
	}
}

func TestRefusedOptions(t *testing.T) {
	n, _ := config.Parse("minion.yaml", []byte(`modules: ['[']`))
	if err := n.Decode(Module().Config()).Err(); err == nil || !strings.Contains(err.Error(), `modules: "[" is no pattern`) {
		t.Error(err)
	}
}
