package diskio

import (
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/linux"
)

const captured = "../../internal/linux/testdata/6.18/a"

// The limit is so low that any write of the captured machine would be beyond it; what the test adds takes a whole second of each request.
func TestConformance(t *testing.T) {
	beacontest.Run(t, Module(), beacontest.Case{Name: "a device becomes slow", Config: `{slow: {of: wait, above: 500ms, clear_for: 1h}, many: {of: writes, above: 1000000000000000/s}}`,
		Setup: beacontest.Files(captured, "proc/diskstats"),
		Act: func(t *testing.T, root string) {
			beacontest.Write(t, root, "proc/diskstats", "254 0 vda 999999999 0 99999999999 9999999999999 999999999 0 99999999999 9999999999999 0 99999999 1 0 0 0 0 0 0\n")
		}, Tags: []string{"slow"}})
}

func TestSpeed(t *testing.T) {
	was := linux.DiskIO{Reads: 10, Writes: 20, ReadBytes: 1000, WriteBytes: 2000, Waited: time.Second, Busy: time.Second}
	is := linux.DiskIO{Reads: 20, Writes: 50, ReadBytes: 11000, WriteBytes: 42000, Waited: 3 * time.Second, Busy: 6 * time.Second}
	d, ok := speed(was, is, 10)
	if want := (Data{Read: 1000, Write: 4000, Reads: 1, Writes: 3, Busy: 50, Wait: 0.05}); !ok || d != want {
		t.Errorf("%+v, want %+v", d, want)
	}
	if _, ok := speed(is, was, 10); ok {
		t.Error("counters that go back give a speed")
	}
	if d, ok := speed(is, is, 10); !ok || d != (Data{}) {
		t.Errorf("an idle device: %+v", d)
	}
}

func TestThisHost(t *testing.T) {
	proc, err := linux.OpenProc("/")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proc.DiskIO(); err != nil {
		t.Error(err)
	}
	beacontest.Start(t, Module(), `{}`, beacons.Env{Interval: 10 * time.Millisecond}).Quiet(100 * time.Millisecond)
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`slow: {above: 1s}`:              `slow: of: ""; want read, write`,
		`slow: {of: wait, above: 1%}`:    "slow: 1% is a share",
		`slow: {of: busy, above: 101%}`:  "slow: 101% is too much",
		`devices: ['']`:                  `devices: "" is no pattern`,
		`slow: {of: read, above: 100/s}`: "want a rate, such as 10MiB/s",
	})
}
