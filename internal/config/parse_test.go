package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFaults(t *testing.T) {
	tests := []struct{ what, text, want string }{
		{"a colon too many", "x: 1\na: b: c\n", "f:2:5: a ':' where no key can stand (quote the text, or look at the indentation)"},
		{"indented under a value", "a: 1\n  b: 2\n", "f:2:4: a ':' where no key can stand (quote the text, or look at the indentation)"},
		{"between two levels", "a:\n  b: 1\n c: 2\n", "f:3:2: this does not fit the map around it (look at the indentation and the quotes)"},
		{"a tab", "a:\n\tb: 1\n", "f:2:1: a tab in the indentation (indent with spaces)"},
		{"an open bracket", "a: [1, 2\nb: 3\n", "f:1:8: this [ is never closed, or a comma is missing"},
		{"an open quote", "a: \"abc\nb: c\n", "f:1:4: this quote is never closed"},
		{"an at sign", "a: @x\n", "f:1:4: a character that no value can begin with (quote the text)"},
		{"after letters of two bytes", "é: b: c\n", "f:1:5: a ':' where no key can stand (quote the text, or look at the indentation)"},
		{"no colon", "x: 1\nfoo\nz: 1\n", "f:2:1: a key without its ':'"},
		{"no anchor", "a: *foo\n", `f:1:4: the alias "foo" has no anchor before it`},
		{"an alias of itself", "a: &x [*x]\n", `f:1:8: the alias "x" stands within its own anchor`},
		{"two documents", "---\na: 1\n---\nb: 1\n", "f:3:1: a second document begins here (one file holds one document)"},
		{"a second document that is broken", "---\na: 1\n---\nb: @\n", "f:4:4: a character that no value can begin with (quote the text)"},
		{"a tag of one's own", "a: !foo 3\n", `f:1:4: the tag "!foo" is not supported here`},
		{"a binary", "a: !!binary aGk=\n", `f:1:4: the tag "!!binary" is not supported here`},
		{"a list as key", "? [a]\n: 3\n", "f:1:3: a key must be plain text, not a list"},
		{"nothing as key", "~: 3\n", "f:1:1: a key must be plain text, not nothing"},
		{"a key twice, twice", "a: 1\nb:\n  c: 1\n  c: 2\na: 2\n", "f:4:3: the key \"c\" stands here a second time; first on line 3\n" +
			"f:5:1: the key \"a\" stands here a second time; first on line 1"},
		{"merging text", "a:\n  <<: text\n", `f:2:3: << takes a map or a list of maps, not "text"`},
		{"no UTF-8", "a: b\nc: \xff\n", "f:2:4: byte 0xff is no UTF-8 (save the file as UTF-8)"},
		{"a NUL", "a: b\x00\n", "f:1:5: control character U+0000"},
		{"too deep", strings.Repeat("[", 65) + strings.Repeat("]", 65), "f:1:65: nested more than 64 levels deep"},
		{"too deep through aliases", "a: &a " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\nb: " + strings.Repeat("[", 40) + "*a" + strings.Repeat("]", 40),
			"f:2:44: nested more than 64 levels deep"},
		{"too large", strings.Repeat("#", MaxFile+1), "f: the file is larger than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			_, faults := Parse("f", []byte(tt.text))
			if d := cmp.Diff(tt.want, lines(faults)); d != "" {
				t.Error(d)
			}
		})
	}
}

// A few hundred bytes that stand for billions of values are refused before anything is made of them.
func TestParseRefusesAliasBombs(t *testing.T) {
	bomb, merge := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n", "a0: &a0 {k: x}\n"
	for i := 1; i < 20; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 8), i-1)
		merge += fmt.Sprintf("a%d: &a%d {<<: *a%d, l: *a%d, m: *a%d}\n", i, i, i-1, i-1, i-1)
	}
	for _, text := range []string{bomb, merge} {
		if _, faults := Parse("f", []byte(text)); len(faults) != 1 || !strings.Contains(faults[0].Msg, "more than 524288 values") {
			t.Errorf("%s\n%v", text, faults)
		}
	}
}

