package beaconset

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/config"
)

type options1 struct {
	Path string             `yaml:"path"`
	High *beacons.Threshold `yaml:"high"`
}

func (o *options1) Validate() error                   { return o.High.Check("high", beacons.Percent, 100) }
func (o *options1) Beacon(beacons.Env) beacons.Beacon { return nil }

func modules() []beacons.Module {
	config := func() beacons.Config {
		return &options1{High: &beacons.Threshold{Above: beacons.Of(90, beacons.Percent), For: time.Minute}}
	}
	return []beacons.Module{
		{Name: "file", Config: config},
		{Name: "cpu", Config: config, Interval: 10 * time.Second, AtStart: true},
	}
}

func parse(t testing.TB, text string) *config.Node {
	t.Helper()
	n, faults := config.Parse("minion.yaml", []byte(text))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRead(t *testing.T) {
	list, faults := Read(parse(t, `
file: {path: /a}
cpu:
  - interval: 5s
  - onchangeonly: yes
  - high: {above: 95%, clear: 70%}
web-cpu: {beacon_module: cpu, emitatstartup: true, disable_during_state_run: true, enabled: false}
`), modules())
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name, kind, from string
		common           Common
	}{
		{"file", "file", "minion.yaml:2", Common{Enabled: true}},
		{"cpu", "cpu", "minion.yaml:3", Common{Enabled: true, Interval: 5 * time.Second, OnChangeOnly: true}},
		{"web-cpu", "cpu", "minion.yaml:7", Common{Interval: 10 * time.Second, EmitAtStartup: true, DisableDuringStateRun: true, BeaconModule: "cpu"}},
	}
	for i, w := range want {
		in := list[i]
		if in.Name != w.name || in.Module.Name != w.kind || in.From != w.from || in.Common != w.common {
			t.Errorf("%+v\nwant %+v", in, w)
		}
	}
	if o := list[1].Config.(*options1); o.High.Above.Value != 95 || o.High.Clear.Value != 70 || o.High.For != time.Minute {
		t.Errorf("%+v", o.High)
	}
	if o := list[2].Config.(*options1); o.High.Above.Value != 90 {
		t.Errorf("one instance's options are another's: %+v", o.High) // salt 58616
	}
}

func TestReadFaults(t *testing.T) {
	for text, want := range map[string]string{
		`[file]`:                                  "minion.yaml:1:1: beacons: want a map of beacons",
		`{fil: {}}`:                               `1:2: unknown key "fil" (did you mean file?)`,
		`{mine: {}}`:                              `1:2: there is no beacon "mine" (an instance under a name of its own says of what kind it is: beacon_module: file)`,
		`{mine: {beacon_module: cpuu}}`:           `1:24: beacon_module: there is no beacon "cpuu" (did you mean cpu?)`,
		`{file: {beacon_module: cpu}}`:            `"file" is a beacon of its own and cannot be the name of another (rules know by the name what an event carries: call it cpu-file)`,
		`{a/b: {beacon_module: cpu}}`:             `the name "a/b" cannot stand in a tag`,
		`{"": {beacon_module: cpu}}`:              `want 1 to 64`,
		`{file: {interval: 5s}}`:                  `1:19: interval: file does not sample`,
		`{cpu: {interval: 1ms}}`:                  `1:18: interval is 1ms; want 100ms to 168h0m0s`,
		`{file: {emitatstartup: true}}`:           `1:24: emitatstartup: file has nothing to tell at the start`,
		`{file: {onchangonly: true}}`:             `unknown key "onchangonly"`,
		`{cpu: {high: {above: 5s}}}`:              `1:14: high: 5s is a duration, such as 30s; want a share, such as 90%`,
		`{cpu: {high: {above: 105%}}}`:            `high: 105% is too much; want at most 100%`,
		`{cpu: {high: {above: 90%, for: -1s}}}`:   `1:32: "-1s" is no duration`,
		`{cpu: {high: {above: 90%, below: 1%}}}`:  `1:14: want one of above and below`,
		`{cpu: [{interval: 5s}, {interval: 5s}]}`: `the key "interval" stands here a second time`,
		`{cpu: {enabled: maybe}}`:                 `1:17: want true or false, not "maybe"`,
	} {
		_, faults := Read(parse(t, text), modules())
		if err := faults.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n%v\nwant %s", text, err, want)
		}
	}
}

// What has a fault is left out, and the rest read.
func TestReadTheRest(t *testing.T) {
	list, faults := Read(parse(t, `{fil: {}, file: {}, cpu: {interval: 0}}`), modules())
	if len(list) != 1 || list[0].Name != "file" || len(faults) != 2 {
		t.Errorf("%+v, %v", list, faults)
	}
}

