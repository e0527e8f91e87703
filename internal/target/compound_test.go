package target

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// formula is a random target with what it should mean, evaluated without any parser.
type formula struct {
	text string
	rank int // of its outermost operator: 0 or, 1 and, 2 not, 3 a term or parentheses
	eval func(id string) bool
}

func drawFormula(t *rapid.T, depth int) formula {
	kind := "term"
	if depth > 0 {
		kind = rapid.SampledFrom([]string{"term", "and", "or", "not", "parens"}).Draw(t, "kind")
	}
	switch kind {
	case "and", "or":
		a, b := drawFormula(t, depth-1), drawFormula(t, depth-1)
		rank := map[string]int{"or": 0, "and": 1}[kind]
		if a.rank < rank {
			a = parens(a)
		}
		if b.rank <= rank { // on the right, so that the tree is the one drawn; it would mean the same
			b = parens(b)
		}
		eval := func(id string) bool { return a.eval(id) && b.eval(id) }
		if kind == "or" {
			eval = func(id string) bool { return a.eval(id) || b.eval(id) }
		}
		return formula{a.text + " " + kind + " " + b.text, rank, eval}
	case "not":
		a := drawFormula(t, depth-1)
		if a.rank < 2 {
			a = parens(a)
		}
		return formula{"not " + a.text, 2, func(id string) bool { return !a.eval(id) }}
	case "parens":
		return parens(drawFormula(t, depth-1))
	}
	n := rapid.IntRange(0, 9).Draw(t, "n")
	is := fmt.Sprintf("m%d", n)
	low := func(id string) bool { return id <= is }
	return rapid.SampledFrom([]formula{
		{is, 3, func(id string) bool { return id == is }},
		{"L@" + is + ",x", 3, func(id string) bool { return id == is }},
		{fmt.Sprintf("m[0-%d]", n), 3, low}, {fmt.Sprintf("E@m([0-%d])$", n), 3, low}, {fmt.Sprintf("G@id:m[0-%d]", n), 3, low}, {fmt.Sprintf("P@id:(M)[0-%d]", n), 3, low},
	}).Draw(t, "term")
}

func parens(f formula) formula { return formula{"( " + f.text + " )", 3, f.eval} }

// Whatever is written, it means what it says; parentheses may touch what they hold.
func TestCompoundMeansWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFormula(t, 5)
		tight := strings.NewReplacer("( ", "(", " )", ")").Replace(f.text)
		for _, text := range []string{f.text, tight} {
			target, err := Parse("compound", text)
			if err != nil {
				t.Fatal(err)
			}
			for n := range 10 {
				id := fmt.Sprintf("m%d", n)
				if got := target.Match(id, map[string]any{"id": id}); got != f.eval(id) {
					t.Fatalf("%s means %s: %v", text, id, got)
				}
			}
		}
	})
}

func FuzzCompound(f *testing.F) {
	for _, s := range []string{"G@os:Debian and web* or not L@a,b", "( E@(a|b) ) and P@a:b:[c]", "not (", "a) or b", `E@a\)b`, "G@*:*:x", "L@"} {
		f.Add(s, "web1", "os", "Debian")
	}
	f.Fuzz(func(t *testing.T, expr, id, key, value string) {
		for _, kind := range Kinds() {
			target, err := Parse(kind, expr)
			if err != nil {
				continue
			}
			g := map[string]any{key: map[string]any{key: []any{value, nil, int64(1)}}}
			got := target.Match(id, g)
			neg, err := Parse("compound", "not ("+expr+")")
			if kind == "compound" && err == nil && neg.Match(id, g) == got {
				t.Errorf("%q and its opposite agree on %q", expr, id)
			}
		}
	})
}