func TestParseReadsAsSaltDoes(t *testing.T) {
	tests := []struct {
		text string
		want any
	}{
		{"", map[string]any{}},
		{"# only a comment\n", map[string]any{}},
		{"---\n", map[string]any{}},
		{"~", nil},
		{"[yes, No, ON, off, true, False, y, n]", []any{true, false, true, false, true, false, "y", "n"}},
		{"['yes', \"no\", '1']", []any{"yes", "no", "1"}},
		{"[1, -2, 0x1f, 0644, 0o17, 0b11, 1_000, 089, 9223372036854775807, 18446744073709551616, 0]",
			[]any{int64(1), int64(-2), int64(31), int64(420), int64(15), int64(3), int64(1000), "089", int64(9223372036854775807), 18446744073709551616.0, int64(0)}},
		{"[1.5, .5, 1., 1.5e+3, 1e3, .inf, 12:30:45, 2026-11-01, 1.2.3, -]", []any{1.5, .5, 1., 1500., "1e3", ".inf", "12:30:45", "2026-11-01", "1.2.3", "-"}},
		{"[~, null, '', Null]", []any{nil, nil, "", nil}},
		{"{1: a, yes: b}", map[string]any{"1": "a", "yes": "b"}},
		{"!!str 5", "5"},
		{"a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: {<<: [{b: 5}, *x], '<<': q}", map[string]any{"a": map[string]any{"b": int64(1), "c": int64(2)},
			"d": map[string]any{"b": int64(1), "c": int64(3)}, "e": map[string]any{"b": int64(5), "c": int64(2), "<<": "q"}}},
		{"a: |\n  x\n  y\n", map[string]any{"a": "x\ny\n"}},
	}
	for _, tt := range tests {
		n, faults := Parse("f", []byte(tt.text))
		if len(faults) > 0 {
			t.Errorf("%q: %v", tt.text, faults)
		}
		if d := cmp.Diff(tt.want, n.Value()); d != "" {
			t.Errorf("%q: %s", tt.text, d)
		}
	}
}

func TestFaultsAreBounded(t *testing.T) {
	_, faults := Parse("f", []byte(strings.Repeat("a: 1\n", 5000)))
	if len(faults) != MaxFaults+1 || faults[0].Line != 2 {
		t.Errorf("%d faults, first %v", len(faults), faults[0])
	}
	n, _ := Parse("f", []byte("["+strings.Repeat("x, ", 500)+"]"))
	var into []int
	faults = n.Decode(&into)
	if got := faults[len(faults)-1].Msg; got != "and 400 more faults from here on" {
		t.Error(got)
	}
	if faults.Err() == nil || Faults(nil).Err() != nil {
		t.Error("Err")
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDropInsAreMerged(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"m.yaml":              "a: {x: 1, y: 2}\nl: [1, 2]\ns: one\nempty: {k: v}\nreset: 5\n",
		"m.d/10-a.yaml":       "a: {y: 3, z: 4}\nl: [3]\nempty:\nreset: ~\n",
		"m.d/20-b.yaml":       "s: two\nnew: 1\na: {y: 5}\n",
		"m.d/.hidden.yaml":    "s: hidden\n",
		"m.d/note.txt":        "s: note\n",
		"m.d/sub.yaml/x.yaml": "s: sub\n",
	})
	n, err := LoadWithDropIns(filepath.Join(dir, "m.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"a": map[string]any{"x": int64(1), "y": int64(5), "z": int64(4)}, "l": []any{int64(3)}, "s": "two",
		"empty": map[string]any{"k": "v"}, "reset": nil, "new": int64(1)}
	if d := cmp.Diff(want, n.Value()); d != "" {
		t.Error(d)
	}
	if f := n.Get("a").Get("z").Fault("here").String(); f != filepath.Join(dir, "m.d/10-a.yaml")+":1:14: here" {
		t.Error(f)
	}
}

func TestDropInFaultsComeTogether(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"m.yaml": "a: {x: 1}\nb: [\n", "m.d/1.yaml": "c: 1\n", "m.d/2.yaml": "c: {d: 1}\n", "m.d/3.yaml": "[a]\n"})
	_, err := LoadWithDropIns(filepath.Join(dir, "m.yaml"))
	got := strings.ReplaceAll(fmt.Sprint(err), dir+"/", "")
	want := "m.d/2.yaml:1:4: a map where m.d/1.yaml:1 has \"1\"\nm.d/3.yaml:1:1: want a map, not a list\nm.yaml:2:4: a value is missing here, or cannot stand here"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := Load(filepath.Join(dir, "none.yaml")); !os.IsNotExist(err) {
		t.Error(err)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"source", "contents", "user", "group", "mode", "makedirs", "require", "file_roots"}
	for word, want := range map[string]string{"sorce": "source", "soruce": "source", "Mode": "mode", "make_dirs": "makedirs", "file-roots": "file_roots",
		"usr": "user", "zzz": "", "": "", "x": "", "requires": "require", "content": "contents", strings.Repeat("u", 100): ""} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "a: b", "a: &x [1]\nb: *x\nc: {<<: {d: 1}}", "- [a, {b: c}]\n- |\n  x\n", "a: !!str 5\n? b\n: c\n", "---\na\n---\nb", "\ta: b", "a: 'x\n",
		"{% if %}", "a: &x\n  <<: *x\n", "&a [*a]", "x: 0644\ny: 1:2\nz: 2026-01-01", "\"\\x41\\u00e9\": %"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, faults := Parse("f", text)
		if len(faults) == 0 && n == nil {
			t.Fatal("neither a node nor a fault")
		}
		for _, fault := range faults {
			if fault.Msg == "" || fault.Line < 1 || fault.Column < 1 {
				t.Errorf("a fault without a place: %+v", fault)
			}
		}
		n.Value()
		into := sample{Limits: &limits{}}
		_ = lines(n.Decode(&into))
	})
}
