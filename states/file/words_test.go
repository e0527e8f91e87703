package file

import (
	"strings"
	"testing"

	"brine/internal/config"
)

func TestCommandIsSplitWithoutAShell(t *testing.T) {
	for in, want := range map[string]string{
		"visudo -c -f":           "visudo|-c|-f",
		"  a\t b ":               "a|b",
		`a 'b c' "d e" f\ g`:     "a|b c|d e|f g",
		`a '' ""`:                "a||",
		`a'b'"c"`:                "abc",
		`a '$HOME;|&' "x;y"`:     "a|$HOME;|&|x;y",
		`a "b\"c"`:               `a|b"c`,
		"":                       "",
		"a; b":                   "error",
		"a $(b)":                 "error",
		"a `b`":                  "error",
		`a "$b"`:                 "error",
		"a | b":                  "error",
		"a > b":                  "error",
		"a 'b":                   "error",
		"[visudo, -c, '-f x;y']": "visudo|-c|-f x;y",
	} {
		n, faults := config.Parse("x", []byte("c: "+yamlOf(in)))
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		var c Command
		got := "error"
		if n.Get("c").Decode(&c).Err() == nil {
			got = strings.Join(c, "|")
		}
		if got != want {
			t.Errorf("%q: %q; want %q", in, got, want)
		}
	}
}

func yamlOf(s string) string {
	if strings.HasPrefix(s, "[") {
		return s
	}
	return "|-\n  " + s + "\n"
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"*.log", "a/b.log", true}, // as fnmatch: a star crosses slashes
		{"*.log", "a.logs", false},
		{"a?c", "abc", true},
		{"a?c", "a/c", true},
		{"[ab]x", "bx", true},
		{"[!ab]x", "bx", false},
		{"[!ab]x", "cx", true},
		{"[^a]", "^", true},
		{"[]a]", "]", true},
		{"[a", "[a", true},
		{`[\]`, `\`, true},
		{"a.c", "abc", false},
		{"/a", "a", true},
		{"ü*", "übel", true},
		{"E@^cache/", "cache/x", true},
		{"E@^cache/", "a/cache/x", false},
		{"E@tmp", "a/tmp/x", true},
	} {
		ps, err := parsePatterns("x", config.Strings{c.pattern})
		if err != nil || ps.match(c.path) != c.want {
			t.Errorf("%q on %q: %v, %v", c.pattern, c.path, ps.match(c.path), err)
		}
	}
	for _, bad := range []string{"", "E@(", strings.Repeat("x", 2000)} {
		if _, err := parsePatterns("x", config.Strings{bad}); err == nil {
			t.Errorf("%.20q is good", bad)
		}
	}
	if _, err := parsePatterns("x", make(config.Strings, 300)); err == nil {
		t.Error("300 patterns are good")
	}
}

// Whatever is written as a pattern or a command gives a value or an error, and a split command never holds what was unquoted for a shell.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"*.log", "[a-", "[z-a]", "E@(", "a 'b\\' c\"", "\x00[\xff", "[[]", "[!]", "\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if re, err := parsePattern(s); err == nil {
			re.MatchString(s)
		}
		words, err := split(s)
		if err == nil && !strings.ContainsAny(s, `'"\`) && strings.Join(words, " ") != strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' }), " ") {
			t.Errorf("%q became %q", s, words)
		}
	})
}
