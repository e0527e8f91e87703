package ruletest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"brine/internal/config"
	"brine/internal/event"
	"brine/reactors"
)

// Bounds of a file of tests.
const (
	maxTests  = 1000
	maxSteps  = 1000 // of one test
	maxRepeat = 10_000
)

// Suffix is what the name of a file of tests ends in, before .yaml or .yml. The master passes such files over.
const Suffix = "_test"

// IsTest reports whether a file is one of tests, by its name.
func IsTest(path string) bool {
	ext := filepath.Ext(path)
	return (ext == ".yaml" || ext == ".yml") && strings.HasSuffix(path, Suffix+ext)
}

// Partner is the rule file that a file of tests stands beside: motd.yaml of motd_test.yaml.
func Partner(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, Suffix+ext) + ext
}

// File is one file of tests, read.
type File struct {
	Name  string   // as faults name it
	Rules []string // paths of the rules that are tested, as the file says them; none: its partner, or else its folder
	tests []*test
}

// start is when a test begins that does not say.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// About lists the rules that the tests expect something of.
func (f *File) About() (rules []string) {
	for _, t := range f.tests {
		for _, s := range t.steps {
			for _, w := range s.wants {
				rules = append(rules, w.Rule)
			}
		}
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

type testsFile struct {
	Rules []string       `yaml:"rules"`
	Tests []*config.Node `yaml:"tests,required"`
}

// test is one test.
type test struct {
	node   *config.Node
	Name   string         `yaml:"name,required"`
	Start  time.Time      `yaml:"start"`
	Grains map[string]any `yaml:"grains"`
	Steps  []*config.Node `yaml:"steps,required"`
	steps  []step
}

// step is one thing that happens in a test, or time that passes, and what is to come of it.
type step struct {
	node    *config.Node
	Event   string         `yaml:"event"`
	Minion  *string        `yaml:"minion"`
	By      string         `yaml:"by"`
	Own     bool           `yaml:"own"`
	Data    any            `yaml:"data"`
	Time    time.Time      `yaml:"time"`
	After   time.Duration  `yaml:"after"`
	Repeat  int            `yaml:"repeat"`
	Advance time.Duration  `yaml:"advance"`
	Until   time.Time      `yaml:"until"`
	Results map[string]any `yaml:"results"`
	Expect  *config.Node   `yaml:"expect"`
	results map[string]reactors.StepResult
	wants   []want
	data    event.Data
}

// Parse reads a file of tests and gives every fault in it.
func Parse(name string, text []byte) (*File, config.Faults) {
	root, faults := config.Parse(name, text)
	if len(faults) > 0 {
		return nil, faults
	}
	var f testsFile
	faults = root.Decode(&f)
	file := &File{Name: name, Rules: f.Rules}
	if len(f.Tests) > maxTests {
		faults = append(faults, root.Fault("%d tests; at most %d", len(f.Tests), maxTests))
		f.Tests = nil
	}
	seen := map[string]int{}
	for _, n := range f.Tests {
		t, found := parseTest(n)
		if line, double := seen[t.Name]; double && t.Name != "" {
			found = append(found, n.Fault("test %q stands on line %d already", t.Name, line))
		}
		seen[t.Name] = n.Line()
		faults = append(faults, found...)
		file.tests = append(file.tests, t)
	}
	return file, faults.Sorted()
}

func parseTest(n *config.Node) (*test, config.Faults) {
	t := &test{node: n, Start: start}
	faults := n.Decode(t)
	for id, g := range t.Grains {
		if _, ok := g.(map[string]any); !ok {
			faults = append(faults, n.Get("grains").Fault("the grains of %q are no map", id).WithHint("such as {web1: {pool: shop}}"))
		}
	}
	if len(t.Steps) > maxSteps {
		return t, append(faults, n.Fault("%d steps; at most %d", len(t.Steps), maxSteps))
	}
	checks := false
	for _, it := range t.Steps {
		s, found := parseStep(it)
		faults = append(faults, found...)
		checks = checks || s.Expect != nil
		t.steps = append(t.steps, s)
	}
	if !checks && len(faults) == 0 {
		faults = append(faults, n.Fault("test %q expects nothing", t.Name).WithHint("expect: beside a step; expect: none, where nothing is to fire"))
	}
	return t, faults
}

func parseStep(n *config.Node) (step, config.Faults) {
	s := step{node: n, Repeat: 1}
	faults := n.Decode(&s)
	fault := func(key, format string, args ...any) {
		at := n
		if v := n.Get(key); v != nil {
			at = v
		}
		faults = append(faults, at.Fault(format, args...))
	}
	kinds := 0
	for _, key := range []string{"event", "advance", "until"} {
		if n.Get(key) != nil {
			kinds++
		}
	}
	if len(faults) == 0 && kinds != 1 {
		fault("", "a step is one of event, advance and until; this has %d of them", kinds)
	}
	for _, p := range n.Pairs() {
		if key := p.Key.Text(); s.Event == "" && !slices.Contains([]string{"event", "advance", "until", "expect", "results"}, key) && len(faults) == 0 {
			faults = append(faults, p.Key.Fault("%s stands beside event only", key))
		}
	}
	if s.Repeat < 1 || s.Repeat > maxRepeat {
		fault("repeat", "repeat: %d; want 1 to %d", s.Repeat, maxRepeat)
	}
	var err error
	if s.Event != "" {
		if err = event.CheckTag(s.Event); err != nil {
			fault("event", "%s", err)
		}
	}
	if s.data, err = event.Encode(s.Data); err != nil {
		fault("data", "%s", err)
	}
	if s.Minion == nil {
		who := senderOf(s.Event)
		s.Minion = &who
	} else if *s.Minion != "" {
		if err := event.CheckMinionID(*s.Minion); err != nil {
			fault("minion", "%s", err)
		}
	}
	s.results, faults = parseResults(n.Get("results"), faults)
	var found config.Faults
	s.wants, found = parseWants(s.Expect)
	return s, append(faults, found...)
}

// senderOf guesses who fires an event: of the tags below brine/, minions fire those of their own beacons, drift and results.
func senderOf(tag string) string {
	seg := strings.Split(tag, "/")
	switch {
	case len(seg) > 3 && seg[0] == "brine" && (seg[1] == "beacon" || seg[1] == "drift"):
		return seg[2]
	case len(seg) == 5 && seg[0] == "brine" && seg[1] == "job" && seg[3] == "ret" && seg[4] != event.Master:
		return seg[4]
	}
	return ""
}

// resultFile is what a step gives, as it is written.
type resultFile struct {
	OK      bool   `yaml:"ok"`
	Changed bool   `yaml:"changed"`
	Error   string `yaml:"error"`
	Exit    int    `yaml:"exit"`
	Stdout  string `yaml:"stdout"`
	Stderr  string `yaml:"stderr"`
	Return  any    `yaml:"return"`
	By      string `yaml:"by"`
}

func parseResults(n *config.Node, faults config.Faults) (map[string]reactors.StepResult, config.Faults) {
	all := map[string]reactors.StepResult{}
	for _, p := range n.Pairs() {
		f := resultFile{OK: true}
		faults = append(faults, p.Value.Decode(&f)...)
		all[p.Key.Text()] = reactors.StepResult{OK: f.OK, Changed: f.Changed, Error: f.Error, Exit: f.Exit, Stdout: f.Stdout, Stderr: f.Stderr, Return: f.Return, By: f.By}
	}
	return all, faults
}

// want is one verdict that is expected.
type want struct {
	node    *config.Node
	Rule    string       `yaml:"rule,required"`
	Outcome string       `yaml:"outcome"`
	Why     string       `yaml:"why"`
	Times   int          `yaml:"times"`
	Jobs    *config.Node `yaml:"jobs"`
	Fires   *config.Node `yaml:"fires"`
}

// outcomes are all of them.
var outcomes = []string{string(reactors.Fired), string(reactors.No), string(reactors.Waiting), string(reactors.Throttled), string(reactors.Error), string(reactors.Own),
	string(reactors.Foreign), string(reactors.Paused), string(reactors.Suspended), string(reactors.Shadow), string(reactors.Deep)}

// nothing is written where no rule is to fire.
const nothing = "none"

// parseWants reads what is expected: none, {none: true}, one verdict or a list of them.
func parseWants(n *config.Node) (wants []want, faults config.Faults) {
	items := n.Items()
	switch {
	case n == nil, n.Kind() == config.Scalar && n.Text() == nothing, n.Kind() == config.Map && n.Get(nothing).Text() == "true" && len(n.Pairs()) == 1:
		return nil, nil
	case n.Kind() == config.Map:
		items = []*config.Node{n}
	case n.Kind() != config.List:
		return nil, config.Faults{n.Fault("want verdicts, not %s", n.Kind()).WithHint("{rule: NAME, ...}, a list of these, or none")}
	}
	for _, it := range items {
		w := want{node: it, Outcome: string(reactors.Fired), Times: 1}
		faults = append(faults, it.Decode(&w)...)
		if !slices.Contains(outcomes, w.Outcome) {
			faults = append(faults, it.Get("outcome").Fault("%q is no outcome", w.Outcome).WithHint(config.Suggest(w.Outcome, outcomes)))
		}
		if w.Times < 1 {
			faults = append(faults, it.Get("times").Fault("times: %d; want 1 or more", w.Times))
		}
		faults = append(faults, checkKeys(w.Jobs, jobKeys)...)
		faults = append(faults, checkKeys(w.Fires, fireKeys)...)
		wants = append(wants, w)
	}
	return wants, faults
}

// The keys of a job and of a fired event, as they are compared.
var (
	jobKeys  = []string{"fun", "name", "tgt", "tgt_type", "args", "text", "on_failure", "failed"}
	fireKeys = []string{"tag", "data"}
)

func checkKeys(n *config.Node, known []string) (faults config.Faults) {
	for _, it := range listOf(n) {
		if it.Kind() != config.Map {
			faults = append(faults, it.Fault("want a map, not %s", it.Kind()).WithHint(fmt.Sprintf("with any of %s", strings.Join(known, ", "))))
		}
		for _, p := range it.Pairs() {
			if !slices.Contains(known, p.Key.Text()) {
				faults = append(faults, config.UnknownKey(p.Key, known))
			}
		}
	}
	return faults
}

// listOf are the entries of a list, or the one that stands for it.
func listOf(n *config.Node) []*config.Node {
	switch n.Kind() {
	case config.List:
		return n.Items()
	case config.Map:
		return []*config.Node{n}
	}
	return nil
}
