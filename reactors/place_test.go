package reactors

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"brine/internal/config"

	"pgregory.net/rapid"
)

// Every character of a scalar is found again in the file, whatever way the scalar is written.
func TestPlaces(t *testing.T) {
	letters := []rune("ab'\"&=é \\|日.")
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom(letters), 1, 6, -1), 1, 6).Draw(t, "words")
		indent := rapid.SampledFrom([]string{"\n    ", "\n  ", " "}).Draw(t, "break")
		style := rapid.SampledFrom([]string{"'", "\"", "|", ">", "|-", ">-", "plain"}).Draw(t, "style")
		var text string
		switch style {
		case "'":
			text = "k: '" + strings.ReplaceAll(strings.Join(words, indent), "'", "''") + "'\n"
		case "\"":
			text = "k: " + strings.ReplaceAll(strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "é", "\\u00e9").Replace("\x01"+strings.Join(words, indent)+"\x01"), "\x01", "\"") + "\n"
		case "plain":
			text = "k: x" + strings.Join(words, indent) + "\n"
		default:
			text = "k: " + style + "\n    " + strings.Join(words, "\n    ") + "\n"
		}
		root, faults := config.Parse("f", []byte(text))
		if len(faults) > 0 || root.Get("k").Kind() != config.Scalar {
			t.Skip("no scalar of that style")
		}
		n := root.Get("k")
		lines := strings.Split(text, "\n")
		p := place{node: n, text: []byte(text)}
		for i, r := range []rune(n.Text()) {
			if r == ' ' || r == '\n' {
				continue // may be a line break
			}
			line, col := p.at(i)
			at := []rune(lines[line-1])
			got := at[col-1]
			if got == '\\' && style == "\"" { // an escape begins here
				continue
			}
			if got != r && !(style == "'" && got == '\'') {
				t.Fatalf("character %d %q of %q is sought at %d:%d, where %q stands, in\n%s", i, r, n.Text(), line, col, got, text)
			}
		}
	})
}

// Where a text cannot be traced, and past the end, the place is one in the file all the same.
func TestPlacesStayInFile(t *testing.T) {
	text := "a: &x \"b${c}\"\nd: *x\ne: !!str 'fg'\nh: |2\n    i\n"
	root, faults := config.Parse("f", []byte(text))
	if len(faults) > 0 {
		t.Skip(faults)
	}
	lines := strings.Split(text, "\n")
	for _, p := range root.Pairs() {
		for off := range utf8.RuneCountInString(p.Value.Text()) + 5 {
			pl := place{node: p.Value, text: []byte(text)}
			line, col := pl.at(off)
			if line < 1 || line > len(lines) || col < 1 || col > len(lines[line-1])+1 {
				t.Errorf("%s at %d: %d:%d", p.Key.Text(), off, line, col)
			}
		}
	}
	if got := fmt.Sprint(place{node: root.Get("a"), text: []byte(text)}.String(3)); got != "f:1:11" {
		t.Errorf("behind an anchor: %s, want f:1:11", got)
	}
}
