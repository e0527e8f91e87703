package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"brine/reactors"

	"github.com/spf13/cobra"
)

// reactorDir is where rules are when master.yaml does not say otherwise.
const reactorDir = "/srv/brine/reactors"

// maxRuleFile bounds a rule file; the loader says what is wrong with one that is cut there.
const maxRuleFiles = 10_000

func newReactorLint(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "lint [PATH ...]", Short: "Check rule files, without a master",
		Long: `Check rule files and folders of them (` + reactorDir + ` when none is named) as the master does when it loads them: all faults of all
files at once, and warnings of what is probably not meant. Exit code 1 if there are faults.`,
		Example: "  brine reactor lint\n  brine reactor lint reactors/motd.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{reactorDir}
			}
			files, err := readRules(args)
			if err != nil {
				return err
			}
			return a.lint(files)
		},
	}
}

func (a *app) lint(files []reactors.Source) error {
	set, faults := loadRules(files)
	p := a.colors()
	if set != nil {
		for _, w := range set.Warnings() {
			fmt.Fprintln(a.out, p.yellow("warning: ")+clean(w.String()))
		}
	}
	for _, f := range faults.Sorted() {
		fmt.Fprintln(a.out, p.red("fault: ")+clean(f.String()))
	}
	if len(faults) > 0 {
		return failf("", "%s in %s", plural(len(faults.Sorted()), "fault"), plural(len(files), "file"))
	}
	fmt.Fprintf(a.out, "%s in %s: no faults\n", plural(len(set.Rules()), "rule"), plural(len(files), "file"))
	return nil
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
		return nil, failf("name the files or the folder: brine reactor lint PATH", "%s does not exist", path)
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
