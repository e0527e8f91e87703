package doctest

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	beaconlist "brine/beacons/all"
	"brine/internal/action"
	actionlist "brine/internal/action/all"
	"brine/internal/compile"
	"brine/internal/config"
	"brine/internal/job"
	"brine/internal/master"
	"brine/internal/minion"
	"brine/internal/ruletest"
	"brine/reactors"
	statelist "brine/states/all"
)

// TestRulesInPages loads every yaml block of the guides as a rule file: all of a page's together, for rules of one page may not
// have the same name.
func TestRulesInPages(t *testing.T) {
	for path, least := range map[string]int{"docs/writing-reactors.md": 5} {
		var files []reactors.Source
		var tests []*ruletest.File
		for _, b := range readPage(t, path).blocks {
			where := fmt.Sprintf("%s (block on line %d)", path, b.line)
			switch first, _, _ := strings.Cut(b.text, "\n"); {
			case b.lang != "yaml":
			case ruletest.IsTest(first):
				f, faults := ruletest.Parse(where, []byte(b.text))
				if len(faults) > 0 {
					t.Fatal(faults)
				}
				tests = append(tests, f)
			default:
				files = append(files, reactors.Source{Name: where, Text: []byte(b.text)})
			}
		}
		set := loadRules(t, files, nil)
		for _, f := range tests {
			for _, r := range f.Run(set, "") {
				if !r.OK {
					t.Errorf("%s\n%s", r.Name, r.Text())
				}
			}
		}
		if set != nil && len(set.Rules()) < least {
			t.Errorf("%s has %d rules; want at least %d", path, len(set.Rules()), least)
		}
	}
}

// loadRules loads rule files, which may have neither faults nor warnings. kinds are the fleet's instances, with the kind of each.
func loadRules(t *testing.T, files []reactors.Source, kinds map[string]string) *reactors.Set {
	t.Helper()
	env := action.RuleEnv(beaconlist.List(), actionlist.List())
	for name, kind := range kinds {
		env.Data[name] = env.Data[kind]
	}
	set, faults := reactors.Load(files, env)
	for _, f := range faults {
		t.Errorf("%s", f)
	}
	if set != nil {
		for _, w := range set.Warnings() {
			t.Errorf("%s", w)
		}
	}
	return set
}

// TestStateFilesInPages compiles every sls block of the guides, each as a state file of its own. What a block includes or takes
// content from is made up.
func TestStateFilesInPages(t *testing.T) {
	found := 0
	for _, p := range pages(t) {
		if strings.HasPrefix(p.path, "docs/reference/states/") {
			continue // the modules' samples, which have tests of their own
		}
		for _, b := range p.blocks {
			if b.lang != "sls" {
				continue
			}
			found++
			dir := t.TempDir()
			files := map[string]string{"motd": "Welcome.\n", "common.sls": "{}\n", "motd.sls": "{}\n", "backup.sls": "{}\n", "page.sls": b.text}
			sls := []string{"page"}
			if strings.HasPrefix(b.text, "base:") {
				files["top.sls"], sls = b.text, nil
				delete(files, "page.sls")
			}
			for name, text := range files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			compileAll(t, fmt.Sprintf("%s:%d", p.path, b.line), dir, sls, "web1", "db1")
		}
	}
	if found < 3 {
		t.Errorf("only %d sls blocks found", found)
	}
}

func compileAll(t *testing.T, where, roots string, sls []string, minions ...string) {
	t.Helper()
	c, err := compile.New(compile.Options{FileRoots: []string{roots}, Modules: statelist.List()})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range minions {
		if _, err := c.Compile(context.Background(), id, nil, sls); err != nil {
			t.Errorf("%s, for %s: %v", where, id, err)
		}
	}
}

// TestMasterConfigurationsInPages reads every yaml block of the guides that begins with "# master.yaml" as the master does.
func TestMasterConfigurationsInPages(t *testing.T) {
	found := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.lang != "yaml" || !strings.HasPrefix(b.text, "# master.yaml\n") {
				continue
			}
			found++
			path := filepath.Join(t.TempDir(), "master.yaml")
			if err := os.WriteFile(path, []byte(b.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := master.LoadConfig(path); err != nil {
				t.Errorf("%s:%d: %v", p.path, b.line, err)
			}
		}
	}
	if found == 0 {
		t.Error("no configuration of a master found")
	}
}

