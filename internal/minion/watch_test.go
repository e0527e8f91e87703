package minion

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	beaconfile "brine/beacons/file"
	"brine/internal/beaconset"
	"brine/internal/config"
	"brine/internal/supervise"
	"brine/internal/wire"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// clock is a beacon that fires at each interval, or fails, panics, or never ends, as its option says.
type clockConfig struct {
	Do string `yaml:"do"`
}

func (c *clockConfig) Validate() error {
	if strings.Contains(c.Do, "wrong") {
		return errors.New("do is wrong")
	}
	return nil
}

func (c *clockConfig) Beacon(env beacons.Env) beacons.Beacon { return clockBeacon{c.Do, env} }

type clockBeacon struct {
	do  string
	env beacons.Env
}

type clockData struct {
	N int64 `json:"n"`
}

func (b clockBeacon) Run(ctx context.Context, fire beacons.Fire) error {
	switch b.do {
	case "panic":
		panic("on purpose")
	case "block":
		select {}
	case "flood":
		for n := int64(0); ; n++ {
			if err := fire(ctx, beacons.Signal{Tag: "flood", Data: clockData{n}}); err != nil {
				<-ctx.Done()
				return nil
			}
		}
	}
	return b.env.Every(ctx, func(now time.Time) error {
		return fire(ctx, beacons.Signal{Tag: "tick", Time: now, Data: clockData{1}})
	})
}

func clockModule() beacons.Module {
	return beacons.Module{Name: "clock", Config: func() beacons.Config { return &clockConfig{} }, Data: clockData{}, Interval: 100 * time.Millisecond}
}

