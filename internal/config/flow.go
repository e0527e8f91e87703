package config

import (
	"encoding/json"
	"slices"
	"strings"
)

// Flow writes a node on one line, so that Parse reads the same again: a scalar that was quoted is quoted, any other keeps its own text.
// Keys are sorted, so that two nodes that mean the same give the same text.
func Flow(n *Node) string {
	var b strings.Builder
	flow(&b, n)
	return b.String()
}

func flow(b *strings.Builder, n *Node) {
	switch n.Kind() {
	case Map:
		pairs := slices.Clone(n.Pairs())
		slices.SortStableFunc(pairs, func(x, y Pair) int { return strings.Compare(x.Key.Text(), y.Key.Text()) })
		b.WriteByte('{')
		for i, p := range pairs {
			if i > 0 {
				b.WriteString(", ")
			}
			quote(b, p.Key.Text())
			b.WriteString(": ")
			flow(b, p.Value)
		}
		b.WriteByte('}')
	case List:
		b.WriteByte('[')
		for i, it := range n.Items() {
			if i > 0 {
				b.WriteString(", ")
			}
			flow(b, it)
		}
		b.WriteByte(']')
	case Scalar:
		if _, text := n.value.(string); text {
			quote(b, n.text)
		} else {
			b.WriteString(n.text)
		}
	default:
		b.WriteString("null")
	}
}

// quote writes text in double quotes as JSON has it, which YAML reads the same.
func quote(b *strings.Builder, s string) {
	text, _ := json.Marshal(s) // a string always can be
	b.Write(text)
}