// TestExampleFilesLoad reads every file of the examples as the daemons do.
func TestExampleFilesLoad(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(root, "examples/*/"))
	if err != nil || len(dirs) < 4 {
		t.Fatalf("examples: %v, %v", dirs, err)
	}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		if _, err := master.LoadConfig(filepath.Join(dir, "master.yaml")); err != nil {
			t.Error(err)
		}
		configs, _ := filepath.Glob(filepath.Join(dir, "minion*.yaml"))
		for _, path := range configs {
			checkMinion(t, path)
		}
		var rules []reactors.Source
		files, _ := filepath.Glob(filepath.Join(dir, "reactors/*.yaml"))
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			rules = append(rules, reactors.Source{Name: path, Text: text})
		}
		fleet, err := master.LoadBeacons([]string{filepath.Join(dir, "beacons")}, beaconlist.List())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		loadRules(t, rules, fleet.Kinds())
		sls, _ := filepath.Glob(filepath.Join(dir, "states/*.sls"))
		for _, path := range sls {
			if name := strings.TrimSuffix(filepath.Base(path), ".sls"); name != "top" {
				compileAll(t, path, filepath.Join(dir, "states"), []string{name}, "web1")
			} else {
				compileAll(t, path, filepath.Join(dir, "states"), nil, "web1", "db1")
			}
		}
	}
}

// checkMinion reads a minion's configuration; one that is completed by a token of its own run gets trust_on_first_use here.
func checkMinion(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "trust_on_first_use") {
		text = append(text, "trust_on_first_use: true\n"...)
	}
	copied := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(copied, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := minion.LoadConfig(copied, beaconlist.List()); err != nil {
		t.Error(err)
	}
}

// TestBeaconSamples decodes each beacon's sample as the minion does.
func TestBeaconSamples(t *testing.T) {
	for _, m := range beaconlist.List() {
		node, faults := config.Parse(m.Name+"/sample.yaml", []byte(m.Sample))
		if len(faults) > 0 {
			t.Error(faults.Err())
			continue
		}
		if faults := node.Get(m.Name).Decode(m.Config()); len(faults) > 0 {
			t.Error(faults.Err())
		}
	}
}

