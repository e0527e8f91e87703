package pressure

import (
	"runtime"
	"testing"

	"brine/beacons"
	"brine/internal/beacontest"
)

const kernels = "../../internal/linux/testdata/"

func stalled(some, full string) func(*testing.T, string) {
	return func(t *testing.T, root string) {
		beacontest.Write(t, root, "proc/pressure/io", "some avg10=12.00 avg60=3.00 avg300=1.00 total="+some+"\nfull avg10=0.00 avg60=0.00 avg300=0.00 total="+full+"\n")
	}
}

// A copy of /proc takes no trigger: the beacon looks once a window.
func TestConformance(t *testing.T) {
	for _, kernel := range []string{"6.1", "6.18"} {
		beacontest.Run(t, Module(), beacontest.Case{Name: "a slow disk, " + kernel,
			Config: `{io: {above: 10%, clear_for: 1m, window: 500ms}, still: {resource: io, kind: full, above: 90%, window: 500ms}}`,
			Setup:  beacontest.Files(kernels+kernel+"/a", "proc/pressure/io"), Act: stalled("990000000000", "1"), Tags: []string{"io"}})
	}
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`memory: {above: 120%}`:            "memory: 120% is too much",
		`memory: {above: 1%, window: 20s}`: "memory: window: 20s; want 500ms to 10s",
		`slow: {above: 1%}`:                `slow: resource: "slow"; want one of cpu, memory, io`,
		`io: {above: 1%, kind: most}`:      `io: kind: "most"`,
		`io: {below: 1%}`:                  "io: below: the kernel tells of too much only",
	})
}

// More work than processors: the kernel wakes the beacon, which tells it once.
func TestProcessorsOfThisHost(t *testing.T) {
	h := beacontest.Start(t, Module(), `cpu: {above: 1%, clear_for: 1h}`, beacons.Env{})
	procs := runtime.GOMAXPROCS(4 * runtime.NumCPU()) // threads, so that the kernel has too many of them
	t.Cleanup(func() { runtime.GOMAXPROCS(procs) })
	beacontest.Busy(t, 4*runtime.NumCPU())
	d := h.Next("cpu").Data.(Data)
	if d.Value <= 1 || d.Value > 100 || d.State != "entered" || d.Resource != "cpu" || d.Kind != "some" {
		t.Errorf("%+v", d)
	}
}
