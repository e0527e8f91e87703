package heartbeat

import (
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
)

const kernels = "../../internal/linux/testdata/"

func uptime(text string) func(*testing.T, string) {
	return func(t *testing.T, root string) { beacontest.Write(t, root, "proc/uptime", text) }
}

func TestConformance(t *testing.T) {
	for _, kernel := range []string{"6.1", "6.18"} {
		setup := beacontest.Files(kernels+kernel+"/a", "proc/uptime", "proc/loadavg", "proc/stat")
		beacontest.Run(t, Module(),
			beacontest.Case{Name: "time passes, " + kernel, Setup: setup, Act: uptime("99999999.00 1.00\n"), Tags: []string{"beat"}},
			beacontest.Case{Name: "the host is started again, " + kernel, Setup: setup, Act: uptime("3.00 1.00\n"), Tags: []string{"beat"}},
		)
	}
}

func TestThisHost(t *testing.T) {
	h := beacontest.Start(t, Module(), `{}`, beacons.Env{Interval: time.Second, AtStart: true})
	first := h.Next("beat").Data.(Data)
	if d := h.Next("beat").Data.(Data); d.Count != first.Count+1 || d.Uptime <= first.Uptime || d.Interval != 1 || d.Booted {
		t.Errorf("%+v after %+v", d, first)
	}
}
