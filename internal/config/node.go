package config

import "fmt"

// Kind is what a node is.
type Kind int

// The kinds. Null is also the kind of a node that is not there.
const (
	Null Kind = iota
	Scalar
	List
	Map
)

// String is the kind as messages name it.
func (k Kind) String() string {
	switch k {
	case Scalar:
		return "a single value"
	case List:
		return "a list"
	case Map:
		return "a map"
	}
	return "nothing"
}

// Node is one value of a file, with its place. It does not change once read. Every method may be called on nil, which is Null.
type Node struct {
	file         string
	line, column int
	kind         Kind
	text         string // of a scalar, or of an explicit null
	value        any    // of a scalar
	pairs        []Pair
	items        []*Node

	height int // levels below and with this one
	weight int // nodes in it, those behind aliases counted each time
}

// Pair is one entry of a map. Key is always a Scalar.
type Pair struct{ Key, Value *Node }

// Kind is what the node is; an empty value and ~ are Null.
func (n *Node) Kind() Kind {
	if n == nil {
		return Null
	}
	return n.kind
}

// Pairs are the entries of a map in the order they are written; nil for any other kind. They must not be changed.
func (n *Node) Pairs() []Pair {
	if n == nil {
		return nil
	}
	return n.pairs
}

// Items are the entries of a list; nil for any other kind. They must not be changed.
func (n *Node) Items() []*Node {
	if n == nil {
		return nil
	}
	return n.items
}

// Get is the value of a key of a map, or nil.
func (n *Node) Get(key string) *Node {
	for _, p := range n.Pairs() {
		if p.Key.text == key {
			return p.Value
		}
	}
	return nil
}

// Key is the node of the key itself, for its place, or nil.
func (n *Node) Key(key string) *Node {
	for _, p := range n.Pairs() {
		if p.Key.text == key {
			return p.Key
		}
	}
	return nil
}

// Text is a scalar's own text: unquoted, but otherwise as written, so that 0644 is "0644". It is empty for a map or list.
func (n *Node) Text() string {
	if n == nil {
		return ""
	}
	return n.text
}

// Value is the node as plain values, by Salt's rules (YAML 1.1): map[string]any, []any, string, int64, float64, bool, nil.
// yes, no, on and off are booleans and 0644 is octal; a date, 12:30, 1e3 and .inf stay text; a whole number past int64 is a float64.
// It is a new value each time.
func (n *Node) Value() any {
	switch n.Kind() {
	case Map:
		m := make(map[string]any, len(n.pairs))
		for _, p := range n.pairs {
			m[p.Key.text] = p.Value.Value()
		}
		return m
	case List:
		l := make([]any, len(n.items))
		for i, it := range n.items {
			l[i] = it.Value()
		}
		return l
	case Scalar:
		return n.value
	}
	return nil
}

// File is where the node was read.
func (n *Node) File() string {
	if n == nil {
		return ""
	}
	return n.file
}

// Line counts from 1.
func (n *Node) Line() int {
	if n == nil {
		return 0
	}
	return n.line
}

// Column counts characters from 1.
func (n *Node) Column() int {
	if n == nil {
		return 0
	}
	return n.column
}

// Fault says that something is wrong at this node.
func (n *Node) Fault(format string, args ...any) Fault {
	return Fault{File: n.File(), Line: n.Line(), Column: n.Column(), Msg: fmt.Sprintf(format, args...)}
}
