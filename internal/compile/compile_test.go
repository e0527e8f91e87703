package compile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"brine/internal/config"
	"brine/internal/job"
	"brine/states"
)

// nop is a state that does nothing: what is tested here is what it is given.
type nop struct {
	Name   string         `yaml:"name" json:"name"`
	Mode   string         `yaml:"mode" json:"mode,omitempty"`
	Wait   time.Duration  `yaml:"wait" json:"wait,omitempty"`
	Source *states.Source `yaml:"source" json:"source,omitempty"`
}

func (n *nop) Validate() error {
	if len(n.Mode) == 1 {
		return fmt.Errorf("mode %q is too short", n.Mode)
	}
	return nil
}
func (*nop) Check(context.Context, states.Env) (states.Changes, error) { return nil, nil }
func (*nop) Apply(context.Context, states.Env, states.Changes) error   { return nil }
func (n *nop) Sources() []*states.Source {
	if n.Source == nil {
		return nil
	}
	return []*states.Source{n.Source}
}

func module(name string, functions ...string) states.Module {
	m := states.Module{Name: name, Functions: map[string]func() states.State{}}
	for _, f := range functions {
		m.Functions[f] = func() states.State { return new(nop) }
	}
	return m
}

var modules = []states.Module{module("test", "nop", "other"), module("x", "nop")}

// tree writes files below a new folder.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func newCompiler(t testing.TB, roots ...string) *Compiler {
	t.Helper()
	c, err := New(Options{FileRoots: roots, Modules: modules})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// compile gives the states in short, one a line: SLS ID FUN NAME <- indices required.
func compile(t testing.TB, c *Compiler, sls ...string) (string, error) {
	t.Helper()
	low, err := c.Compile(context.Background(), "web1", nil, sls)
	var b strings.Builder
	for i, l := range low.States {
		fmt.Fprintf(&b, "%d %s %s %s %s", i, l.SLS, l.ID, l.Fun, l.Name)
		if len(l.Require) > 0 {
			fmt.Fprintf(&b, " <- %v", l.Require)
		}
		b.WriteString("\n")
	}
	return b.String(), err
}

