package config

import "reflect"

// Flatten is Salt's list of single-key maps as one map; a map is given back as it is, and nothing as an empty map. Later
// entries of the same key are faults.
func (n *Node) Flatten() (*Node, Faults) {
	switch n.Kind() {
	case Map:
		return n, nil
	case Null:
		return n.asMap(nil), nil
	case Scalar:
		return n.asMap(nil), Faults{n.Fault("want a list of arguments, not %s", describe(n))}
	}
	var pairs []Pair
	var faults Faults
	seen := map[string]*Node{}
	for _, it := range n.items {
		switch {
		case it.Kind() != Map:
			faults = append(faults, it.Fault("want \"argument: value\", not %s", describe(it)))
			continue
		case len(it.pairs) != 1:
			faults = append(faults, it.Fault("one argument an entry, not %d", len(it.pairs)).WithHint("begin each with its own '-'"))
			continue
		}
		p := it.pairs[0]
		if first := seen[p.Key.text]; first != nil {
			faults = append(faults, p.Key.Fault("the key %q stands here a second time; first on line %d", p.Key.text, first.line))
			continue
		}
		seen[p.Key.text] = p.Key
		pairs = append(pairs, p)
	}
	return n.asMap(pairs), faults
}

// asMap is a map in the node's place.
func (n *Node) asMap(pairs []Pair) *Node {
	m := &Node{file: n.File(), line: n.Line(), column: n.Column(), kind: Map, pairs: pairs, height: 1, weight: 1}
	for _, p := range pairs {
		m.grow(p.Key)
		m.grow(p.Value)
	}
	return m
}

// Without is a map without some of its keys.
func (n *Node) Without(keys ...string) *Node {
	drop := make(map[string]*Node, len(keys))
	for _, k := range keys {
		drop[k] = n
	}
	return n.asMap(without(n.Pairs(), drop))
}

// With is a map with key set to value, in place of what it had.
func (n *Node) With(key string, value *Node) *Node {
	k := &Node{file: value.File(), line: value.Line(), column: value.Column(), kind: Scalar, text: key, value: key, height: 1, weight: 1}
	m := n.Without(key)
	return n.asMap(append(m.pairs, Pair{k, value}))
}

// WithoutItem is a list without its i-th entry.
func (n *Node) WithoutItem(i int) *Node {
	l := *n
	l.items = append(append([]*Node(nil), n.items[:i]...), n.items[i+1:]...)
	return &l
}

// At is the node in another's place.
func (n *Node) At(place *Node) *Node {
	m := *n
	m.file, m.line, m.column = place.File(), place.Line(), place.Column()
	return &m
}

// Keys are the keys that Decode knows of the struct that into points to.
func Keys(into any) []string {
	var names []string
	for _, f := range fields(reflect.TypeOf(into).Elem(), nil) {
		names = append(names, f.name)
	}
	return names
}
