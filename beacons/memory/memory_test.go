package memory

import (
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
)

const kernels = "../../internal/linux/testdata/"

func scarce(text string) func(*testing.T, string) {
	return func(t *testing.T, root string) { beacontest.Write(t, root, "proc/meminfo", text) }
}

func TestConformance(t *testing.T) {
	for _, kernel := range []string{"6.1", "6.18"} {
		beacontest.Run(t, Module(),
			beacontest.Case{Name: "memory runs out, " + kernel, Config: `{high: {above: 90%}, scarce: {of: available, below: 50MiB}, free: {of: free, below: 1MiB}}`,
				Setup: beacontest.Files(kernels+kernel+"/a", "proc/meminfo"),
				Act:   scarce("MemTotal: 1000000 kB\nMemFree: 20000 kB\nMemAvailable: 40000 kB\nBuffers: 0 kB\nCached: 30000 kB\n"), Tags: []string{"high", "scarce"}})
	}
	beacontest.Run(t, Module(), beacontest.Case{Name: "a kernel that does not tell what is available", Config: `high: {above: 90%}`,
		Setup: scarce("MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 100 kB\nCached: 300 kB\n"),
		Act:   scarce("MemTotal: 1000 kB\nMemFree: 10 kB\nBuffers: 10 kB\nCached: 30 kB\n"), Tags: []string{"high"}})
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`high: {above: 120%}`:         "high: 120% is too much",
		`high: {above: 9s}`:           "high: 9s is a duration",
		`high: {above: 9%, of: swap}`: `high: of: "swap"; want used, available or free`,
		`high: {above: 9%, top: 21}`:  "high: top: 21",
	})
}

func TestThisHost(t *testing.T) {
	h := beacontest.Start(t, Module(), `some: {above: 0%}`, beacons.Env{Interval: 50 * time.Millisecond})
	d := h.Next("some").Data.(Data)
	if d.Value <= 0 || d.Value >= 100 || d.Total < 1<<28 || d.Available <= 0 || len(d.Processes) == 0 || d.Processes[0].RSS < 1<<20 {
		t.Errorf("%+v", d)
	}
}
