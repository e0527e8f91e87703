package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, text string) *Node {
	t.Helper()
	n, faults := Parse("f.yaml", []byte(text))
	if len(faults) > 0 {
		t.Fatalf("%q: %v", text, faults)
	}
	return n
}

// lines is one fault a line, as people see them.
func lines(faults Faults) string {
	if len(faults) == 0 {
		return ""
	}
	return faults.Error()
}

type upper string

func (u *upper) UnmarshalText(text []byte) error {
	if string(text) == "bad" {
		return errors.New("bad is bad")
	}
	*u = upper(strings.ToUpper(string(text)))
	return nil
}

type pair struct{ a, b string }

func (p *pair) DecodeNode(n *Node) Faults {
	if n.Kind() != List || len(n.Items()) != 2 {
		return Faults{n.Fault("want two")}
	}
	p.a, p.b = n.Items()[0].Text(), n.Items()[1].Text()
	return nil
}

type common struct {
	Log string `yaml:"log"`
}

type limits struct {
	Low  int `yaml:"low"`
	High int `yaml:"high"`
}

func (l *limits) Validate() error {
	if l.Low > l.High {
		return fmt.Errorf("low %d is above high %d", l.Low, l.High)
	}
	return nil
}

type sample struct {
	common
	Name    string            `yaml:"name,required"`
	Mode    string            `yaml:"mode"`
	On      bool              `yaml:"on"`
	Count   uint8             `yaml:"count"`
	Ratio   float64           `yaml:"ratio"`
	Every   time.Duration     `yaml:"every"`
	Max     Size              `yaml:"max"`
	Share   Percent           `yaml:"share"`
	List    []string          `yaml:"list"`
	Env     map[string]string `yaml:"env"`
	Limits  *limits           `yaml:"limits"`
	Raw     *Node             `yaml:"raw"`
	Any     any               `yaml:"any"`
	Up      upper             `yaml:"up"`
	Pair    pair              `yaml:"pair"`
	Depth   map[string]limits `yaml:"depth"`
	private string            //lint:ignore U1000 Decode must pass over it
	NotSet  string
}

func TestDecodeFillsEveryType(t *testing.T) {
	n := parse(t, `
name: x
mode: 0644
on: yes
count: 0x10
ratio: 1.5
every: 1h30m
max: 64MiB
share: 90%
list: one
env: {A: 1, B: off}
limits: {low: 1, high: 2}
raw: [1]
any: {a: [1, 2.5, no, ~, 2026-01-01, 010]}
up: abc
pair: [p, q]
depth: {a: {high: 3}, b: }
log: info
`)
	got := sample{Mode: "default", NotSet: "kept"}
	if f := n.Decode(&got); len(f) > 0 {
		t.Fatal(f)
	}
	if got.Raw.Items()[0].Text() != "1" {
		t.Errorf("raw: %v", got.Raw.Value())
	}
	got.Raw = nil
	want := sample{common: common{"info"}, Name: "x", Mode: "0644", On: true, Count: 16, Ratio: 1.5, Every: 90 * time.Minute, Max: 64 << 20,
		Share: 90, List: []string{"one"}, Env: map[string]string{"A": "1", "B": "off"}, Limits: &limits{1, 2},
		Any: map[string]any{"a": []any{int64(1), 2.5, false, nil, "2026-01-01", int64(8)}}, Up: "ABC", Pair: pair{"p", "q"},
		Depth: map[string]limits{"a": {0, 3}, "b": {}}, NotSet: "kept"}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(sample{}, pair{})); d != "" {
		t.Error(d)
	}
}

func TestDecodeTellsEveryFault(t *testing.T) {
	n := parse(t, `
nam: x
mode: [1]
on: maybe
count: 256
ratio: high
every: 30
max: 64
share: 90
list: {a: b}
env: {A: [1]}
limits:
  low: 3
  high: 2
any: {a: 1}
up: bad
pair: one
depth: {a: {hihg: 3}}
`)
	got := lines(n.Decode(&sample{}))
	want := strings.TrimSpace(`
f.yaml:2:1: unknown key "nam" (did you mean name?)
f.yaml:2:1: "name" is required
f.yaml:3:7: want text, not a list
f.yaml:4:5: want true or false, not "maybe"
f.yaml:5:8: 256 is not within 0 and 255
f.yaml:6:8: want a number, not "high"
f.yaml:7:8: "30" is no duration: want a number and its unit, such as 30s, 5m, 7d
f.yaml:8:6: "64" is no size: want a number and its unit, such as 64MiB
f.yaml:9:8: "90" is no share: want 0% to 100%, such as 90%
f.yaml:10:7: want a list, not a map
f.yaml:11:10: want text, not a list
f.yaml:13:8: low 3 is above high 2
f.yaml:16:5: bad is bad
f.yaml:17:7: want two
f.yaml:18:13: unknown key "hihg" (did you mean high?)`)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDecodeKeepsDefaultsApart(t *testing.T) {
	shared := &limits{1, 5}
	env := map[string]string{"A": "default", "B": "default"}
	got := sample{Limits: shared, Env: env, List: []string{"default"}, Mode: "0600"}
	if f := parse(t, "name: x\nlimits: {low: 2}\nenv: {A: new}\nlist: [a, b]\nmode:\n").Decode(&got); len(f) > 0 {
		t.Fatal(f)
	}
	if *shared != (limits{1, 5}) || env["A"] != "default" {
		t.Errorf("a shared default was written: %v %v", *shared, env)
	}
	want := sample{Name: "x", Limits: &limits{2, 5}, Env: map[string]string{"A": "new", "B": "default"}, List: []string{"a", "b"}, Mode: "0600"}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(sample{}, pair{})); d != "" {
		t.Error(d)
	}
}

func TestStringsTakesOneOrMany(t *testing.T) {
	for text, want := range map[string]string{"a": "a", "[a, b]": "a, b", "~": "default", "[]": ""} {
		got := Strings{"default"}
		if f := parse(t, text).Decode(&got); len(f) > 0 || got.String() != want {
			t.Errorf("%s: %v, %v", text, got, f)
		}
	}
}

// Limits under names of one's own stand beside options with fixed names.
func TestDecodeRest(t *testing.T) {
	type limit struct {
		Above string `yaml:"above"`
		For   string `yaml:"for"`
	}
	type options struct {
		Interval string           `yaml:"interval"`
		Limits   map[string]limit `yaml:",rest"`
	}
	defaults := map[string]limit{"high": {Above: "90%", For: "30s"}, "low": {Above: "1%"}}
	for text, want := range map[string]options{
		"interval: 5s":                         {Interval: "5s", Limits: defaults},
		"high: {above: 80%}":                   {Limits: map[string]limit{"high": {Above: "80%"}}},
		"high:\nmine: {for: 1s}\ninterval: 1s": {Interval: "1s", Limits: map[string]limit{"high": {}, "mine": {For: "1s"}}},
	} {
		got := options{Limits: defaults}
		if f := parse(t, text).Decode(&got); len(f) > 0 {
			t.Errorf("%q: %v", text, f)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q:\n%s", text, d)
		}
	}
	if defaults["high"].Above != "90%" || len(defaults) != 2 {
		t.Error("a shared default was written")
	}
	faults := lines(parse(t, "intervall: 5s\nhigh: {abov: 1}").Decode(&options{}))
	if want := "f.yaml:1:1: unknown key \"intervall\" (did you mean interval?)\nf.yaml:2:8: unknown key \"abov\" (did you mean above?)"; faults != want {
		t.Error(faults)
	}
}
