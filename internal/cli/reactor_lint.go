package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"brine/internal/config"
	"brine/internal/ruletest"
	"brine/reactors"

	"github.com/spf13/cobra"
)

// reactorDir is where rules are when master.yaml does not say otherwise.
const reactorDir = "/srv/brine/reactors"

// maxRuleFile bounds a rule file; the loader says what is wrong with one that is cut there.
const maxRuleFiles = 10_000

func newReactorLint(a *app) *cobra.Command {
	var tests bool
	cmd := &cobra.Command{
		Use: "lint [PATH ...]", Short: "Check rule files, without a master",
		Long: `Check rule files and folders of them (` + reactorDir + ` when none is named) as the master does when it loads them: all faults of all
files at once, and warnings of what is probably not meant: patterns that match nothing, rules that never fire, that trigger each other without end, or
that put the same file right in different ways. Exit code 1 if there are faults.`,
		Example: "  brine reactor lint\n  brine reactor lint reactors/motd.yaml\n  brine reactor lint reactors --tests",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{reactorDir}
			}
			files, err := readRules(args)
			if err != nil {
				return err
			}
			set, faults := loadRules(files)
			var more []reactors.Warning
			if tests {
				if more, err = untested(set, args); err != nil {
					return err
				}
			}
			return a.lint(len(files), set, faults, more)
		},
	}
	cmd.Flags().BoolVar(&tests, "tests", false, "also warn of rules that no test expects anything of")
	return cmd
}

func (a *app) lint(files int, set *reactors.Set, faults config.Faults, more []reactors.Warning) error {
	p := a.colors()
	if set != nil {
		for _, w := range append(slices.Clone(set.Warnings()), more...) {
			fmt.Fprintln(a.out, p.yellow("warning: ")+clean(w.String()))
		}
	}
	for _, f := range faults.Sorted() {
		fmt.Fprintln(a.out, p.red("fault: ")+clean(f.String()))
	}
	if len(faults) > 0 {
		return failf("", "%s in %s", plural(len(faults.Sorted()), "fault"), plural(files, "file"))
	}
	fmt.Fprintf(a.out, "%s in %s: no faults\n", plural(len(set.Rules()), "rule"), plural(files, "file"))
	return nil
}

// untested warns of rules that no test expects anything of. Tests stand beside the rules.
func untested(set *reactors.Set, paths []string) (warnings []reactors.Warning, err error) {
	about := map[string]bool{}
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && !info.IsDir() {
			if p = testOf(p); !isFile(p) {
				continue
			}
		}
		names, err := testNames(p)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, failf("", "%v", err)
			}
			f, faults := ruletest.Parse(name, text)
			if len(faults) > 0 {
				return nil, failf("brine reactor test runs them", "tests cannot be read:\n%v", faults.Err())
			}
			for _, rule := range f.About() {
				about[rule] = true
			}
		}
	}
	for _, r := range set.Rules() {
		if !about[r.Name] {
			warnings = append(warnings, reactors.Warning{File: r.File, Line: r.Line, Column: 1, Msg: "no test expects anything of rule " + r.Name,
				Hint: "tests of it stand in " + filepath.Base(testOf(r.File))})
		}
	}
	return warnings, nil
}

// testOf is the file of tests beside a rule file.
func testOf(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + ruletest.Suffix + ext
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// readRules reads rule files as the master finds them: in folders *.yaml and *.yml, but hidden ones and tests.
func readRules(paths []string) ([]reactors.Source, error) {
	var files []reactors.Source
	for _, p := range paths {
		names, err := ruleNames(p)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, failf("", "%v", err)
			}
			files = append(files, reactors.Source{Name: name, Text: text})
		}
	}
	if len(files) > maxRuleFiles {
		return nil, failf("", "%d files; at most %d", len(files), maxRuleFiles)
	}
	if len(files) == 0 {
		return nil, failf("rule files end in .yaml or .yml", "no rule files at %s", strings.Join(paths, ", "))
	}
	return files, nil
}

func ruleNames(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, failf("name the files, or a folder of them", "%s does not exist", path)
	case err != nil:
		return nil, failf("", "%v", err)
	case !info.IsDir():
		return []string{path}, nil
	}
	var names []string
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		ext := filepath.Ext(name)
		if !d.IsDir() && (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(d.Name(), ".") && !strings.HasSuffix(name, "_test"+ext) {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}