// runBeacons runs a minion without a master, with these beacons in its file.
func runBeacons(t *testing.T, text string) (m *Minion, path string) {
	t.Helper()
	dir := t.TempDir()
	path = write(t, map[string]string{"minion.yaml": minionText(dir, text)})
	c, err := LoadConfig(path, []beacons.Module{clockModule()})
	if err != nil {
		t.Fatal(err)
	}
	m, err = New(Options{Config: c, Path: path, Beacons: []beacons.Module{clockModule()}, Version: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return m, path
}

func minionText(dir, beacons string) string {
	return "id: web1\nmaster: tcp://127.0.0.1:1\ntrust_on_first_use: true\ndata_dir: " + filepath.Join(dir, "data") + "\nroot: " + dir + "\n" + beacons
}

// told are the events in the outbox, oldest first.
func (m *Minion) told(t *testing.T) (list []wire.Event) {
	t.Helper()
	for s := m.outbox.State(); s.First < s.Next; {
		raw, err := m.outbox.Read(s.First, 1000, 16<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range raw {
			e, err := wire.DecodeEvent(r)
			if err != nil {
				t.Fatal(err)
			}
			list, s.First = append(list, e), e.Seq+1
		}
	}
	return list
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// tagged counts the events under a tag below brine/.
func (m *Minion) tagged(t *testing.T, tag string) (n int) {
	t.Helper()
	for _, e := range m.told(t) {
		if e.Tag == "brine/"+tag {
			n++
		}
	}
	return n
}

func (m *Minion) beacon(name string) supervise.Health {
	for _, h := range m.Beacons() {
		if h.Name == name {
			return h
		}
	}
	return supervise.Health{State: "none"}
}

// One that panics, one that never ends and one that fires without pause: the clock beside them keeps time, and memory stays flat.
func TestBadBeaconsStopNoOther(t *testing.T) {
	m, _ := runBeacons(t, `beacons:
  clock: {}
  panics: {beacon_module: clock, do: panic}
  blocks: {beacon_module: clock, do: block}
  floods: {beacon_module: clock, do: flood}
`)
	await(t, "the flood is held back", func() bool { return m.beacon("floods").HeldBack > 60 }) // a second and more of waits: told
	await(t, "the flood is told", func() bool { return m.tagged(t, "minion/web1/beacon/floods/flooding") == 1 })
	await(t, "the panic is told", func() bool { return m.tagged(t, "minion/web1/beacon/panics/failed") == 1 })
	before, heap := m.beacon("clock").Fired, heapInUse()
	began := time.Now()
	await(t, "the clock goes on", func() bool { return m.beacon("clock").Fired >= before+20 })
	if took := time.Since(began); took > 10*time.Second { // at 100 ms each
		t.Errorf("20 ticks took %s beside a flood", took)
	}
	if grown := heapInUse() - heap; grown > 32<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	if h := m.beacon("blocks"); h.State != supervise.Running { // nothing says that it is wrong, until it is to end
		t.Errorf("%+v", h)
	}
	if h := m.beacon("floods"); h.HeldBack == 0 || h.Fired > supervise.CallBurst+supervise.CallRate*60 {
		t.Errorf("%+v", h)
	}
	if h := m.beacon("panics"); h.State != supervise.Restarting || h.Error != "panic: on purpose" {
		t.Errorf("%+v", h)
	}
}

func heapInUse() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapInuse)
}

// A change of the file takes effect without a restart; a broken one changes nothing and is told.
func TestReload(t *testing.T) {
	m, path := runBeacons(t, "beacons:\n  clock: {}\n  other: {beacon_module: clock}\n")
	await(t, "both run", func() bool { return m.beacon("clock").Fired > 0 && m.beacon("other").Fired > 0 })
	since := m.beacon("clock").Since
	dir := m.cfg.Root
	rewrite := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(minionText(dir, text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rewrite("beacons:\n  clock: {}\n  other: {beacon_module: clock, do: panic}\n  third: {beacon_module: clock}\n")
	await(t, "the file is in force", func() bool {
		return m.beacon("third").Fired > 0 && m.beacon("other").State == supervise.Restarting
	})
	if h := m.beacon("clock"); !h.Since.Equal(since) {
		t.Errorf("the clock, whose options are the same, was started again: %+v", h)
	}
	rewrite("beacons:\n  clock: {doo: x}\n")
	await(t, "the fault is told", func() bool { return m.tagged(t, "minion/web1/config/refused") > 0 })
	if h := m.beacon("third"); h.State != supervise.Running {
		t.Errorf("a broken file stopped something: %+v", h)
	}
	rewrite("beacons:\n  clock: {}\n")
	await(t, "the rest is gone", func() bool { return len(m.Beacons()) == 1 })
}

// The master's beacons run beside the minion's own, which win by name; what the minion cannot take holds up nothing, and all of it is known at
// the next start.
func TestBeaconsOfTheMaster(t *testing.T) {
	m, _ := runBeacons(t, "beacons:\n  clock: {}\n")
	n, _ := config.Parse("fleet.yaml", []byte("clock: {do: panic}\nfleet: {beacon_module: clock}\nnewer: {option: 1}\nwrong: {beacon_module: clock, do: wrong}\n"))
	var list []beaconset.Source
	for _, p := range n.Pairs() {
		list = append(list, beaconset.Source{Name: p.Key, Options: p.Value})
	}
	data, err := beaconset.Encode(list)
	if err != nil {
		t.Fatal(err)
	}
	m.set(t.Context(), &wire.Settings{Name: "beacons", Data: data})
	await(t, "the master's runs", func() bool { return m.beacon("fleet").Fired > 0 })
	if h := m.beacon("fleet"); h.From != "fleet.yaml:2" || h.Kind != "clock" {
		t.Errorf("%+v", h)
	}
	if h := m.beacon("clock"); h.State != supervise.Running || !strings.Contains(h.From, "minion.yaml") {
		t.Errorf("the minion's own does not win: %+v", h)
	}
	if h := m.beacon("newer"); h.State != supervise.Refused || !strings.Contains(h.Error, "there is no beacon") || h.From != "fleet.yaml:3" {
		t.Errorf("%+v", h)
	}
	if h := m.beacon("wrong"); h.State != supervise.Refused || !strings.Contains(h.Error, "do is wrong") {
		t.Errorf("%+v", h)
	}
	await(t, "the refusals are told", func() bool {
		return m.tagged(t, "minion/web1/beacon/newer/refused") == 1 && m.tagged(t, "minion/web1/beacon/wrong/refused") == 1
	})
	if kept, err := m.outbox.Baseline(settingsBucket).Get("beacons"); err != nil || string(kept) != string(data) {
		t.Errorf("kept %d bytes, %v", len(kept), err)
	}
	m.set(t.Context(), &wire.Settings{Name: "beacons"})
	await(t, "the master takes them back", func() bool { return len(m.Beacons()) == 1 })
}

// What is enforced is watched for, whatever the configuration says of the beacon file.
func TestFileBeaconOfEnforcedStates(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "/b",
		"file: {paths: {/a: {}}}": "/a /b",
		"file: {enabled: false, paths: {/a: {}}}": "/b",
	} {
		n, _ := config.Parse("minion.yaml", []byte(text))
		own, faults := beaconset.Read(n, modules())
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		m := &Minion{modules: modules(), sets: beaconSets{own: own}, enforcer: &enforcer{watches: []beacons.Watch{{Path: "/b"}}}}
		var paths []string
		for _, in := range m.wanted() {
			paths = append(paths, slices.Sorted(maps.Keys(in.Config.(*beaconfile.Config).Paths))...)
		}
		if got := strings.Join(paths, " "); got != want {
			t.Errorf("%s: watched %q; want %q", text, got, want)
		}
	}
}
