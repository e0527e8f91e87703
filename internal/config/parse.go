package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// Bounds of one file.
const (
	MaxFile  = 1 << 20 // bytes
	MaxDepth = 64      // levels of maps and lists, those behind aliases counted
	MaxNodes = 1 << 19 // values, those behind aliases counted each time they are used
)

// Parse reads one document; file is how the faults name it. An empty text is an empty map. Anchors, aliases and << are
// understood within the bounds; tags of one's own, several documents and keys that are no plain text are not.
// With faults the node is what could be read all the same, and may be nil.
func Parse(file string, text []byte) (*Node, Faults) {
	c := &converter{file: file, seen: map[*yaml.Node]*Node{}}
	if f, bad := checkText(file, text); bad {
		return nil, Faults{f}
	}
	doc, fault := parseYAML(file, text)
	if fault != nil {
		return nil, Faults{*fault}
	}
	if doc == nil || len(doc.Content) == 0 {
		return &Node{file: file, line: 1, column: 1, kind: Map, height: 1, weight: 1}, nil
	}
	n := c.node(doc.Content[0], 1)
	if n.Kind() == Null && len(c.faults) == 0 && n.text == "" {
		n = &Node{file: file, line: 1, column: 1, kind: Map, height: 1, weight: 1} // nothing but comments
	}
	return n, c.faults.Sorted()
}

// Load parses a file. The error is that of the file system, or Faults.
func Load(path string) (*Node, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	n, faults := Parse(path, text)
	return n, faults.Err()
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1)) // one more: Parse says that it is too long
}

