package mount

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

// Between the two readings of the captured kernel a file system was mounted, and others have other options.
func TestConformance(t *testing.T) {
	text, err := os.ReadFile(kernel + "b/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	first := strings.ReplaceAll(string(text), "24 23 0:22 / /tmp/x rw,relatime - tmpfs none rw,size=1024k,inode64\n", "")
	if first == string(text) {
		t.Fatal("the fixture is another one")
	}
	setup := func(t *testing.T, root string) { beacontest.Write(t, root, "proc/self/mountinfo", first) }
	beacontest.Run(t, Module(),
		beacontest.Case{Name: "one is mounted", Config: `{}`, Setup: setup,
			Act: func(t *testing.T, root string) { beacontest.Write(t, root, "proc/self/mountinfo", string(text)) }, Tags: []string{"mounted"}},
		beacontest.Case{Name: "one becomes read-only, one goes", Config: `types: [tmpfs, rootfs]`, Setup: setup,
			Act: func(t *testing.T, root string) {
				ro := strings.ReplaceAll(first, "/ / rw - rootfs", "/ / ro - rootfs")
				beacontest.Write(t, root, "proc/self/mountinfo", strings.ReplaceAll(ro, "23 1 0:21 / /tmp rw,relatime - tmpfs tmpfs rw,inode64\n", ""))
			}, Tags: []string{"remounted", "unmounted"}})
}

func TestWhatIsTold(t *testing.T) {
	root := t.TempDir()
	beacontest.Write(t, root, "proc/self/mountinfo", "25 1 8:1 / /srv rw,relatime - xfs /dev/sdb1 rw\n")
	h := beacontest.Start(t, Module(), `{}`, beacons.Env{Root: root, Interval: 10 * time.Millisecond})
	h.Quiet(50 * time.Millisecond)
	beacontest.Write(t, root, "proc/self/mountinfo", "25 1 8:1 / /srv ro,relatime - xfs /dev/sdb1 ro\n")
	want := Data{Path: "/srv", Change: Remounted, Source: "/dev/sdb1", Type: "xfs", Options: "ro,relatime", Was: "/dev/sdb1 xfs rw,relatime"}
	if d := h.Next("remounted").Data; d != want {
		t.Errorf("%+v, want %+v", d, want)
	}
}

func TestRefusedOptions(t *testing.T) {
	n, _ := config.Parse("minion.yaml", []byte(`types: []`))
	if err := n.Decode(Module().Config()).Err(); err == nil || !strings.Contains(err.Error(), "types: 0 entries") {
		t.Error(err)
	}
}