// TestRulePageIsComplete: every key that a rule file may have stands in the page on rules, and every key there is one.
func TestRulePageIsComplete(t *testing.T) {
	known := yamlKeys(t, "reactors")
	text := readPage(t, "docs/reference/rules.md").prose
	for _, key := range known {
		if !regexp.MustCompile("`[^`]*\\b" + regexp.QuoteMeta(key) + "\\b[^`]*`").MatchString(text) {
			t.Errorf("docs/reference/rules.md says nothing of %q", key)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| ").FindAllStringSubmatch(text, -1) {
		if !slices.Contains(known, m[1]) && !slices.Contains([]string{"data", "tag", "minion", "by", "events", "grains", "own", "time", "steps"}, m[1]) &&
			!slices.Contains([]string{job.StateApply, job.EventFire, job.MasterExec, reactors.Approve, reactors.Fail, reactors.Stop}, m[1]) {
			t.Errorf("docs/reference/rules.md describes %q, which is neither a key nor a variable", m[1])
		}
	}
}

// TestStatePageIsComplete: the arguments that every state has stand in the guide.
func TestStatePageIsComplete(t *testing.T) {
	_, list, ok := strings.Cut(read(t, "internal/compile/state.go"), "var common = []string{")
	list, _, _ = strings.Cut(list, "}")
	if !ok {
		t.Fatal("internal/compile/state.go no longer lists the arguments that every state has")
	}
	text := readPage(t, "docs/states.md").prose
	for _, m := range regexp.MustCompile(`"([a-z_]+)"`).FindAllStringSubmatch(list, -1) {
		if !strings.Contains(text, "| `"+m[1]+"` |") {
			t.Errorf("docs/states.md says nothing of the argument %s, which every state has", m[1])
		}
	}
}

// yamlKeys are the keys that the structs of a package read.
func yamlKeys(t *testing.T, path string) []string {
	t.Helper()
	var keys []string
	for _, typ := range packageAt(t, path).types {
		ast.Inspect(typ.Decl, func(n ast.Node) bool {
			f, ok := n.(*ast.Field)
			if !ok || f.Tag == nil {
				return true
			}
			tag, _ := strconv.Unquote(f.Tag.Value)
			if name, _, _ := strings.Cut(reflect.StructTag(tag).Get("yaml"), ","); name != "" && name != "-" {
				keys = append(keys, name)
			}
			return true
		})
	}
	if len(keys) < 10 {
		t.Errorf("only %d keys found in %s", len(keys), path)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// TestTagPageIsComplete: every tag that the code makes stands in the page on tags.
func TestTagPageIsComplete(t *testing.T) {
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(brine/[^`]+)` \\|").FindAllStringSubmatch(read(t, "docs/reference/tags.md"), -1) {
		documented = append(documented, m[1])
	}
	made := tagsMade(t)
	if len(made) < 12 {
		t.Errorf("only %d tags found in the code: %q", len(made), made)
	}
	for _, tag := range made {
		if !slices.ContainsFunc(documented, func(d string) bool { return sameTag(d, tag) }) {
			t.Errorf("the code fires %s (x is what differs): add it to docs/reference/tags.md", tag)
		}
	}
}

// sameTag compares a tag of the page, in which <name> stands for what differs, with one put together by the code, in which that is x.
func sameTag(documented, made string) bool {
	d, m := strings.Split(documented, "/"), strings.Split(made, "/")
	for i := range d {
		switch {
		case d[i] == "<detail>":
			return len(m) >= i+1
		case i >= len(m) || d[i] != m[i] && d[i][0] != '<' && m[i] != "x":
			return false
		}
	}
	return len(d) == len(m)
}

// tagsMade are the tags below brine/ that the roles put together, with x for what differs.
func tagsMade(t *testing.T) []string {
	t.Helper()
	var tags []string
	for _, path := range []string{"internal/master", "internal/minion"} {
		consts := map[string]string{}
		p := packageAt(t, path)
		for _, c := range p.Consts {
			for _, spec := range c.Decl.Specs {
				vs := spec.(*ast.ValueSpec)
				for i, n := range vs.Names {
					if i < len(vs.Values) {
						consts[n.Name] = flat(vs.Values[i], consts)
					}
				}
			}
		}
		eachFunc(p, func(n ast.Node) {
			if e, ok := n.(*ast.BinaryExpr); ok && e.Op == token.ADD || isText(n) {
				if tag := flat(n.(ast.Expr), consts); strings.HasPrefix(tag, "brine/") && strings.Count(tag, "/") > 1 && !strings.HasSuffix(tag, "/") {
					tags = append(tags, regexp.MustCompile(`%[a-z]`).ReplaceAllString(tag, "x"))
				}
			}
		})
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

func isText(n ast.Node) bool {
	lit, ok := n.(*ast.BasicLit)
	return ok && lit.Kind == token.STRING
}

// flat is a text that is put together with +, with x for every part that is no literal and no constant.
func flat(e ast.Expr, consts map[string]string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return s
		}
	case *ast.BinaryExpr:
		return flat(e.X, consts) + flat(e.Y, consts)
	case *ast.Ident:
		if s, ok := consts[e.Name]; ok {
			return s
		}
	}
	return "x"
}

// eachFunc visits the outermost expressions of all functions of a package.
func eachFunc(p *goPackage, visit func(ast.Node)) {
	walk := func(d *ast.FuncDecl) {
		ast.Inspect(d, func(n ast.Node) bool {
			if n == nil {
				return false
			}
			visit(n)
			_, whole := n.(*ast.BinaryExpr)
			return !whole // its parts are no tags of their own
		})
	}
	for _, f := range p.Funcs {
		walk(f.Decl)
	}
	for _, typ := range p.types {
		for _, f := range slices.Concat(typ.Funcs, typ.Methods) {
			walk(f.Decl)
		}
	}
}