// parseYAML gives the document node, nil for an empty text. The library panics on some malformed texts.
func parseYAML(file string, text []byte) (doc *yaml.Node, fault *Fault) {
	defer func() {
		if r := recover(); r != nil {
			f := syntaxFault(file, text, fmt.Errorf("yaml: %v", r))
			doc, fault = nil, &f
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var n, second yaml.Node
	if err := dec.Decode(&n); err == io.EOF {
		return nil, nil
	} else if err != nil {
		f := syntaxFault(file, text, err)
		return nil, &f
	}
	switch err := dec.Decode(&second); {
	case err == io.EOF:
		return &n, nil
	case err != nil:
		f := syntaxFault(file, text, err)
		return nil, &f
	}
	return nil, &Fault{File: file, Line: second.Line, Column: max(second.Column, 1),
		Msg: "a second document begins here", Hint: "one file holds one document"}
}

// converter turns the library's nodes into ours, once each: an alias shares its anchor's node, so that the work is linear, and
// height and weight say what following the aliases would cost.
type converter struct {
	file   string
	seen   map[*yaml.Node]*Node // nil while a node is being converted
	weight int                  // of all that was converted, aliases counted
	over   bool                 // a bound was passed; it is told once
	faults Faults
}

func (c *converter) fault(y *yaml.Node, hint, format string, args ...any) {
	if len(c.faults) <= MaxFaults {
		c.faults = append(c.faults, Fault{c.file, y.Line, y.Column, fmt.Sprintf(format, args...), hint})
	}
}

// bound counts what following an alias costs, and reports whether it is within the bounds.
func (c *converter) bound(y *yaml.Node, weight, height int) bool {
	c.weight += weight
	if c.over || c.weight <= MaxNodes && height <= MaxDepth {
		return !c.over
	}
	c.over = true
	if height > MaxDepth {
		c.fault(y, "", "nested more than %d levels deep", MaxDepth)
	} else {
		c.fault(y, "are aliases used within aliases?", "more than %d values", MaxNodes)
	}
	return false
}

// node converts y, which stands at a depth of so many levels. It never returns nil.
func (c *converter) node(y *yaml.Node, depth int) *Node {
	if y.Kind == yaml.AliasNode {
		return c.alias(y, depth)
	}
	n := &Node{file: c.file, line: y.Line, column: y.Column, height: 1, weight: 1}
	if !c.bound(y, 1, depth) {
		return n
	}
	if y.Anchor != "" {
		c.seen[y] = nil
		defer func() { c.seen[y] = n }()
	}
	switch y.Kind {
	case yaml.ScalarNode:
		c.scalar(n, y)
	case yaml.SequenceNode:
		c.tag(y, "!!seq")
		n.kind = List
		for _, item := range y.Content {
			it := c.node(item, depth+1)
			n.items = append(n.items, it)
			n.grow(it)
		}
	case yaml.MappingNode:
		c.tag(y, "!!map")
		n.kind = Map
		c.mapping(n, y, depth)
	}
	return n
}

// grow counts a child.
func (n *Node) grow(child *Node) {
	n.height = max(n.height, child.height+1)
	n.weight += child.weight
}

func (c *converter) alias(y *yaml.Node, depth int) *Node {
	n, ok := c.seen[y.Alias]
	if ok && n == nil {
		c.fault(y, "", "the alias %q stands within its own anchor", y.Value)
	}
	if n == nil || !c.bound(y, n.weight, depth+n.height-1) {
		return &Node{file: c.file, line: y.Line, column: y.Column, height: 1, weight: 1}
	}
	return n
}

// tag refuses a tag that the file gives, unless it says what is so anyway.
func (c *converter) tag(y *yaml.Node, allowed ...string) {
	if y.Style&yaml.TaggedStyle == 0 {
		return
	}
	for _, a := range allowed {
		if y.ShortTag() == a {
			return
		}
	}
	c.fault(y, "", "the tag %q is not supported here", y.Tag)
}

func (c *converter) scalar(n *Node, y *yaml.Node) {
	n.text = y.Value
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	switch {
	case y.Style&yaml.TaggedStyle != 0:
		c.tag(y, "!!str", "!!int", "!!float", "!!bool", "!!null")
		n.value = y.Value
		if y.ShortTag() != "!!str" {
			n.value = plain(y.Value)
		}
	case y.Style&quoted != 0:
		n.value = y.Value
	default:
		n.value = plain(y.Value)
	}
	if n.value != nil {
		n.kind = Scalar
	}
}

// mapping converts the pairs. What << brings in comes first, and gives way to keys that stand here.
func (c *converter) mapping(n *Node, y *yaml.Node, depth int) {
	own := make(map[string]*Node, len(y.Content)/2)
	var merged []Pair
	for i := 0; i+1 < len(y.Content); i += 2 {
		ky, vy := y.Content[i], y.Content[i+1]
		if ky.Kind == yaml.ScalarNode && ky.Tag == "!!merge" && ky.Style&yaml.TaggedStyle == 0 {
			merged = append(merged, c.merge(ky, c.node(vy, depth+1))...)
			continue
		}
		key := c.node(ky, depth+1)
		if key.kind != Scalar {
			if !c.over {
				c.fault(ky, "", "a key must be plain text, not %s", describe(key))
			}
			continue
		}
		if first, dup := own[key.text]; dup {
			c.fault(ky, "", "the key %q stands here a second time; first on line %d", key.text, first.line)
			continue
		}
		own[key.text] = key
		value := c.node(vy, depth+1)
		if value.kind == Null && value.text == "" && vy.Kind == yaml.ScalarNode {
			value.line, value.column = key.line, key.column // nothing has no place of its own
		}
		n.pairs = append(n.pairs, Pair{key, value})
	}
	if len(merged) > 0 {
		n.pairs = append(without(merged, own), n.pairs...)
	}
	for _, p := range n.pairs {
		n.grow(p.Key)
		n.grow(p.Value)
	}
}

// merge gives the pairs that << brings in: of a map, or of a list of maps of which the earlier wins.
func (c *converter) merge(ky *yaml.Node, v *Node) []Pair {
	maps := []*Node{v}
	if v.kind == List {
		maps = v.items
	}
	var out []Pair
	seen := map[string]*Node{}
	for _, m := range maps {
		if m.kind != Map {
			if !c.over {
				c.fault(ky, "", "<< takes a map or a list of maps, not %s", describe(m))
			}
			return nil
		}
		if v.kind == List && !c.bound(ky, m.weight, 1) {
			return nil
		}
		for _, p := range without(m.pairs, seen) {
			seen[p.Key.text] = p.Key
			out = append(out, p)
		}
	}
	return out
}

// without drops the pairs whose keys are taken.
func without(pairs []Pair, taken map[string]*Node) []Pair {
	out := make([]Pair, 0, len(pairs))
	for _, p := range pairs {
		if taken[p.Key.text] == nil {
			out = append(out, p)
		}
	}
	return out
}

// describe names a node for a message: its kind, and what a scalar says.
func describe(n *Node) string {
	if n.Kind() == Scalar {
		return fmt.Sprintf("%q", shorten(n.text))
	}
	return n.Kind().String()
}

// shorten keeps a message readable.
func shorten(s string) string {
	const most = 60
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i] + "..."
	}
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
