package example

import (
	"testing"

	"brine/internal/beacontest"
)

func TestConformance(t *testing.T) {
	for _, kernel := range []string{"linux-5.10", "linux-6.12"} {
		beacontest.Run(t, Module(), beacontest.Case{
			Name:   "too many handles, " + kernel,
			Config: `high: {above: 90%, clear: 70%}`,
			Setup:  beacontest.Tree("testdata/" + kernel),
			Act: func(t *testing.T, root string) {
				beacontest.Write(t, root, "proc/sys/fs/file-nr", "950\t0\t1000\n")
			},
			Tags: []string{"high"},
		})
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string][2]int64{
		"1024\t0\t401268\n": {1024, 401268},
		"1024\t24\t2000\n":  {1000, 2000},
	} {
		if used, most, err := parse([]byte(text)); err != nil || used != want[0] || most != want[1] {
			t.Errorf("%q: %d of %d, %v", text, used, most, err)
		}
	}
	for _, text := range []string{"", "1024", "a b c", "0 0 0", "1 2 3"} {
		if _, _, err := parse([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("1024\t0\t401268\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if used, most, err := parse(text); err == nil && (used < 0 || most <= 0) {
			t.Errorf("%q: %d of %d", text, used, most)
		}
	})
}
