package load

import (
	"testing"

	"brine/internal/beacontest"
)

const kernels = "../../internal/linux/testdata/"

func loaded(text string) func(*testing.T, string) {
	return func(t *testing.T, root string) { beacontest.Write(t, root, "proc/loadavg", text) }
}

func TestConformance(t *testing.T) {
	files := []string{"proc/loadavg", "proc/stat"}
	beacontest.Run(t, Module(),
		beacontest.Case{Name: "two cores have work for six", Config: `{high: {per_core: true, above: 2}, sudden: {minutes: 1, above: 40}, long: {minutes: 15, above: 3}}`,
			Setup: beacontest.Files(kernels+"6.1/a", files...), Act: loaded("8.00 6.00 2.90 9/300 4711\n"), Tags: []string{"high"}},
		beacontest.Case{Name: "too little", Config: `idle: {minutes: 1, below: 0.5}`,
			Setup: loaded("1.00 1.00 1.00 1/60 9\n"), Act: loaded("0.40 0.90 1.00 1/60 9\n"), Tags: []string{"idle"}},
	)
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`high: {above: 90%}`:           "high: 90% is a share",
		`high: {above: 9, minutes: 2}`: "high: minutes: 2; want 1, 5 or 15",
		`high: {minutes: 5}`:           "high: want one of above and below",
		`high: {above: 9, core: 1}`:    `unknown key "core"`,
	})
}
