package ruletest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/reactors"
)

const rules = `
restore:
  on: brine/beacon/*/file/etc/motd
  when: data.change != 'removed'
  throttle: {once_within: 10s, by: [minion]}
  do: [{state.apply: motd}]
pool:
  on: pool/full
  from: web*
  when: grains.pool == 'shop'
  do: [{event.fire: {tag: "ops/${grains.pool}", data: {n: 1, from: "${minion}"}}}]
grown:
  on: ops/*
  do: [{master.exec: [/bin/grow, "${data.from}"]}]
steps:
  on: ops/deploy
  do:
    - {master.exec: [/bin/check], name: check}
    - {approve: "go on?", name: ask}
    - {master.exec: [/bin/go, "${steps.check.stdout}"]}
  on_failure:
    - event.fire: {tag: failed/deploy, data: {why: "${steps.failed.error}"}}
night:
  on: {absent: backup/done, at: "03:00", since: "22:00"}
  do: [{event.fire: told/missing}]
broken:
  on: broken
  do: [{event.fire: {tag: x, data: "${data.missing}"}}]
circle-a:
  on: circle/a
  do: [{event.fire: circle/b}]
circle-b:
  on: circle/b
  do: [{event.fire: circle/a}]
often:
  on: tick
  max_rate: 2/1m
  do: [{state.apply: motd, tgt: web1}]
dry:
  on: dry
  mode: shadow
  do: [{state.apply: motd, tgt: web1}]
`