func TestForms(t *testing.T) {
	tests := []struct{ what, sls, want string }{
		{"a list of arguments", "a:\n  test.nop:\n    - mode: 0644\n    - name: n\n", "0 s a test.nop n\n"},
		{"a map of arguments", "a:\n  test.nop: {mode: '0644'}\n", "0 s a test.nop a\n"},
		{"no arguments", "a:\n  test.nop:\nb:\n  test.nop: []\nc: test.nop\n", "0 s a test.nop a\n1 s b test.nop b\n2 s c test.nop c\n"},
		{"the older form", "a:\n  test:\n    - nop\n    - name: n\nb:\n  test: other\n", "0 s a test.nop n\n1 s b test.other b\n"},
		{"two modules", "a:\n  test.nop: []\n  x.nop: []\n", "0 s a test.nop a\n1 s a x.nop a\n"},
		{"names", "a:\n  test.nop:\n    - names: [n, m]\n", "0 s a test.nop n\n1 s a test.nop m\n"},
		{"an empty file", "", ""},
		{"numbers as ids", "1:\n  test.nop: []\nyes:\n  test.nop: []\n", "0 s 1 test.nop 1\n1 s yes test.nop yes\n"},
		{"an anchor", "a: &a\n  test.nop: [mode: '0600']\nb: *a\n", "0 s a test.nop a\n1 s b test.nop b\n"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			got, err := compile(t, newCompiler(t, tree(t, map[string]string{"s.sls": tt.sls})), "s")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestArgumentsReachTheMinion(t *testing.T) {
	dir := tree(t, map[string]string{"s.sls": "a:\n  test.nop:\n    - mode: 0644\n    - wait: 5m\n    - source: salt://f/g\n", "f/g": "hello"})
	low, err := newCompiler(t, dir).Compile(context.Background(), "web1", nil, []string{"s"})
	if err != nil {
		t.Fatal(err)
	}
	const hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	var got nop
	if err := low.States[0].Args.Decode(&got); err != nil {
		t.Fatal(err)
	}
	want := nop{Name: "a", Mode: "0644", Wait: 5 * time.Minute, Source: &states.Source{URL: "salt://f/g", Hash: hash, Size: 5}}
	if d := cmp.Diff(want, got) + cmp.Diff([]job.Content{{Hash: hash, Size: 5}}, low.States[0].Content) + cmp.Diff([]string{"s"}, low.Source); d != "" {
		t.Error(d)
	}
	if low.Hash != job.HashStates(low.States) {
		t.Error("hash")
	}
}

func TestFaults(t *testing.T) {
	tests := []struct{ what, sls, want string }{
		{"everything at once", "a:\n  test.nop:\n    - moed: '0644'\n    - mode: '1'\nb:\n  test.nup: []\nc:\n  test.nop:\n    - mode: 5\n    - wait: 5\n",
			`s.sls:3:7: state "a": unknown argument "moed" of test.nop (did you mean mode?)
s.sls:4:13: state "a": mode "1" is too short
s.sls:6:3: state "b": unknown function "test.nup" (did you mean test.nop?)
s.sls:10:13: state "c": "5" is no duration: want a number and its unit, such as 30s, 5m, 7d`},
		{"an unknown module", "a:\n  tset.nop: []\n", `s.sls:2:3: state "a": unknown function "tset.nop" (did you mean test.nop?)`},
		{"no function", "a:\n  test: []\n", `s.sls:2:3: state "a": "test" names no function (want module.function, such as file.managed)`},
		{"nothing", "a:\nb: {}\n", "s.sls:1:1: state \"a\": no function, such as file.managed\ns.sls:2:1: state \"b\": no function, such as file.managed"},
		{"a list of functions", "a:\n  - test.nop\n", `s.sls:2:3: state "a": want a map of functions, such as file.managed, not a list`},
		{"one module twice", "a:\n  test.nop: []\n  test.other: []\n", `s.sls:3:3: state "a": a second function of test; the first is on line 2 (give it an id of its own)`},
		{"an argument twice", "a:\n  test.nop:\n    - mode: '0644'\n    - mode: '0600'\n", `s.sls:4:7: state "a": the key "mode" stands here a second time; first on line 3`},
		{"an entry too long", "a:\n  test.nop:\n    - mode: '0644'\n      name: b\n", `s.sls:3:7: state "a": one argument an entry, not 2 (begin each with its own '-')`},
		{"of Salt's, but not there", "a:\n  test.nop:\n    - enforce: true\n    - watch: [x: b]\n", `s.sls:3:16: state "a": this state cannot be enforced: no beacon would notice that it drifts
s.sls:4:7: state "a": the argument "watch" is not supported`},
		{"misspelt require", "a:\n  test.nop:\n    - requires: [b]\n", `s.sls:3:7: state "a": unknown argument "requires" of test.nop (did you mean require?)`},
		{"extend", "extend:\n  a: {}\n", `s.sls:1:1: SLS "s": extend is not supported`},
		{"a list", "- a\n", `s.sls:1:1: SLS "s": want a map of state ids, not a list`},
		{"a template", "{% set x = 1 %}\na:\n  test.nop: []\n", `s.sls:1:1: this looks like a Jinja template, which is not rendered here (write plain YAML)`},
		{"a value from a template", "a:\n  test.nop:\n    - name: {{ x }}\n", `s.sls:3:13: this looks like a Jinja template, which is not rendered here (write plain YAML)`},
		{"half written", "a:\n  test.nop:\n    - name: \"abc", `s.sls:3:13: this quote is never closed`},
		{"no such state", "aaa:\n  test.nop: []\nb:\n  test.nop:\n    - require:\n      - test: aab\n      - x: aaa\n      - zzz\n",
			`s.sls:6:15: state "b": requires "test: aab", which is no state of this run (did you mean aaa?)
s.sls:7:12: state "b": requires "x: aaa", which is no state of this run (there is test: aaa)
s.sls:8:9: state "b": requires "zzz", which is no state of this run`},
		{"no such SLS", "a:\n  test.nop:\n    - require: [sls: other]\n", `s.sls:3:22: state "a": requires the SLS "other", which is not part of this run (include it)`},
		{"a requisite that is none", "a:\n  test.nop:\n    - require:\n      - {a: 1, b: 2}\n      - x: [y]\n",
			`s.sls:4:9: state "a": a requisite is written module: id, such as file: /etc/motd; or sls: name; or an id
s.sls:5:9: state "a": a requisite is written module: id, such as file: /etc/motd; or sls: name; or an id`},
		{"a ring", "a:\n  test.nop:\n    - require: [b]\nb:\n  test.nop:\n    - require: [x: c]\nc:\n  x.nop:\n    - require: [a]\n",
			`s.sls:9:17: state "c": requisites form a ring: test.nop: a -> test.nop: b -> x.nop: c -> test.nop: a`},
		{"a ring of one", "a:\n  test.nop:\n    - require: [test: a]\n", `s.sls:3:23: state "a": requisites form a ring: test.nop: a -> test.nop: a`},
		{"a ring through require_in", "a:\n  test.nop:\n    - require: [b]\n    - require_in: [b]\nb: test.nop\n", `s.sls:4:20: state "b": requisites form a ring: test.nop: a -> test.nop: b -> test.nop: a`},
		{"sources", "a:\n  test.nop:\n    - source: brine://no\nb:\n  test.nop:\n    - source: brine://../x\nc:\n  test.nop:\n    - source: /etc/motd\nd:\n  test.nop:\n    - source: brine://top.sls/\n",
			`s.sls:3:15: state "a": source "brine://no": there is no such file in the file roots (looked in ROOT)
s.sls:6:15: state "b": source "brine://../x": leads out of the file roots
s.sls:9:15: state "c": source "/etc/motd": want brine://path or salt://path below the file roots
s.sls:12:15: state "d": source "brine://top.sls/": want the path of a file`},
		{"includes", "include: [common, .., 'a/b', [x], ...y]\n",
			`s.sls:1:11: SLS "common": there is neither common.sls nor common/init.sls (looked in ROOT)
s.sls:1:19: include: ".." leads out of the file roots
s.sls:1:23: SLS "a/b": want letters, digits, '_', '-', and dots between folders
s.sls:1:30: include: want the name of an SLS, not a list
s.sls:1:35: include: "...y" leads out of the file roots`},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			dir := tree(t, map[string]string{"s.sls": tt.sls})
			got, err := compile(t, newCompiler(t, dir), "s")
			if got != "" {
				t.Errorf("compiled to %s", got)
			}
			var faults config.Faults
			if !errors.As(err, &faults) {
				t.Fatalf("%T %v", err, err)
			}
			text := strings.ReplaceAll(strings.ReplaceAll(err.Error(), dir+"/", ""), dir, "ROOT")
			if d := cmp.Diff(tt.want, text); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNamesFromOutside(t *testing.T) {
	dir := tree(t, map[string]string{"root/s.sls": "a: test.nop\n", "secret.sls": "b: test.nop\n"})
	for _, name := range []string{"", ".", "..secret", "../secret", "s/", "/s", "s.sls/..", "a..b", ".s", "s\x00", strings.Repeat("a", 300), "s\n"} {
		if got, err := compile(t, newCompiler(t, dir+"/root"), name); err == nil {
			t.Errorf("%q: %s", name, got)
		}
	}
}

func TestOrder(t *testing.T) {
	tests := []struct{ what, sls, want string }{
		{"as written", "c: test.nop\na: test.nop\nb: test.nop\n", "0 s c test.nop c\n1 s a test.nop a\n2 s b test.nop b\n"},
		{"what is required comes right before", "a:\n  test.nop: [require: [test: d]]\nb: test.nop\nc: test.nop\nd: test.nop\n",
			"0 s d test.nop d\n1 s a test.nop a <- [0]\n2 s b test.nop b\n3 s c test.nop c\n"},
		{"require_in", "a: test.nop\nb:\n  test.nop: [require_in: [a]]\n", "0 s b test.nop b\n1 s a test.nop a <- [0]\n"},
		{"by name, by id, by map, twice", "a:\n  test.nop: [name: n]\nb:\n  test.nop: [require: {test: n}]\nc:\n  test.nop: [require: [n, a, id: a, test: a]]\n",
			"0 s a test.nop n\n1 s b test.nop b <- [0]\n2 s c test.nop c <- [0]\n"},
		{"all of an id's names", "a:\n  test.nop: [names: [n, m]]\nb:\n  test.nop: [require: [test: a, x: a]]\n  x.nop: [require: [test: m]]\n" + "c:\n  x.nop: [name: a]\n",
			"0 s a test.nop n\n1 s a test.nop m\n2 s c x.nop a\n3 s b test.nop b <- [0 1 2]\n4 s b x.nop b <- [1]\n"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			got, err := compile(t, newCompiler(t, tree(t, map[string]string{"s.sls": tt.sls})), "s")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestIncludes(t *testing.T) {
	one := tree(t, map[string]string{
		"web/init.sls":    "include: [.php, common, db.pg]\nweb:\n  test.nop: [require: [sls: all]]\n",
		"web/php.sls":     "include: [.x.y, ..web]\nphp: test.nop\n",
		"web/x/y.sls":     "y: test.nop\n",
		"common.sls":      "include: all\ncommon: test.nop\n",
		"all.sls":         "include: [db.pg, db.my]\n",
		"db/pg/init.sls":  "include: [.sub, ..my]\npg: test.nop\n",
		"db/pg/sub.sls":   "sub: test.nop\n",
		"db/my.sls":       "my: test.nop\n",
		"both.sls":        "file: test.nop\n",
		"both/init.sls":   "folder: test.nop\n",
		"db/my/dummy.txt": "",
	})
	two := tree(t, map[string]string{"common.sls": "other: test.nop\n", "only.sls": "only: test.nop\n"})
	c := newCompiler(t, one, filepath.Join(one, "none"), two)
	got, err := compile(t, c, "web", "only", "both", "web")
	if err != nil {
		t.Fatal(err)
	}
	want := `0 web.x.y y test.nop y
1 web.php php test.nop php
2 db.pg.sub sub test.nop sub
3 db.my my test.nop my
4 db.pg pg test.nop pg
5 common common test.nop common
6 web web test.nop web <- [3 4]
7 only only test.nop only
8 both file test.nop file
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	low, _ := c.Compile(context.Background(), "web1", nil, []string{"only"})
	if d := cmp.Diff([]string{"only"}, low.Source); d != "" {
		t.Error(d)
	}
}

func TestOneIDInTwoFiles(t *testing.T) {
	dir := tree(t, map[string]string{"a.sls": "x: test.nop\n", "b.sls": "\nx: test.nop\n"})
	_, err := compile(t, newCompiler(t, dir), "a", "b")
	want := fmt.Sprintf("%s/b.sls:2:1: state \"x\": this id stands in %s/a.sls:1 already (an id stands in one SLS)", dir, dir)
	if fmt.Sprint(err) != want {
		t.Error(err)
	}
}

func TestTop(t *testing.T) {
	sls := map[string]string{"a.sls": "a: test.nop\n", "b.sls": "b: test.nop\n", "c.sls": "c: test.nop\n"}
	tests := []struct{ what, top, want, err string }{
		{"globs and lists, in the order written", "base:\n  '*': [b]\n  'web[0-9]': [a, b]\n  'db*': [c]\n", "0 b b test.nop b\n1 a a test.nop a\n", ""},
		{"a list of ids", "base:\n  'web1, web2':\n    - match: list\n    - a\n  web2: [b]\n  web1: c\n", "0 a a test.nop a\n1 c c test.nop c\n", ""},
		{"nothing for it", "base:\n  'db*': [c]\n", "", `"web1": the top file has no states for this minion`},
		{"an SLS that is not there", "base:\n  '*': [d]\n", "", `top.sls:2:9: SLS "d": there is neither d.sls nor d/init.sls (did you mean a.sls?)`},
		{"all faults, those of other minions too", "base:\n  'a b': [a]\n  'db*': [{match: lst}, {x: y}]\nprod:\n  '*': [a]\n", "",
			`top.sls:2:3: target "a b": ' ' at position 2 stands in no id; several ids need the kind list, and more than ids the kind compound
top.sls:3:3: unknown kind of target "lst"; known are glob, list, pcre, grain, grain_pcre, compound; did you mean list?
top.sls:3:25: target "db*": want the name of an SLS, or match: list, not a map
top.sls:4:1: the environment "prod" is unknown (the only one is base)`},
		{"a template", "base:\n  '*': {{ x }}\n", "", `top.sls:2:8: this looks like a Jinja template, which is not rendered here (write plain YAML)`},
		{"a list", "- a\n", "", `top.sls:1:1: want base: and below it targets, not a list`},
		{"a base that is none", "base: [a]\n", "", `top.sls:1:7: want a map of targets, not a list`},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			sls["top.sls"] = tt.top
			dir := tree(t, sls)
			got, err := compile(t, newCompiler(t, dir))
			text := ""
			if err != nil {
				text = strings.ReplaceAll(strings.ReplaceAll(err.Error(), dir+"/", ""), dir, "ROOT")
			}
			if d := cmp.Diff(tt.want, got) + cmp.Diff(tt.err, text); d != "" {
				t.Error(d)
			}
			if strings.HasSuffix(text, "for this minion") != errors.Is(err, ErrNothing) {
				t.Error("ErrNothing")
			}
		})
	}
	if _, err := compile(t, newCompiler(t, t.TempDir())); err == nil || !strings.Contains(err.Error(), "there is no top.sls") {
		t.Error(err)
	}
}
