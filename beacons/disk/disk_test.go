package disk

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/config"
	"brine/internal/linux"
)

const kernels = "../../internal/linux/testdata/"

// The file system that holds the test's root is mounted on it: any use is beyond 0%, and unmounting it leaves.
func TestConformance(t *testing.T) {
	const line = "25 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	beacontest.Run(t, Module(),
		beacontest.Case{Name: "a file system is mounted", Config: `{some: {above: 0%}, other: {mounts: [/srv/**], above: 0%}, memory: {types: [tmpfs], above: 0%}}`,
			Setup: func(t *testing.T, root string) { beacontest.Write(t, root, "proc/self/mountinfo", "") },
			Act:   func(t *testing.T, root string) { beacontest.Write(t, root, "proc/self/mountinfo", line) }, Tags: []string{"some"}},
	)
}

// run samples with made-up space and gives the tags and mounts told.
func run(t *testing.T, options string, root string, samples ...map[string]linux.Space) (told []string) {
	t.Helper()
	c := &Config{}
	n, faults := config.Parse("minion.yaml", []byte(options))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	if err := n.Decode(c).Err(); err != nil {
		t.Fatal(err)
	}
	b := c.Beacon(beacons.Env{Root: root}).(*beacon)
	var err error
	b.limits, err = beacons.NewLimits(beacons.Env{Baseline: none{}}, func(_ context.Context, signals ...beacons.Signal) error {
		for _, s := range signals {
			told = append(told, s.Tag+" "+s.Data.(Data).Mount)
		}
		return nil
	}, beacons.Thresholds(c.Limits, func(l *Limit) *beacons.Threshold { return &l.Threshold }))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, s := range samples {
		b.space = func(path string) (linux.Space, error) { return s[strings.TrimPrefix(path, root)], nil }
		if err := b.sample(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		now = now.Add(30 * time.Second)
	}
	return told
}

// none is a beacons.Baseline without anything.
type none struct{}

func (none) Get(string) ([]byte, error) { return nil, nil }

func (none) Each(string, func(string, []byte) error) error { return nil }

func TestMeasures(t *testing.T) {
	root := t.TempDir()
	beacontest.Write(t, root, "proc/self/mountinfo", `25 1 254:0 / / rw - ext4 /dev/vda rw
26 25 254:1 / /srv/my\040data rw shared:1 - xfs /dev/vdb rw
27 25 0:5 / /proc rw - proc proc rw
28 25 0:6 / /mnt rw - nfs4 server:/x rw
`)
	gib := int64(1 << 30)
	calm := linux.Space{Size: 100 * gib, Used: 10 * gib, Free: 90 * gib, Inodes: 1000, InodesIn: 10}
	full := linux.Space{Size: 100 * gib, Used: 95 * gib, Free: 5 * gib, Inodes: 1000, InodesIn: 990}
	filling := func(n int64) map[string]linux.Space {
		return map[string]linux.Space{"/": {Size: 100 * gib, Used: n * gib, Free: (100 - n) * gib}, "/srv/my data": calm}
	}
	data := "/srv/my data"
	tests := []struct {
		options string
		samples []map[string]linux.Space
		want    []string
	}{
		{`full: {above: 90%}`, []map[string]linux.Space{{"": calm, "/": calm, data: calm}, {"/": calm, data: full}, {"/": calm, data: calm}}, []string{"full " + data, "full/cleared " + data}},
		{`{few: {of: free, below: 6GiB}, inodes: {of: inodes, above: 98%}}`, []map[string]linux.Space{{"/": full, data: calm}}, []string{"few /", "inodes /"}},
		{`some: {mounts: [/srv/**], above: 0%}`, []map[string]linux.Space{{"/": full, data: calm}}, []string{"some " + data}},
		{`net: {types: [nfs4], above: 1%}`, []map[string]linux.Space{{"/": full, data: full, "/mnt": full}}, []string{"net /mnt"}},
		{`soon: {of: full_in, below: 1h}`, []map[string]linux.Space{filling(10), filling(11), filling(12), filling(13), filling(14), filling(15)}, []string{"soon /"}},
		{`soon: {of: full_in, below: 1h}`, []map[string]linux.Space{filling(15), filling(14), filling(13), filling(13), filling(12), filling(12)}, nil},
	}
	for _, tt := range tests {
		for _, s := range tt.samples {
			s[""] = s["/"] // root joined with /
		}
		if d := cmp.Diff(tt.want, run(t, tt.options, root, tt.samples...)); d != "" {
			t.Errorf("%s\n%s", tt.options, d)
		}
	}
}

// What is mounted on the captured hosts is read, and this host's own.
func TestMounts(t *testing.T) {
	for _, root := range []string{kernels + "6.1/a", kernels + "6.18/a", "/"} {
		proc, err := linux.OpenProc(root)
		if err != nil {
			t.Fatal(err)
		}
		mounts, err := proc.Mounts()
		if err != nil || len(mounts) == 0 {
			t.Errorf("%s: %v, %v", root, mounts, err)
		}
	}
	if s, err := linux.SpaceOf("/"); err != nil || s.Size <= 0 || s.Used <= 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`full: {above: 120%}`:                "full: 120% is too much",
		`full: {above: 3s}`:                  "full: 3s is a duration",
		`full: {above: 3%, of: blocks}`:      `full: of: "blocks"; want used, free`,
		`full: {above: 3h, of: full_in}`:     "full: above: of the time that is left",
		`full: {above: 3%, mounts: [srv]}`:   `full: mounts: "srv" is no absolute path`,
		`full: {below: 3%, of: full_in}`:     "full: 3% is a share",
		`full: {above: 3%, mounts: ['/[a']}`: "is no absolute path and no pattern",
	})
}

func FuzzMounts(f *testing.F) {
	text, err := os.ReadFile(kernels + "6.18/a/proc/self/mountinfo")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Fuzz(func(t *testing.T, text string) {
		root := t.TempDir()
		if err := os.MkdirAll(root+"/proc/self", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+"/proc/self/mountinfo", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		proc, err := linux.OpenProc(root)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = proc.Mounts()
	})
}