func load(t testing.TB, text string) *reactors.Set {
	t.Helper()
	set, faults := reactors.Load([]reactors.Source{{Name: "r.yaml", Text: []byte(text)}}, reactors.Env{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return set
}

// steps makes a file of one test.
func steps(text string) string {
	return "tests:\n- name: t\n  grains: {web1: {pool: shop}, web2: {pool: none}}\n  steps:\n" + text
}

func TestRun(t *testing.T) {
	const edit = "  - {event: brine/beacon/web1/file/etc/motd, data: {change: modified}, "
	for name, c := range map[string]struct {
		text string
		bad  []string // what the failures hold, in order; none when the test passes
	}{
		"fires":                            {text: edit + "expect: {rule: restore, jobs: {fun: state.apply, tgt: web1, args: {sls: [motd]}}}}"},
		"what is left out is not compared": {text: edit + "expect: {rule: restore}}"},
		"another argument": {edit + "expect: {rule: restore, jobs: {args: {sls: [moth]}}}}",
			[]string{`f:5:116: rule restore: job 1: args.sls[0]: want "moth", got "motd"`}},
		"a shorter list": {edit + "expect: {rule: restore, jobs: {args: {sls: [motd, more]}}}}", []string{`args.sls: want ["motd","more"], got ["motd"]`}},
		"suspended, and resumed": {text: "  - {event: tick, repeat: 3, expect: [{rule: often, times: 2}, {rule: often, outcome: suspended}]}\n" +
			"  - {advance: 5m, expect: {rule: often, why: would have fired, jobs: {tgt: web1}}}"},
		"another number of jobs":  {edit + "expect: {rule: restore, jobs: []}}", []string{"want 0 jobs, got 1"}},
		"a key that is not there": {edit + "expect: {rule: restore, jobs: {args: {test: true}}}}", []string{"args.test: want true, there is none"}},
		"fires and should not":    {edit + "expect: none}", []string{"rule restore fired, which is not expected"}},
		"no rule of that name":    {edit + "expect: {rule: restor}}", []string{`there is no rule "restor" (did you mean restore?)`, "which is not expected"}},
		"does not fire": {"  - {event: brine/beacon/web1/file/etc/motd, data: {change: removed}, expect: {rule: restore}}",
			[]string{`want fired, got no: data.change != 'removed' is false (data.change = "removed")`}},
		"does not match":  {"  - {event: brine/beacon/web1/file/etc/hosts, expect: {rule: restore}}", []string{`segment 6 is "hosts", not "motd"`}},
		"held, then runs": {text: edit + "}\n" + edit + "after: 2s, expect: {rule: restore, outcome: throttled}}\n  - {advance: 10s, expect: {rule: restore}}"},
		"not yet":         {edit + "}\n" + edit + "after: 2s}\n  - {advance: 7s, expect: {rule: restore}}", []string{"no timer of its has expired"}},
		"repeated":        {text: edit + "after: 1s, repeat: 3, expect: [{rule: restore}, {rule: restore, outcome: throttled, times: 2}]}"},
		"too few": {edit + "after: 1s, repeat: 3, expect: [{rule: restore}, {rule: restore, outcome: throttled, times: 3}]}",
			[]string{"want throttled 3 times, was 2 times"}},
		"a chain, with grains": {text: "  - {event: pool/full, minion: web1, expect: [{rule: pool, fires: {tag: ops/shop, data: {n: 1}}}, {rule: grown, jobs: {args: {argv: [/bin/grow, web1]}}}]}"},
		"other grains":         {text: "  - {event: pool/full, minion: web2, expect: {rule: pool, outcome: no, why: grains.pool}}"},
		"another reason":       {"  - {event: pool/full, minion: web2, expect: {rule: pool, outcome: no, why: tag}}", []string{`want a reason with "tag"`}},
		"foreign":              {text: "  - {event: pool/full, minion: db1, expect: {rule: pool, outcome: foreign}}"},
		"own":                  {text: edit + "own: true, expect: {rule: restore, outcome: own}}"},
		"results":              {text: "  - {event: ops/deploy, results: {check: {stdout: all}}, expect: [{rule: grown, outcome: error}, {rule: steps, fires: [], jobs: [{name: check}, {name: ask, text: 'go on?'}, {args: {argv: [/bin/go, all]}}]}]}"},
		"a step fails":         {text: "  - {event: ops/deploy, data: {from: x}, results: {check: {ok: false, error: bad}}, expect: [{rule: grown}, {rule: steps, jobs: {name: check}, fires: {data: {why: bad}}}]}"},
		"denied":               {text: "  - {event: ops/deploy, data: {from: x}, results: {ask: {ok: false}}, expect: [{rule: grown}, {rule: steps, jobs: [{name: check}, {name: ask}], fires: []}]}"},
		"an error":             {"  - {event: broken}\n  - {advance: 1s, expect: none}", []string{"rule broken failed: "}},
		"an error, wanted":     {text: "  - {event: broken, expect: {rule: broken, outcome: error}}"},
		"what was missed":      {text: "  - {advance: 3h, expect: {rule: night}}"},
		"a circle":             {text: "  - {event: circle/a, expect: [{rule: circle-a, times: 4}, {rule: circle-b, times: 4}, {rule: circle-a, outcome: deep}]}"},
		"shadow":               {text: "  - {event: dry, expect: {rule: dry, outcome: shadow, jobs: {tgt: web1}}}"},
		"back in time":         {"  - {advance: 1h, expect: none}\n  - {until: 2026-01-01T00:30:00Z}", []string{"it is 2026-01-01 01:00:00 already"}},
	} {
		t.Run(name, func(t *testing.T) {
			f, faults := Parse("f", []byte(steps(c.text)))
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			r := f.Run(load(t, rules), "")[0]
			if len(r.Failures) != len(c.bad) || r.OK != (len(c.bad) == 0) {
				t.Fatalf("ok is %v, want %d failures:\n%s", r.OK, len(c.bad), r.Text())
			}
			for i, want := range c.bad {
				if got := r.Failures[i].String(); !strings.Contains(got, want) {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			}
		})
	}
}

func TestParseFaults(t *testing.T) {
	for text, want := range map[string]string{
		"tests: []\nrule: x":                                                                     `unknown key "rule"`,
		"rules: []":                                                                              `"tests" is required`,
		"tests: [{name: a}]":                                                                     `"steps" is required`,
		"tests: [{name: a, steps: []}]":                                                          `test "a" expects nothing`,
		steps("  - {expect: none}"):                                                              "a step is one of event, advance and until; this has 0",
		steps("  - {event: a, advance: 1s}"):                                                     "this has 2",
		steps("  - {advance: 1s, data: {}, expect: none}"):                                       "data stands beside event only",
		steps("  - {event: 'a//b', expect: none}"):                                               "empty segment",
		steps("  - {event: a, minion: '/', expect: none}"):                                       "minion id",
		steps("  - {event: a, repeat: 0, expect: none}"):                                         "repeat: 0",
		steps("  - {event: a, expect: nothing}"):                                                 "want verdicts",
		steps("  - {event: a, expect: {rule: x, outcome: fire}}"):                                `"fire" is no outcome (did you mean fired?)`,
		steps("  - {event: a, expect: {rule: x, jobs: {function: x}}}"):                          `unknown key "function"`,
		steps("  - {event: a, expect: {rule: x, fires: [ops/x]}}"):                               "want a map, not",
		steps("  - {event: a, expect: {rule: x, times: 0}}"):                                     "times: 0",
		steps("  - {event: a, results: {x: {okay: true}}, expect: none}"):                        `unknown key "okay"`,
		steps("  - {event: a, expect: none}\n- {name: t, steps: [{advance: 1s, expect: none}]}"): "stands on line 2 already",
	} {
		if _, faults := Parse("f", []byte(text)); !strings.Contains(faults.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, faults, want)
		}
	}
}

// TestAdvanceIsBounded: what never comes to rest ends with an error.
func TestAdvanceIsBounded(t *testing.T) {
	p := NewPlayer(load(t, "silent:\n  on: {absent: beat, within: 1m, by: [data.n]}\n  do: [{event.fire: silent}]\n"), reactors.World{}, start)
	for i := range maxRound {
		data, _ := event.Encode(map[string]int{"n": i})
		if _, err := p.Show(event.Event{Tag: "beat", Data: data, Time: start}, start); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Advance(start.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "at one go") {
		t.Errorf("got %v", err)
	}
}

func TestWriteJUnit(t *testing.T) {
	f, _ := Parse("f", []byte(steps("  - {event: broken, expect: none}")))
	_, faults := Parse("g", []byte("x: 1"))
	suites := []Suite{{File: "f", Results: f.Run(load(t, rules), "")}, {File: "g", Faults: faults}}
	var b bytes.Buffer
	if err := WriteJUnit(&b, suites); err != nil {
		t.Fatal(err)
	}
	var back xmlSuites
	if err := xml.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(back.Tests, back.Failures, back.Errors, len(back.Suites), strings.Contains(back.Suites[0].Cases[0].Failure.Text, "f:5:"))
	if got != "2 1 1 2 true" {
		t.Errorf("got %s\n%s", got, b.String())
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(steps("  - {event: brine/beacon/web1/file/etc/motd, data: {change: modified}, repeat: 3, after: 1s, expect: {rule: restore, jobs: {tgt: web1}}}")))
	f.Add([]byte(steps("  - {advance: 3h, results: {a: {ok: no}}, expect: [{rule: night, times: 2}]}")))
	set := load(f, rules)
	f.Fuzz(func(t *testing.T, text []byte) {
		if file, faults := Parse("f", text); len(faults) == 0 && len(text) < 1000 {
			for _, r := range file.Run(set, "") {
				_ = r.Text()
			}
		}
	})
}
