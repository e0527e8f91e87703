package swap

import (
	"testing"

	"brine/internal/beacontest"
)

const kernels = "../../internal/linux/testdata/"

func swapping(total, free string) func(*testing.T, string) {
	return func(t *testing.T, root string) {
		beacontest.Write(t, root, "proc/meminfo", "MemTotal: 1000000 kB\nMemFree: 20000 kB\nMemAvailable: 40000 kB\nSwapTotal: "+total+" kB\nSwapFree: "+free+" kB\n")
	}
}

func TestConformance(t *testing.T) {
	beacontest.Run(t, Module(),
		beacontest.Case{Name: "it fills", Config: `{high: {above: 50%}, any: {above: 100MiB}, full: {above: 95%}}`,
			Setup: swapping("1000000", "990000"), Act: swapping("1000000", "300000"), Tags: []string{"high", "any"}},
		beacontest.Case{Name: "swap is added to a host that had none", Config: `high: {above: 50%}`,
			Setup: beacontest.Files(kernels+"6.1/a", "proc/meminfo"), Act: swapping("1000", "100"), Tags: []string{"high"}},
		beacontest.Case{Name: "another kernel", Config: `high: {above: 50%}`,
			Setup: beacontest.Files(kernels+"6.18/a", "proc/meminfo"), Act: swapping("1000", "100"), Tags: []string{"high"}},
	)
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`high: {above: 120%}`: "high: 120% is too much",
		`high: {above: 9s}`:   "high: 9s is a duration",
		`high: {}`:            "want one of above and below",
	})
}
