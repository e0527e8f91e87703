package doctest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	beaconlist "brine/beacons/all"
	"brine/internal/action"
	actionlist "brine/internal/action/all"
	"brine/internal/config"
	"brine/internal/ruletest"
	"brine/reactors"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiledSchema is the schema of rule files as it stands in the reference.
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(read(t, "docs/reference/rules.schema.json")))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rules.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("rules.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is a file as editors read it.
func asJSON(t *testing.T, where, text string) any {
	t.Helper()
	node, faults := config.Parse(where, []byte(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	blob, err := json.Marshal(node.Value())
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(blob)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSchemaTakesRules: all rules that the documentation shows, the examples and the samples.
func TestSchemaTakesRules(t *testing.T) {
	s := compiledSchema(t)
	texts := map[string]string{}
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			first, _, _ := strings.Cut(b.text, "\n")
			if b.lang == "yaml" && p.path == "docs/writing-reactors.md" && !ruletest.IsTest(first) {
				texts[fmt.Sprintf("%s:%d", p.path, b.line)] = b.text
			}
		}
	}
	for _, m := range actionlist.List() {
		texts["sample of "+m.Name] = m.Sample
	}
	for _, glob := range []string{"examples/*/reactors/*.yaml", "docs/cookbook/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(root, glob))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if text, err := os.ReadFile(path); err != nil {
				t.Error(err)
			} else if !ruletest.IsTest(path) {
				texts[path] = string(text)
			}
		}
	}
	if len(texts) < 20 {
		t.Errorf("only %d texts found", len(texts))
	}
	for where, text := range texts {
		if err := s.Validate(asJSON(t, where, text)); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
}

// TestSchemaRefusesWhatTheLoaderDoes: what an editor marks is what the loader refuses.
func TestSchemaRefusesWhatTheLoaderDoes(t *testing.T) {
	s := compiledSchema(t)
	const do = "  do: [{event.fire: x}]\n"
	step := func(text string) string { return "a:\n  on: x\n  do: [{" + text + "}]\n" }
	on := func(text string) string { return "a:\n  on: " + text + "\n" + do }
	throttle := func(text string) string { return "a:\n  on: x\n  throttle: {" + text + "}\n" + do }
	for _, text := range []string{
		"a: []\n", "a:\n" + do, "a:\n  on: x\n", "'a b':\n  on: x\n" + do,
		"a:\n  on: x\n  wen: y\n" + do, "a:\n  on: x\n  when: [a]\n" + do, "a:\n  on: x\n  from: {a: b}\n" + do, "a:\n  on: x\n  mode: dry\n" + do,
		"a:\n  on: x\n  max_rate: [1]\n" + do, "a:\n  on: x\n  own: perhaps\n" + do, "a:\n  on: x\n  do: 5\n",
		on("[]"), on("{}"), on("{pattern: x, all: [x, y], within: 1m}"), on("{pattern: x, within: 1m}"), on("{pattern: x, count: 3}"), on("{pattern: x, count: 1, within: 1m}"),
		on("{all: [x], within: 1m}"), on("{all: [x, y]}"), on("{sequence: x, within: 1m}"), on("{absent: x, count: 3, within: 1m}"), on("{absent: x}"),
		on("{absent: x, at: '03:00', within: 1m}"), on("[{all: [x, y], within: 1m}]"), on("{all: [{wen: x}, y], within: 1m}"), on("{pattern: x, count: 3, within: 5}"),
		throttle(""), throttle("by: [minion]"), throttle("once_within: 10s, once_after: 10s"), throttle("once_within: 10s, threshold: 3"), throttle("accumulate_within: 10s"), throttle("once_within: soon"),
		step("name: x"), step("event.fire: x, state.apply: y"), step("event.fir: x"), step("event.fire: {data: 5}"), step("event.fire: {tag: x, dat: 5}"), step("event.fire: [x]"),
		step("state.apply: {sl: x}"), step("master.exec: ls -l"), step("master.exec: []"), step("master.exec: {env: {a: b}}"), step("state.apply: x, batch: many"),
		step("state.apply: x, retry: {attempt: 3}"), step("state.apply: x, retry: {attempts: 0}"), step("state.apply: x, name: 'a b'"), step("master.exec: [x], interrupted: never"),
		step("approve: {within: 1h}"), step("approve: {text: x, on_timeout: wait}"), step("fail: ''"), step("http.post: {ur: x}"), step("notify: {slack: {tex: x}}"),
	} {
		if err := s.Validate(asJSON(t, "f", text)); err == nil {
			t.Errorf("the schema takes\n%s", text)
		}
		if _, faults := reactors.Load([]reactors.Source{{Name: "f", Text: []byte(text)}}, action.RuleEnv(beaconlist.List(), actionlist.List())); len(faults) == 0 {
			t.Errorf("the loader takes\n%s", text)
		}
	}
}
