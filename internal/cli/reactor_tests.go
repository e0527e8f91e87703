package cli

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	beaconlist "brine/beacons/all"
	"brine/internal/action"
	actionlist "brine/internal/action/all"
	"brine/internal/config"
	"brine/internal/ruletest"
	"brine/reactors"

	"github.com/spf13/cobra"
)

func newReactorTest(a *app) *cobra.Command {
	var junit, name string
	cmd := &cobra.Command{
		Use: "test [PATH ...]", Short: "Run the tests that are written beside rules, without a master",
		Long: `Run the tests of rules: files *_test.yaml, and all of them in folders (` + reactorDir + ` when none is named). motd_test.yaml tests motd.yaml
beside it, or else all rules of its folder, unless it says which. A test is a history: events, and time that passes between them. The rules
decide as on a master, and what they decide is compared with what the test expects. Nothing is carried out, and no master is asked.

Exit code 1 if a test fails.`,
		Example: "  brine reactor test\n  brine reactor test reactors/motd_test.yaml\n  brine reactor test reactors --junit report.xml",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{reactorDir}
			}
			files, err := testFiles(args)
			if err != nil {
				return err
			}
			suites := make([]ruletest.Suite, 0, len(files))
			rules := ruleSets{}
			for _, f := range files {
				suites = append(suites, rules.suite(f, name))
			}
			if name != "" && !slices.ContainsFunc(suites, func(s ruletest.Suite) bool { return len(s.Results)+len(s.Faults) > 0 }) {
				return failf("", "no test has %q in its name", name)
			}
			if err := writeJUnit(junit, suites); err != nil {
				return err
			}
			return a.showSuites(suites)
		},
	}
	cmd.Flags().StringVar(&junit, "junit", "", "also write the results to a `file`, as the XML that CI servers read")
	cmd.Flags().StringVar(&name, "name", "", "only tests whose name holds this `text`")
	return cmd
}

// testFiles lists the files of tests at some paths.
func testFiles(paths []string) (files []string, err error) {
	for _, p := range paths {
		names, err := testNames(p)
		if err != nil {
			return nil, err
		}
		files = append(files, names...)
	}
	if len(files) == 0 {
		return nil, failf("tests of motd.yaml stand in motd_test.yaml", "no tests at %s", strings.Join(paths, ", "))
	}
	slices.Sort(files)
	files = slices.Compact(files)
	if len(files) > maxRuleFiles {
		return nil, failf("", "%d files of tests; at most %d", len(files), maxRuleFiles)
	}
	return files, nil
}

// testNames lists the files of tests at a path.
func testNames(path string) (names []string, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, failf("name the files or the folder: brine reactor test PATH", "%v", err)
	case !info.IsDir() && !ruletest.IsTest(path):
		return nil, failf("tests of "+path+" stand in "+testOf(path), "%s is no file of tests: their names end in _test.yaml", path)
	case !info.IsDir():
		return []string{path}, nil
	}
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && ruletest.IsTest(name) && !strings.HasPrefix(d.Name(), ".") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return nil, failf("", "%v", err)
	}
	return names, nil
}

// ruleSets are the sets that tests are run against, by the paths that they were read from.
type ruleSets map[string]ruleSet

type ruleSet struct {
	set    *reactors.Set
	faults config.Faults
}

// suite runs one file of tests.
func (s ruleSets) suite(path, name string) ruletest.Suite {
	suite := ruletest.Suite{File: path}
	text, err := os.ReadFile(path)
	if err != nil {
		suite.Faults = config.Faults{{File: path, Msg: err.Error()}}
		return suite
	}
	f, faults := ruletest.Parse(path, text)
	if suite.Faults = faults; len(faults) > 0 {
		return suite
	}
	rules := s.of(rulesOf(f))
	if suite.Faults = rules.faults; len(rules.faults) == 0 {
		suite.Results = f.Run(rules.set, name)
	}
	return suite
}

// rulesOf says where the rules are that a file tests.
func rulesOf(f *ruletest.File) []string {
	dir := filepath.Dir(f.Name)
	if len(f.Rules) == 0 {
		partner := ruletest.Partner(f.Name)
		if _, err := os.Stat(partner); err == nil {
			return []string{partner}
		}
		return []string{dir}
	}
	paths := make([]string, len(f.Rules))
	for i, p := range f.Rules {
		if paths[i] = p; !filepath.IsAbs(p) {
			paths[i] = filepath.Join(dir, p)
		}
	}
	return paths
}

func (s ruleSets) of(paths []string) ruleSet {
	key := strings.Join(paths, "\x00")
	if known, ok := s[key]; ok {
		return known
	}
	var r ruleSet
	files, err := readRules(paths)
	if err != nil {
		r.faults = config.Faults{{File: paths[0], Msg: err.Error()}}
	} else {
		r.set, r.faults = loadRules(files)
	}
	s[key] = r
	return r
}

// loadRules checks rules as the master does.
func loadRules(files []reactors.Source) (*reactors.Set, config.Faults) {
	return reactors.Load(files, action.RuleEnv(beaconlist.List(), actionlist.List()))
}

func writeJUnit(path string, suites []ruletest.Suite) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	if err := ruletest.WriteJUnit(&b, suites); err != nil {
		return err
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return failf("", "%v", err)
	}
	return nil
}

// showSuites says what became of the tests: a line for each file, and what is wrong where something is.
func (a *app) showSuites(suites []ruletest.Suite) error {
	tests, bad, unread := 0, 0, 0
	var all []ruletest.Result
	for _, s := range suites {
		tests, bad = tests+len(s.Results), bad+s.Failed()
		all = append(all, s.Results...)
		if len(s.Faults) > 0 {
			unread++
			all = append(all, ruletest.Result{File: s.File, Name: "load", Failures: s.Faults})
		}
	}
	if done, err := machineList(a, all); done {
		if err != nil || bad == 0 {
			return err
		}
		return failed()
	}
	p := a.colors()
	for _, s := range suites {
		if s.Failed() == 0 {
			if len(s.Results) > 0 { // --name may leave none
				fmt.Fprintf(a.out, "%s %s: %s\n", p.green("ok  "), clean(s.File), plural(len(s.Results), "test"))
			}
			continue
		}
		fmt.Fprintf(a.out, "%s %s\n", p.red("FAIL"), clean(s.File))
		for _, f := range s.Faults.Sorted() {
			fmt.Fprintln(a.out, "  "+clean(f.String()))
		}
		for _, r := range s.Results {
			if r.OK {
				continue
			}
			fmt.Fprintf(a.out, "  %s\n", p.bold(clean(r.Name)))
			for line := range strings.Lines(r.Text()) {
				fmt.Fprint(a.out, "    "+clean(line))
			}
		}
	}
	switch {
	case unread > 0:
		return failf("", "%s could not be read; %d of %s failed", plural(unread, "file"), bad-unread, plural(tests, "test"))
	case bad > 0:
		return failf("", "%d of %s failed", bad, plural(tests, "test"))
	}
	return nil
}
