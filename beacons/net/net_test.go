package net

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
)

func TestMain(m *testing.M) { os.Exit(beacontest.InNetworkNamespace(m)) }

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// pair makes a device and one at its other end, which is up.
func pair(t *testing.T, name string) {
	t.Helper()
	ip(t, "link", "add", name, "type", "veth", "peer", "name", "far-"+name)
	ip(t, "link", "set", "far-"+name, "up")
}

func needIP(t *testing.T) {
	t.Helper()
	beacontest.Isolated(t)
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs the program ip")
	}
	if out, err := exec.Command("ip", "link", "add", "probe", "type", "veth", "peer", "name", "eborp").CombinedOutput(); err != nil {
		t.Skipf("this kernel makes no pairs of devices: %s", out)
	}
	ip(t, "link", "del", "probe")
}

// One event each: a device comes, its link goes up, an address comes and goes, the link goes down, the device goes.
func TestALinkGoesUpAndDown(t *testing.T) {
	needIP(t)
	h := beacontest.Start(t, Module(), `devices: [test*]`, beacons.Env{Interval: time.Hour, AtStart: true})
	pair(t, "test0")
	h.Next("test0/added")
	ip(t, "link", "set", "test0", "up")
	if d := h.Next("test0/up").Data.(Data); !d.Up || d.MAC == "" || d.MTU == 0 {
		t.Errorf("%+v", d)
	}
	ip(t, "addr", "add", "192.0.2.1/24", "dev", "test0")
	d := h.Find("test0/address", func(s beacons.Signal) bool {
		d := s.Data.(Data)
		return s.Tag == "test0/address" && len(d.Came) == 1 && d.Came[0] == "192.0.2.1/24"
	}).Data.(Data)
	if len(d.Went) != 0 {
		t.Errorf("%+v", d)
	}
	ip(t, "addr", "del", "192.0.2.1/24", "dev", "test0")
	if d := h.Next("test0/address").Data.(Data); len(d.Went) != 1 || len(d.Came) != 0 {
		t.Errorf("%+v", d)
	}
	ip(t, "link", "set", "test0", "down")
	if d := h.Next("test0/down").Data.(Data); d.Up {
		t.Errorf("%+v", d)
	}
	ip(t, "link", "del", "test0")
	h.Next("test0/removed")
}

// What changed during a stop is told after it, and nothing twice.
func TestConformance(t *testing.T) {
	needIP(t)
	beacontest.Run(t, Module(), beacontest.Case{Name: "a device comes", System: true, Config: `{addresses: false, devices: [test*]}`, Interval: time.Hour,
		Ready: func(kept map[string][]byte) bool { return kept[looked] != nil },
		Act: func(t *testing.T, _ string) {
			pair(t, "test1")
			t.Cleanup(func() { ip(t, "link", "del", "test1") })
		}, Tags: []string{"test1/added"}})
}

func TestTraffic(t *testing.T) {
	const kernels = "../../internal/linux/testdata/"
	first, err := os.ReadFile(kernels + "6.18/a/proc/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	beacontest.Write(t, root, "proc/net/dev", string(first))
	h := beacontest.Start(t, Module(), `{devices: [lo], links: false, addresses: false, busy: {of: rx, above: 1MB/s, clear: 1kB/s}, many: {of: packets, above: 1000000/s}}`,
		beacons.Env{Root: root, Interval: 20 * time.Millisecond})
	h.Quiet(100 * time.Millisecond)
	const head = "Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
	beacontest.Write(t, root, "proc/net/dev", head+"    lo: 99999999999999 10 0 0 0 0 0 0 5 6 0 0 0 0 0 0\n")
	if d := h.Next("busy").Data.(Data); d.Device != "lo" || d.Of != "rx" || d.Value < 1e6 || d.Threshold != 1e6 {
		t.Errorf("%+v", d)
	}
	h.Next("busy/cleared")
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`devices: []`:                   "devices: 0 entries",
		`devices: ['[']`:                `devices: "[" is no pattern`,
		`busy: {above: 3/s}`:            `busy: of: ""; want rx, tx`,
		`busy: {of: rx, above: 3/s}`:    "busy: 3/s is a rate, such as 100/s; want a rate, such as 10MiB/s",
		`busy: {of: errors, above: 3%}`: "busy: 3% is a share",
		`link: true`:                    "did you mean links?",
	})
}