// The text of an instance tells whether its options have changed, and nothing else.
func TestText(t *testing.T) {
	text := func(s string) string {
		list, faults := Read(parse(t, s), modules())
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		return list[0].Text
	}
	same := text("cpu: {interval: 5s, path: /a}")
	for _, s := range []string{"# moved\ncpu:\n  path: /a\n  interval: 5s\n", "cpu: [{path: /a}, {interval: 5s}]"} {
		if text(s) != same {
			t.Errorf("%q is not the same as %q", text(s), same)
		}
	}
	if text("cpu: {interval: 6s, path: /a}") == same {
		t.Error("another interval is the same")
	}
}

func TestMerge(t *testing.T) {
	fleet, own := []Instance{{Name: "b", From: "fleet"}, {Name: "c", From: "fleet"}}, []Instance{{Name: "b", From: "own"}, {Name: "a", From: "own"}}
	var got []string
	for _, in := range Merge(fleet, own) {
		got = append(got, in.Name+"="+in.From)
	}
	if fmt.Sprint(got) != "[a=own b=own c=fleet]" {
		t.Errorf("%v", got)
	}
}

const fleetText = `
all:
  beacons:
    cpu: {path: '0644'}
    disks: {beacon_module: file, path: 0644}
web:
  tgt: web*
  beacons:
    cpu:
      - path: "w: \"1\""
two:
  tgt: db1,db2
  tgt_type: list
  beacons: {cpu: {enabled: false}}
`

func TestFleet(t *testing.T) {
	f, faults := ReadFleet([]File{{"10.yaml", []byte(fleetText)}}, modules())
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		"web1": `[cpu true w: "1" 10.yaml:9 disks true 0644 10.yaml:5]`,
		"db2":  `[cpu false  10.yaml:14 disks true 0644 10.yaml:5]`,
		"x":    `[cpu true 0644 10.yaml:4 disks true 0644 10.yaml:5]`,
	} {
		data, err := f.For(id, nil)
		if err != nil {
			t.Fatal(err)
		}
		list, refused, err := Decode(data, modules())
		if err != nil || len(refused) > 0 {
			t.Fatal(refused, err)
		}
		var got []any
		for _, in := range list {
			got = append(got, in.Name, in.Common.Enabled, in.Config.(*options1).Path, in.From)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v; want %s", id, got, want)
		}
		again, _ := f.For(id, nil)
		if string(again) != string(data) {
			t.Error("the same set is not the same data")
		}
	}
	if fmt.Sprint(f.Kinds()) != "map[cpu:cpu disks:file]" {
		t.Errorf("%v", f.Kinds())
	}
	empty, _ := ReadFleet(nil, modules())
	if data, err := empty.For("x", nil); data != nil || err != nil {
		t.Errorf("%v, %v", data, err)
	}
}

func TestFleetFaults(t *testing.T) {
	for text, want := range map[string]string{
		"[a]":                             "f.yaml:1:1: want blocks by name, not a list",
		"a: {tgt: web*}":                  `"beacons" is required`,
		"a: {target: web*, beacons: {}}":  `unknown key "target"`,
		"a: {tgt: 'web[', beacons: {}}":   "f.yaml:1:10: target",
		"a: {tgt_type: lst, beacons: {}}": "did you mean list?",
		"a: {beacons: {cpu: {hihg: {}}}}": `f.yaml:1:21: unknown key "hihg" (did you mean high?)`,
		"a: {beacons: {x: {beacon_module: cpu}}}\nb: {beacons: {x: {beacon_module: file}}}": `f.yaml:2:15: "x" is of the kind file here and cpu at f.yaml:1`,
		"a: {beacons: {}}\na: {beacons: {}}":                                                "f.yaml:2:1: ",
	} {
		_, faults := ReadFleet([]File{{"f.yaml", []byte(text)}}, modules())
		if err := faults.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n%v\nwant %s", text, err, want)
		}
	}
	_, faults := ReadFleet([]File{{"a.yaml", []byte("x: {beacons: {}}")}, {"b.yaml", []byte("x: {beacons: {}}")}}, modules())
	if err := faults.Err(); err == nil || !strings.Contains(err.Error(), `b.yaml:1:1: the block "x" is already declared at a.yaml:1`) {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	fleet, _ := ReadFleet([]File{{"10.yaml", []byte(fleetText)}}, modules())
	data, _ := fleet.For("web1", nil)
	f.Add([]byte(data))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _, err := Decode(data, modules())
		if err != nil {
			return
		}
		for _, in := range list {
			if CheckName(in.Name) != nil || in.Config == nil {
				t.Errorf("%+v", in)
			}
		}
	})
}
