package cpu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
)

// kernels are captured trees, each read twice three seconds apart.
const kernels = "../../internal/linux/testdata/"

// later replaces the counters by those of three seconds later.
func later(kernel string) func(*testing.T, string) {
	text, err := os.ReadFile(filepath.Join(kernels, kernel, "b/proc/stat"))
	return func(t *testing.T, root string) {
		if err != nil {
			t.Fatal(err)
		}
		beacontest.Write(t, root, "proc/stat", string(text))
	}
}

func TestConformance(t *testing.T) {
	beacontest.Run(t, Module(),
		beacontest.Case{Name: "one of two cores becomes busy", Config: `{half: {above: 50%}, most: {above: 90%}, quiet: {above: 50%, mode: iowait}}`,
			Setup: beacontest.Files(kernels+"6.1/a", "proc/stat"), Act: later("6.1"), Tags: []string{"half"}},
		beacontest.Case{Name: "each core by itself", Config: `{core: {above: 90%, core: each}, second: {above: 50%, core: 1}}`,
			Setup: beacontest.Files(kernels+"6.1/a", "proc/stat"), Act: later("6.1"), Tags: []string{"core"}},
		beacontest.Case{Name: "idle falls", Config: `{idle: {mode: idle, below: 60%}}`,
			Setup: beacontest.Files(kernels+"6.1/a", "proc/stat"), Act: later("6.1"), Tags: []string{"idle"}},
		beacontest.Case{Name: "another kernel", Config: `{any: {above: 0%, mode: user}}`,
			Setup: beacontest.Files(kernels+"6.18/a", "proc/stat"), Act: later("6.18"), Tags: []string{"any"}},
	)
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`high: {above: 90}`:                 "high: 90 is a plain number; want a share, such as 90%",
		`high: {above: 900%}`:               "high: 900% is too much",
		`high: {above: 90%, clear: 95%}`:    "above the limit",
		`high: {above: 9%, mode: guessing}`: `high: mode: "guessing" is none of`,
		`high: {above: 9%, core: some}`:     `high: core: "some"; want all, each`,
		`high: {above: 9%, top: 99}`:        "high: top: 99; want 0 to 20",
		`high: {abov: 9%}`:                  "did you mean above?",
		`a/b: {above: 9%}`:                  "a limit's name",
		`high: {for: 3s}`:                   "high: want one of above and below",
		`intervall: 3s`:                     `unknown key "intervall"`,
	})
}

// A real busy loop crosses the limit and leaves it, one event each, and is named.
func TestBusyLoopOnThisHost(t *testing.T) {
	h := beacontest.Start(t, Module(), `busy: {above: 5%}`, beacons.Env{Interval: 50 * time.Millisecond})
	beacontest.Busy(t, 1)
	d := h.Next("busy").Data.(Data)
	if d.State != "entered" || d.Value <= 5 || d.Threshold != 5 || d.Core != nil {
		t.Errorf("%+v", d)
	}
	for _, p := range d.Processes {
		if p.PID == int64(os.Getpid()) && p.CPU > 5 && p.UID == int64(os.Geteuid()) && strings.Contains(p.Cmdline, ".test") {
			return
		}
	}
	t.Errorf("the busy process is not named: %+v", d.Processes)
}
