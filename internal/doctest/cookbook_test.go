package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"brine/internal/ruletest"
	"brine/reactors"
)

// leastRecipes is how many rule files the cookbook has at least.
const leastRecipes = 15

// recipes are the rule files of the cookbook, by name, in order.
func recipes(t *testing.T) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "docs/cookbook/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if !ruletest.IsTest(p) {
			names = append(names, strings.TrimSuffix(filepath.Base(p), ".yaml"))
		}
	}
	return names
}

// TestCookbook: each recipe is in order without a warning, and does what its tests say.
func TestCookbook(t *testing.T) {
	names := recipes(t)
	if len(names) < leastRecipes {
		t.Errorf("%d recipes; want at least %d", len(names), leastRecipes)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			text := read(t, "docs/cookbook/"+name+".yaml")
			set := loadRules(t, []reactors.Source{{Name: name + ".yaml", Text: []byte(text)}}, nil)
			f, faults := ruletest.Parse(name+"_test.yaml", []byte(read(t, "docs/cookbook/"+name+"_test.yaml")))
			if err := faults.Err(); err != nil {
				t.Fatal(err)
			}
			asked := map[string]bool{}
			for _, r := range f.Run(set, "") {
				for _, fault := range r.Failures {
					t.Errorf("%s: %s\n%s", r.Name, fault, strings.Join(r.Got, "\n"))
				}
			}
			for _, rule := range f.About() {
				asked[rule] = true
			}
			for _, rule := range set.Rules() {
				if !asked[rule.Name] {
					t.Errorf("no test asks for the rule %s", rule.Name)
				}
			}
		})
	}
}

// cookbookPage is made of the recipes: the comment at the head of each is its text.
func cookbookPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Cookbook\n\n*This page is made from the files in [docs/cookbook](cookbook) by `go generate ./internal/doctest`.*\n\n" +
		"Rules to copy and change. Each is a file, with its tests beside it; `brine reactor test docs/cookbook` runs them all. How rules work is told in " +
		"[Writing reactors](writing-reactors.md), every key in [the reference](reference/rules.md).\n")
	var list, bodies strings.Builder
	for _, name := range recipes(t) {
		title, text, rule := recipe(t, name)
		anchor := strings.ToLower(strings.NewReplacer(" ", "-", ",", "", ":", "", "'", "").Replace(title))
		fmt.Fprintf(&list, "- [%s](#%s)\n", title, anchor)
		fmt.Fprintf(&bodies, "\n## %s\n\n%s\n```yaml\n%s```\n\nTests: [%s_test.yaml](cookbook/%s_test.yaml).\n", title, text, rule, name, name)
	}
	return b.String() + "\n" + list.String() + bodies.String()
}

// recipe splits a file into the first line of its head, the rest of that, and the rules.
func recipe(t *testing.T, name string) (title, text, rule string) {
	t.Helper()
	lines := strings.SplitAfter(read(t, "docs/cookbook/"+name+".yaml"), "\n")
	i := 0
	for ; i < len(lines) && strings.HasPrefix(lines[i], "#"); i++ {
		line := strings.TrimPrefix(strings.TrimPrefix(lines[i], "#"), " ")
		if i == 0 {
			title = strings.TrimSpace(line)
		} else if i > 1 { // the second is empty
			text += line
		}
	}
	if title == "" || strings.TrimSpace(text) == "" {
		t.Errorf("docs/cookbook/%s.yaml: want a comment at its head: a title, an empty line, and when to use it", name)
	}
	return title, text, strings.TrimLeft(strings.Join(lines[i:], ""), "\n")
}

// TestReferenceCookbook: the page is what the files say.
func TestReferenceCookbook(t *testing.T) {
	path, want := filepath.Join(root, "docs/cookbook.md"), cookbookPage(t)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Error(err)
		}
		return
	}
	if got := read(t, "docs/cookbook.md"); got != want {
		t.Errorf("docs/cookbook.md is not what its files say: run go generate ./internal/doctest\n%s", firstDifference(got, want))
	}
}
