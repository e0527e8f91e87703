package reactors

import (
	"strings"
	"testing"

	"brine/internal/config"
)

func TestLintSet(t *testing.T) {
	const motd, hosts = "brine/beacon/*/file/etc/motd", "brine/beacon/*/file/etc/hosts"
	rule := func(name, on, rest string) string { return name + ":\n  on: " + on + "\n" + rest + "\n" }
	apply := func(sls string) string { return "  do: [{state.apply: " + sls + "}]" }
	single := func(contents string) string {
		return "  do: [{state.single: {file.managed: {name: /etc/motd, contents: " + contents + "}}}]"
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                    {rule("a", motd, apply("x")) + rule("b", hosts, apply("y")), ""},
		"the same file":              {rule("a", motd, apply("x")) + rule("b", motd, apply("y")), "f:4:1: rules a and b may fight over /etc/motd: one applies x, the other y"},
		"the same state":             {rule("a", motd, apply("[x, y]")) + rule("b", motd, apply("[y, x]")), ""},
		"on other minions":           {rule("a", "brine/beacon/web*/file/etc/motd", apply("x")) + rule("b", "brine/beacon/db*/file/etc/motd", apply("y")), ""},
		"a condition":                {rule("a", motd, apply("x")) + rule("b", motd, "  when: minion == 'web1'\n"+apply("y")), ""},
		"a target":                   {rule("a", motd, apply("x")) + rule("b", motd, "  do: [{state.apply: y, tgt: db1}]"), ""},
		"a dry run":                  {rule("a", motd, apply("x")) + rule("b", motd, "  do: [{state.apply: {sls: [y], test: true}}]"), ""},
		"shadow":                     {rule("a", motd, apply("x")) + rule("b", motd, "  mode: shadow\n"+apply("y")), ""},
		"one state written twice":    {rule("a", motd, single("x")) + rule("b", "brine/beacon/web1/**", single("y")), "may fight over file.managed /etc/motd: they give the state different arguments"},
		"one state, at another time": {rule("a", "deploy/begun", single("x")) + rule("b", "deploy/ended", single("y")), ""},
		"false":                      {rule("a", motd, "  when: \"false\"\n"+apply("x")), "f:1:1: rule a never fires: its condition is false whatever comes"},
		"a part that is false":       {rule("a", "[deploy, {pattern: ops, when: \"false\"}]", "  do: [{event.fire: x}]"), "the condition of pattern ops is false"},
		"from shuts out":             {rule("a", "brine/beacon/db1/file/etc/motd", "  from: web*\n"+apply("x")), "no event of pattern brine/beacon/db1/file/etc/motd comes through its from: minion db1 fires them"},
		"from lets in":               {rule("a", "brine/beacon/db1/file/etc/motd", "  from: [web*, db*]\n"+apply("x")), ""},
		"stars that never meet":      {rule("a", "brine/beac*x/a", apply("x")), "no tag that Brine fires matches"},
		"stars that meet":            {rule("a", "brine/b*n/**", apply("x")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			set, faults := Load([]Source{{Name: "f", Text: []byte(c.text)}}, Env{Data: map[string]any{"file": nil},
				Actions: map[string]ActionShape{"state.single": {OnMinion: true, Check: func(*config.Node) config.Faults { return nil }}}})
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			var got []string
			for _, w := range set.Warnings() {
				got = append(got, w.String())
			}
			text := strings.Join(got, "\n")
			if c.want == "" && text != "" || c.want != "" && (len(got) != 1 || !strings.Contains(text, c.want)) {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
		})
	}
}

func TestMismatch(t *testing.T) {
	set, faults := Load([]Source{{Name: "f", Text: []byte("a:\n  on: [brine/beacon/*/file/**, deploy/*, ops/**/end]\n  do: [{event.fire: x}]\n")}}, Env{Data: map[string]any{"file": nil}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for tag, want := range map[string]string{
		"deploy/x":                   "",
		"ops/a/b/end":                "",
		"brine/beacon/web1/cpu/high": `pattern brine/beacon/*/file/**: segment 4 is "cpu", not "file"`,
		"deploy":                     `pattern deploy/*: it wants a segment 2, "*", and the tag has 1`,
		"deploy/a/b":                 "pattern deploy/*: it has 2 segments, and the tag 3; * stands for one, ** for any number",
		"ops/a":                      "pattern ops/**/end: what follows its ** does not end as the tag does",
	} {
		got := strings.Join(set.Mismatch("a", tag), "\n")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", tag, got, want)
		}
	}
}
