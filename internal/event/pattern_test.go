package event

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPatternMatch(t *testing.T) {
	tests := []struct {
		pattern, tag string
		want         bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a", false}, {"a", "a/b", false}, {"a/*", "a/b", true}, {"a/*", "a/b/c", false}, {"a/*", "a", false},
		{"web*", "web1", true}, {"*1", "web1", true}, {"w*b*1", "webb1", true}, {"w*b*1", "web", false}, {"*", "", true},
		{"a/**", "a", true}, {"a/**", "a/b/c", true}, {"a/**", "b", false}, {"**", "a/b", true}, {"**/c", "c", true}, {"**/c", "a/b/c", true}, {"**/c", "a/b/cd", false},
		{"a/**/c", "a/c", true}, {"a/**/c", "a/b/b/c", true}, {"a/**/c", "a/c/b", false}, {"a/**/c", "a/c/b/c", true},
		{"a/**/b/*/**/c", "a/x/b/y/c", true}, {"a/**/b/*/**/c", "a/x/b/c", false}, {"**/**/x/**", "x", true}, {"**/a/**/a", "a", false},
		{"brine/beacon/*/file/etc/motd", "brine/beacon/web1/file/etc/motd", true},
	}
	for _, tt := range tests {
		p, err := ParsePattern(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Match(tt.tag); got != tt.want {
			t.Errorf("%s on %s: %v", tt.pattern, tt.tag, got)
		}
	}
}

func TestParsePatternFaults(t *testing.T) {
	for pattern, want := range map[string]string{
		"": "empty", "/a": "empty segment at position 1", "a//b": "empty segment at position 3", "a/": "empty segment at position 3",
		"a/b**": "'**' at position 3", "***": "'**' at position 1", "a\tb": "position 2", "a/\xff": "position 3", strings.Repeat("a", MaxTag+1): "1025 bytes",
	} {
		if _, err := ParsePattern(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", pattern, err, want)
		}
	}
}

// refMatch is the definition, word for word.
func refMatch(pattern, tag []string) bool {
	if len(pattern) == 0 {
		return len(tag) == 0
	}
	if pattern[0] == "**" {
		return refMatch(pattern[1:], tag) || len(tag) > 0 && refMatch(pattern, tag[1:])
	}
	return len(tag) > 0 && refSegment(pattern[0], tag[0]) && refMatch(pattern[1:], tag[1:])
}

func refSegment(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	if pattern[0] == '*' {
		return refSegment(pattern[1:], s) || s != "" && refSegment(pattern, s[1:])
	}
	return s != "" && pattern[0] == s[0] && refSegment(pattern[1:], s[1:])
}

func TestPatternAgreesWithItsDefinition(t *testing.T) {
	segment := rapid.StringMatching(`[ab]{1,3}`)
	pat := rapid.OneOf(rapid.Just("**"), rapid.StringMatching(`\*?[ab]{1,2}\*?[ab]`), rapid.Just("*"))
	rapid.Check(t, func(t *rapid.T) {
		tag := rapid.SliceOfN(segment, 1, 8).Draw(t, "tag")
		pattern := rapid.SliceOfN(pat, 1, 6).Draw(t, "pattern")
		p, err := ParsePattern(strings.Join(pattern, "/"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.Match(strings.Join(tag, "/")), refMatch(pattern, tag); got != want {
			t.Fatalf("%v on %v: %v", pattern, tag, got)
		}
	})
}

// A pattern as long as may be, made so that trying every way to share out the segments would take for ever.
func TestPatternIsNotExponential(t *testing.T) {
	p, err := ParsePattern(strings.Repeat("**/*a*a/", MaxTag/8-1) + "b")
	if err != nil {
		t.Fatal(err)
	}
	if p.Match(strings.Repeat("aa/", 340) + "aa") {
		t.Error("matches")
	}
	if MatchSegment(strings.Repeat("*a", 500)+"b", strings.Repeat("a", 1000)) {
		t.Error("matches")
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("a/**/b*", "a/x/bc")
	f.Add("**", "")
	f.Add("*/**/*", "/")
	f.Fuzz(func(t *testing.T, pattern, tag string) {
		p, err := ParsePattern(pattern)
		if err != nil {
			return
		}
		if p.String() != pattern || strings.Join(p.Segments(), "/") != pattern {
			t.Errorf("%q reads as %v", pattern, p.Segments())
		}
		got := p.Match(tag)
		if len(pattern) < 20 && len(tag) < 40 && got != refMatch(p.Segments(), strings.Split(tag, "/")) {
			t.Errorf("%q on %q: %v", pattern, tag, got)
		}
		if CheckTag(pattern) == nil && !p.Match(pattern) {
			t.Errorf("%q does not match itself", pattern)
		}
	})
}

func BenchmarkPatternMatch(b *testing.B) {
	p, _ := ParsePattern("brine/beacon/*/file/**")
	for b.Loop() {
		p.Match("brine/beacon/web1/file/etc/ssh/sshd_config")
	}
}
